"""Rows that a mixture assigns."""

import numpy as np

from dgmm.mixture.kernels.loops_numba.compilation import compiled, inlined
from dgmm.mixture.kernels.loops_numba.responsibilities import softmax
from dgmm.mixture.kernels.loops_numba.row_loops import (
    add_products,
    copy,
    fill,
    scale_row,
    transpose,
)
from dgmm.mixture.types import Array, Indices


@inlined
def _subtract(row: Array, value: float, out: Array) -> None:
    for t in range(row.size):
        out[t] = row[t] - value


@inlined
def _subtract_half(value: float, row: Array, out: Array) -> None:
    for t in range(row.size):
        out[t] = value - 0.5 * row[t]


@inlined
def _find_largest(rows: Array, places: Indices, largest: Array) -> None:
    copy(rows[0], largest)
    for t in range(places.size):
        places[t] = 0
    for k in range(1, len(rows)):
        row = rows[k]
        for t in range(row.size):
            is_larger = row[t] > largest[t]
            largest[t] = row[t] if is_larger else largest[t]
            places[t] = k if is_larger else places[t]


@compiled(
    "void(float64[:, ::1], float64[:, ::1], float64[:, :, ::1], boolean, float64[::1], int64,"
    " float64[:, ::1], float64[:, ::1], float64[::1], int64[::1], float64[::1])"
)
def assign(
    x: Array,
    means: Array,
    factors: Array,
    diagonal: bool,
    peaks: Array,
    tile_rows: int,
    distances: Array,
    posterior: Array,
    log_density: Array,
    places: Indices,
    largest: Array,
) -> None:
    """Densities and responsibilities of rows under one mixture, by the centred form.

    Parameters
    ----------
    x : ndarray of shape (n_rows, d)
    means : ndarray of shape (K, d)
    factors : ndarray of shape (K, d, d) or (1, d, d), or (K, 1, d) if diagonal
        Transposed factors of the precisions, of each component or of all of them.
    diagonal : bool
    peaks : ndarray of shape (K,)
        log(w_k N(mu_k | mu_k, Sigma_k)).
    tile_rows : int
        Rows at a time.
    distances : ndarray of shape (K, n_rows)
        Set to squared Mahalanobis distances.
    posterior : ndarray of shape (K, n_rows)
        Set to responsibilities.
    log_density : ndarray of shape (n_rows,)
        Set, in nats.
    places : ndarray of shape (n_rows,)
        Set to the most probable components, the first of ties.
    largest : ndarray of shape (n_rows,)
        Set to their responsibilities.
    """
    (n_rows, d), n_components = x.shape, len(means)
    scratch = np.empty((3 * d + n_components + 3) * tile_rows)
    for start in range(0, n_rows, tile_rows):
        n = min(tile_rows, n_rows - start)
        columns = scratch[: d * n].reshape((d, n))
        deviations = scratch[d * n : 2 * d * n].reshape((d, n))
        whitened = scratch[2 * d * n : 3 * d * n].reshape((d, n))
        rest = scratch[3 * d * n :]
        logits = rest[: n_components * n].reshape((n_components, n))
        ones = rest[n_components * n : (n_components + 1) * n]
        log_total = rest[(n_components + 1) * n : (n_components + 2) * n]
        scale = rest[(n_components + 2) * n : (n_components + 3) * n]
        transpose(x[start : start + n], columns)
        for k in range(n_components):
            distance = distances[k, start : start + n]
            fill(distance, 0.0)
            for i in range(d):
                _subtract(columns[i], means[k, i], deviations[i])
            if diagonal:
                for i in range(d):
                    scale_row(deviations[i], factors[k, 0, i], whitened[i])
            else:
                np.dot(factors[k % len(factors)], deviations, whitened)
            for i in range(d):
                add_products(distance, whitened[i], whitened[i])
            _subtract_half(peaks[k], distance, logits[k])
        fill(ones, 1.0)
        softmax(logits, ones, log_density[start : start + n], log_total, scale)
        _find_largest(logits, places[start : start + n], largest[start : start + n])
        for k in range(n_components):
            copy(logits[k], posterior[k, start : start + n])
