"""The tiles of the expanded kernel."""

import numpy as np

from dgmm.mixture.kernels.loops_numba.compilation import compiled, inlined
from dgmm.mixture.kernels.loops_numba.responsibilities import score
from dgmm.mixture.kernels.loops_numba.row_loops import (
    add_products,
    add_to,
    fill,
    scale_row,
    transpose,
)
from dgmm.mixture.types import Array, Indices


@inlined
def _evaluate(x: Array, origin: Array, factors: Indices, phi: Array) -> None:
    """The feature map of rows x, transposed."""
    linear = 1 + x.shape[1]
    fill(phi[0], 1.0)
    for i in range(1, linear):
        row, shift = phi[i], origin[i - 1]
        for t in range(row.size):
            row[t] = x[t, i - 1] - shift
    for f in range(linear, len(phi)):
        left, right, product = phi[factors[0, f]], phi[factors[1, f]], phi[f]
        for t in range(product.size):
            product[t] = left[t] * right[t]


@inlined
def _places(factors: Indices, m: int) -> Indices:
    """Where the feature map has the product of two entries of (1, x), the smaller index first."""
    places = np.empty((m, m), np.int64)
    for f in range(factors.shape[1]):
        places[factors[0, f], factors[1, f]] = f
    return places


@inlined
def _gathered(theta: Array, places: Indices, out: Array) -> Array:
    """Columns of theta."""
    found = out[: len(theta) * places.size].reshape((len(theta), places.size))
    for k in range(len(theta)):
        for j in range(places.size):
            found[k, j] = theta[k, places[j]]
    return found


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], int64[::1],"
    " int64[:, ::1], int64, int64, boolean, float64[:, ::1], float64[:, ::1], float64[::1],"
    " float64[:, :], float64[:, :])"
)
def add(
    x: Array,
    origin: Array,
    weights: Array,
    theta: Array,
    stops: Indices,
    factors: Indices,
    tile_rows: int,
    batch: int,
    transposed: bool,
    sums: Array,
    scores: Array,
    scratch: Array,
    posterior: Array,
    densities: Array,
) -> None:
    """Add rows to the sums of the expanded kernel, tile by tile.

    Parameters
    ----------
    x : ndarray of shape (n_rows, d)
    origin : ndarray of shape (d,)
        Subtracted from every row.
    weights : ndarray of shape (n_rows,)
    theta : ndarray of shape (C, p)
        Natural parameters of the components of all models.
    stops : ndarray of shape (n_models,)
        Where each model's components end in ``theta``.
    factors : ndarray of shape (2, p)
        :func:`dgmm.mixture.feature_map.factors`.
    tile_rows, batch, transposed
        A :class:`dgmm.mixture.kernels.tiling.TileShape`.
    sums : ndarray of shape (p, C)
        Added to in place.
    scores : ndarray of shape (2, n_models)
        Log-likelihoods and log-classifications, in nats, added to in place.
    scratch : ndarray of shape (TileShape.scratch_size,)
        Overwritten.
    posterior : ndarray of shape (C, n_rows), or (C, 0)
        Set to weighted responsibilities, unless it has no columns.
    densities : ndarray of shape (n_models, n_rows), or (n_models, 0)
        Set to log densities, in nats, unless it has no columns.
    """
    n_components, length = theta.shape
    whole = len(x) - len(x) % tile_rows
    for first, last, n_rows in ((0, whole, tile_rows), (whole, len(x), max(1, len(x) - whole))):
        a = length * n_rows
        b = a + n_components * n_rows
        c = b + batch * n_rows
        phi = scratch[:a].reshape((length, n_rows))
        logits = scratch[a:b].reshape((n_components, n_rows))
        buffers = scratch[c : c + 3 * n_rows]
        rest = scratch[c + 3 * n_rows :]
        for start in range(first, last, n_rows):
            tile_weights = weights[start : start + n_rows]
            _evaluate(x[start : start + n_rows], origin, factors, phi)
            for k in range(0, n_components, batch):
                np.dot(theta[k : k + batch], phi, logits[k : k + batch])
            score(logits, stops, tile_weights, buffers, scores, start, posterior, densities)
            for k in range(0, n_components, batch):
                r = logits[k : k + batch]
                product = rest[: length * len(r)].reshape((length, len(r)))
                if transposed:
                    r_transposed = scratch[b : b + len(r) * n_rows].reshape((n_rows, len(r)))
                    transpose(r, r_transposed)
                    np.dot(phi, r_transposed, product)
                else:
                    np.dot(phi, r.T, product)
                if len(r) == n_components:
                    add_to(sums.reshape(-1), product.reshape(-1))
                else:
                    for f in range(length):
                        add_to(sums[f, k : k + batch], product[f])


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], int64[::1],"
    " int64[:, ::1], int64, int64, float64[:, ::1], float64[:, ::1], float64[::1],"
    " float64[:, :], float64[:, :])"
)
def add_factored(
    x: Array,
    origin: Array,
    weights: Array,
    theta: Array,
    stops: Indices,
    factors: Indices,
    tile_rows: int,
    batch: int,
    sums: Array,
    scores: Array,
    scratch: Array,
    posterior: Array,
    densities: Array,
) -> None:
    """As :func:`add` with all of the feature map, which is never made.

    With y = (1, x), theta . phi(x) = sum_i y_i (sum_{j >= i} theta_ij y_j): for every i a product
    with the tile's own rows, which stay in cache where p of them would not.
    """
    n_components, (n_rows, d) = len(theta), x.shape
    m = 1 + d
    places = _places(factors, m)
    for start in range(0, n_rows, tile_rows):
        n = min(tile_rows, n_rows - start)
        tile_weights = weights[start : start + n]
        a = m * n
        b = a + n_components * n
        c = b + batch * n
        e = c + batch * n
        y = scratch[:a].reshape((m, n))
        logits = scratch[a:b].reshape((n_components, n))
        buffers = scratch[e : e + 3 * n]
        rest = scratch[e + 3 * n :]
        _evaluate(x[start : start + n], origin, factors, y)
        for k in range(0, n_components, batch):
            some = logits[k : k + batch]
            product = scratch[b : b + some.size].reshape(some.shape)
            np.dot(_gathered(theta[k : k + batch], places[0], rest), y, some)
            for i in range(1, m):
                np.dot(_gathered(theta[k : k + batch], places[i, i:], rest), y[i:], product)
                for j in range(len(some)):
                    add_products(some[j], y[i], product[j])
        score(logits, stops, tile_weights, buffers, scores, start, posterior, densities)
        for k in range(0, n_components, batch):
            some = logits[k : k + batch]
            r = scratch[b : b + some.size].reshape((n, len(some)))
            z = scratch[c : c + some.size].reshape((n, len(some)))
            transpose(some, r)
            for i in range(m):
                for t in range(n):
                    scale_row(r[t], y[i, t], z[t])
                product = rest[: (m - i) * len(some)].reshape((m - i, len(some)))
                np.dot(y[i:], z, product)
                for j in range(i, m):
                    add_to(sums[places[i, j], k : k + batch], product[j - i])
