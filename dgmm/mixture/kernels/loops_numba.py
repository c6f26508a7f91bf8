"""The loops over rows, compiled by Numba: the expanded kernel's tiles and the softmax.

Importing this module imports Numba, which takes half a second: do it where rows are worked on.
Every function releases the GIL. Machine code is kept beside this file, or in the user's cache;
where neither can be written, each process compiles anew.

All arrays are feature-major: rows of the data run along the last axis, so that loops are vectors.
All loops are in this file, because Numba keeps machine code for as long as the file is unchanged.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.polynomial.chebyshev import cheb2poly

from dgmm.mixture.types import Array, Indices

Loop = TypeVar("Loop", bound=Callable[..., object])

# Products and sums may be fused, which is exact; nothing else may be rearranged.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

_inlined = njit(**_OPTIONS)


def _compiled(signature: str) -> Callable[[Loop], Loop]:
    """Compile for one signature, or load what was compiled before."""

    def compile_(function: Loop) -> Loop:
        try:
            return njit(signature, cache=True, **_OPTIONS)(function)
        except Exception:  # the cache cannot be written, is damaged, or the disk is full
            return njit(signature, **_OPTIONS)(function)

    return compile_


# --- exponential and logarithm, in a form that becomes vector instructions --------------------


def _economised_exp(degree: int) -> tuple[float, ...]:
    """Coefficients of exp(r) for |r| <= a = log(2) / 2, from 1 up to r^degree.

    Taylor's series, from which two more terms c r^n are taken as c (r^n - 2 (a/2)^n T_n(r / a)),
    T_n being Chebyshev's polynomials (Lanczos 1956): with degree 11 it is 7e-18 off.
    """
    half = 0.5 * math.log(2)
    series = [1 / math.factorial(n) for n in range(degree + 3)]
    for n in (degree + 2, degree + 1):
        largest = 2 * series[n] * (half / 2) ** n
        for power, coefficient in enumerate(cheb2poly([0] * n + [1]).tolist()):
            series[power] -= largest * coefficient / half**power
    return tuple(series[: degree + 1])


_NEGLIGIBLE = -600.0
"""Responsibilities below exp(-600) count as nothing: they are far below rounding, and arithmetic is
slow where they become subnormal."""

_LOG2_E = 1 / math.log(2)
_LN2_HIGH = float.fromhex("0x1.62e42fefap-1")  # 36 bits: products with |k| < 2^17 are exact
_LN2_LOW = float.fromhex("0x1.cf79abc9e3b39p-40")
_ROUND = 1.5 * 2.0**52  # a number this large has no bits behind the point
_EXP = _economised_exp(11)
_ODD = tuple(1 / (2 * n + 1) for n in range(12))
_SQRT_HALF = math.sqrt(0.5)
_LN2 = math.log(2)


@_inlined
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """c_0 + c_1 x + c_2 x^2 + .. by Horner's rule; unrolled, since their number is known."""
    value = coefficients[-1]
    for n in range(len(coefficients) - 2, -1, -1):
        value = value * x + coefficients[n]
    return value


@_inlined
def _exp(x: float) -> float:
    """exp(x) for x <= 0, to less than one unit in the last place; 0 below -600.

    x = k log 2 + r with |r| <= log(2) / 2 (Cody & Waite 1980).
    """
    is_negligible = x < _NEGLIGIBLE
    x = _NEGLIGIBLE if is_negligible else x
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = _polynomial(_EXP, r)
    # the last bits of ``shifted`` are k, which belongs into the exponent
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return 0.0 if is_negligible else series * power


@_inlined
def _log(x: float) -> float:
    """log(x) for finite x >= 1, to two units in the last place of the result or of log 2.

    x = 2^e m with m between the roots of 1/2 and 2, and
    log m = 2 (f + f^3 / 3 + f^5 / 5 + ..), f = (m - 1) / (m + 1), |f| < 0.172.
    """
    bits = np.float64(x).view(np.int64)
    exponent = (bits - np.float64(_SQRT_HALF).view(np.int64)) >> 52
    m = np.int64(bits - (exponent << 52)).view(np.float64)
    f = (m - 1.0) / (m + 1.0)
    square = f * f
    series = _polynomial(_ODD[1:], square)
    return exponent * _LN2 + 2.0 * (f + f * square * series)


# --- loops over a row of T numbers ------------------------------------------------------------


@_inlined
def _fill(row: Array, value: float) -> None:
    for t in range(row.size):
        row[t] = value


@_inlined
def _copy(row: Array, other: Array) -> None:
    for t in range(row.size):
        other[t] = row[t]


@_inlined
def _raise_to(largest: Array, row: Array) -> None:
    for t in range(row.size):
        largest[t] = row[t] if row[t] > largest[t] else largest[t]


@_inlined
def _exponentiate(row: Array, largest: Array, total: Array) -> None:
    for t in range(row.size):
        value = _exp(row[t] - largest[t])
        row[t] = value
        total[t] += value


@_inlined
def _multiply(row: Array, factor: Array) -> None:
    for t in range(row.size):
        row[t] *= factor[t]


@_inlined
def _add_to(total: Array, row: Array) -> None:
    for t in range(row.size):
        total[t] += row[t]


@_inlined
def _evaluate(x: Array, origin: Array, factors: Indices, phi: Array) -> None:
    """The feature map of rows x, transposed."""
    linear = 1 + x.shape[1]
    _fill(phi[0], 1.0)
    for i in range(1, linear):
        row, shift = phi[i], origin[i - 1]
        for t in range(row.size):
            row[t] = x[t, i - 1] - shift
    for f in range(linear, len(phi)):
        left, right, product = phi[factors[0, f]], phi[factors[1, f]], phi[f]
        for t in range(product.size):
            product[t] = left[t] * right[t]


@_inlined
def _add_products(total: Array, row: Array, other: Array) -> None:
    for t in range(row.size):
        total[t] += row[t] * other[t]


@_inlined
def _scale(row: Array, factor: float, out: Array) -> None:
    for k in range(row.size):
        out[k] = factor * row[k]


@_inlined
def _places(factors: Indices, m: int) -> Indices:
    """Where the feature map has the product of two entries of (1, x), the smaller index first."""
    places = np.empty((m, m), np.int64)
    for f in range(factors.shape[1]):
        places[factors[0, f], factors[1, f]] = f
    return places


@_inlined
def _gathered(theta: Array, places: Indices, out: Array) -> Array:
    """Columns of theta."""
    found = out[: len(theta) * places.size].reshape((len(theta), places.size))
    for k in range(len(theta)):
        for j in range(places.size):
            found[k, j] = theta[k, places[j]]
    return found


@_inlined
def _transpose(matrix: Array, out: Array) -> None:
    """In columns of eight, so that what is written to fills lines of the cache."""
    n_rows, n_columns = matrix.shape
    whole = n_columns - n_columns % 8
    for start in range(0, whole, 8):
        for i in range(n_rows):
            for j in range(start, start + 8):
                out[j, i] = matrix[i, j]
    for i in range(n_rows):
        for j in range(whole, n_columns):
            out[j, i] = matrix[i, j]


# --- what others call -------------------------------------------------------------------------


@_compiled("void(float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1])")
def softmax(
    logits: Array, weights: Array, log_density: Array, log_total: Array, scale: Array
) -> None:
    """Turn a tile of weighted log-densities into weighted responsibilities, in place.

    Subtracting the largest logit keeps a row whose densities all underflow finite.

    Parameters
    ----------
    logits : ndarray of shape (K, T)
        log(w_k N(x_t | mu_k, Sigma_k)), up to a constant for each row; overwritten by
        weight_t r_kt, which sums over k to weight_t.
    weights : ndarray of shape (T,)
        Sample weights.
    log_density : ndarray of shape (T,)
        Set to log-sum-exp of the logits, in nats.
    log_total : ndarray of shape (T,)
        Set to -log of the largest responsibility, in nats.
    scale : ndarray of shape (T,)
        Overwritten.
    """
    largest, total = log_density, scale
    _copy(logits[0], largest)
    for k in range(1, len(logits)):
        _raise_to(largest, logits[k])
    _fill(total, 0.0)
    for k in range(len(logits)):
        _exponentiate(logits[k], largest, total)
    for t in range(log_total.size):  # total >= 1, and the largest responsibility is 1 / total
        log_total[t] = _log(total[t])
    _add_to(log_density, log_total)
    for t in range(scale.size):
        scale[t] = weights[t] / total[t]
    for k in range(len(logits)):
        _multiply(logits[k], scale)


@_inlined
def _score(
    logits: Array,
    stops: Indices,
    weights: Array,
    buffers: Array,
    scores: Array,
    start: int,
    posterior: Array,
    densities: Array,
) -> None:
    """Turn a tile's logits into responsibilities, model by model, and add up their scores.

    ``posterior`` and ``densities`` take those of rows ``start`` and on, if they have columns.
    """
    n = weights.size
    log_density, log_total, scale = buffers[:n], buffers[n : 2 * n], buffers[2 * n :]
    begin = 0
    for model in range(stops.size):
        softmax(logits[begin : stops[model]], weights, log_density, log_total, scale)
        scores[0, model] += np.dot(weights, log_density)
        scores[1, model] -= np.dot(weights, log_total)
        if densities.shape[1] > 0:
            _copy(log_density, densities[model, start : start + n])
        begin = stops[model]
    if posterior.shape[1] > 0:
        for k in range(len(logits)):
            _copy(logits[k], posterior[k, start : start + n])


@_compiled(
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
            _score(logits, stops, tile_weights, buffers, scores, start, posterior, densities)
            for k in range(0, n_components, batch):
                r = logits[k : k + batch]
                product = rest[: length * len(r)].reshape((length, len(r)))
                if transposed:
                    r_transposed = scratch[b : b + len(r) * n_rows].reshape((n_rows, len(r)))
                    _transpose(r, r_transposed)
                    np.dot(phi, r_transposed, product)
                else:
                    np.dot(phi, r.T, product)
                if len(r) == n_components:
                    _add_to(sums.reshape(-1), product.reshape(-1))
                else:
                    for f in range(length):
                        _add_to(sums[f, k : k + batch], product[f])


@_compiled(
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
                    _add_products(some[j], y[i], product[j])
        _score(logits, stops, tile_weights, buffers, scores, start, posterior, densities)
        for k in range(0, n_components, batch):
            some = logits[k : k + batch]
            r = scratch[b : b + some.size].reshape((n, len(some)))
            z = scratch[c : c + some.size].reshape((n, len(some)))
            _transpose(some, r)
            for i in range(m):
                for t in range(n):
                    _scale(r[t], y[i, t], z[t])
                product = rest[: (m - i) * len(some)].reshape((m - i, len(some)))
                np.dot(y[i:], z, product)
                for j in range(i, m):
                    _add_to(sums[places[i, j], k : k + batch], product[j - i])


# --- rows that are assigned -------------------------------------------------------------------


@_inlined
def _subtract(row: Array, value: float, out: Array) -> None:
    for t in range(row.size):
        out[t] = row[t] - value


@_inlined
def _subtract_half(value: float, row: Array, out: Array) -> None:
    for t in range(row.size):
        out[t] = value - 0.5 * row[t]


@_inlined
def _find_largest(rows: Array, places: Indices, largest: Array) -> None:
    _copy(rows[0], largest)
    for t in range(places.size):
        places[t] = 0
    for k in range(1, len(rows)):
        row = rows[k]
        for t in range(row.size):
            is_larger = row[t] > largest[t]
            largest[t] = row[t] if is_larger else largest[t]
            places[t] = k if is_larger else places[t]


_FARTHEST = 1e150  # whose square is a number still
_LANES = 4
_ADDED_ROWS = 512  # at a time, so that they stay in the cache

# The terms of these sums may be added in any order, which is that of the processor's vectors.
_summing = njit(**{**_OPTIONS, "fastmath": {"contract", "reassoc"}})


@_summing
def _sum_products(row: Array, other: Array) -> float:
    total = 0.0
    for t in range(row.size):
        total += row[t] * other[t]
    return total


@_summing
def _sum_deviations(row: Array, value: float, weights: Array) -> tuple[float, float]:
    """Weighted sums of row - value and of its squares."""
    first, second = 0.0, 0.0
    for t in range(row.size):
        deviation = row[t] - value
        part = weights[t] * deviation
        first += part
        second += part * deviation
    return first, second


@_summing
def _sum_squares(row: Array, weights: Array) -> float:
    """Weighted sum of squares, of what is too large those of ``_FARTHEST``."""
    total = 0.0
    for t in range(row.size):
        value = row[t] if row[t] < _FARTHEST else _FARTHEST
        total += weights[t] * value * value
    return total


@_summing
def _sum_entropy(row: Array, weights: Array) -> float:
    """Weighted sum of -r log r, which is 0 for r = 0 because ``_log`` is finite there."""
    total = 0.0
    for t in range(row.size):
        total -= weights[t] * row[t] * _log(row[t])
    return total


@_summing
def _merge(row: Array, other: Array, weights: Array) -> tuple[float, float, float, float, float]:
    """Add another row to a row; weighted sums of both before, and of the entropy of their sum.

    Sums of each, of each where it is not the larger one, and of -r log r.
    """
    first, second, lesser_first, lesser_second, entropy = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(row.size):
        a, b = weights[t] * row[t], weights[t] * other[t]
        first += a
        second += b
        lesser_first += a if other[t] >= row[t] else 0.0
        lesser_second += b if row[t] >= other[t] else 0.0
        total = row[t] + other[t]
        entropy -= weights[t] * total * _log(total)
        row[t] = total
    return first, second, lesser_first, lesser_second, entropy


@_compiled(
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
        _transpose(x[start : start + n], columns)
        for k in range(n_components):
            distance = distances[k, start : start + n]
            _fill(distance, 0.0)
            for i in range(d):
                _subtract(columns[i], means[k, i], deviations[i])
            if diagonal:
                for i in range(d):
                    _scale(deviations[i], factors[k, 0, i], whitened[i])
            else:
                np.dot(factors[k % len(factors)], deviations, whitened)
            for i in range(d):
                _add_products(distance, whitened[i], whitened[i])
            _subtract_half(peaks[k], distance, logits[k])
        _fill(ones, 1.0)
        softmax(logits, ones, log_density[start : start + n], log_total, scale)
        _find_largest(logits, places[start : start + n], largest[start : start + n])
        for k in range(n_components):
            _copy(logits[k], posterior[k, start : start + n])


@_compiled(
    "void(float64[:, ::1], float64[:, ::1], float64[:, ::1],"
    " float64[::1], float64[:, ::1], float64[:, ::1])"
)
def add_deviations(
    x: Array, shares: Array, pivots: Array, sizes: Array, deviations: Array, squares: Array
) -> None:
    """Add rows to weighted sums of their deviations from the pivots of components.

    Parameters
    ----------
    x : ndarray of shape (n_rows, d)
    shares : ndarray of shape (K, n_rows)
        Weight times responsibility.
    pivots : ndarray of shape (K, d)
    sizes : ndarray of shape (K,)
        Sums of shares, added to in place.
    deviations, squares : ndarray of shape (K, d)
        Sums of share times deviation, or its square, added to in place.
    """
    n_rows, d = x.shape
    buffer, ones = np.empty(d * _ADDED_ROWS), np.ones(_ADDED_ROWS)
    for start in range(0, n_rows, _ADDED_ROWS):
        n = min(_ADDED_ROWS, n_rows - start)
        columns = buffer[: d * n].reshape((d, n))
        _transpose(x[start : start + n], columns)
        for k in range(len(shares)):
            share = shares[k, start : start + n]
            sizes[k] += _sum_products(share, ones[:n])
            for i in range(d):
                first, second = _sum_deviations(columns[i], pivots[k, i], share)
                deviations[k, i] += first
                squares[k, i] += second


@_compiled(
    "void(float64[:, ::1], float64[:, ::1], float64[::1], int64[::1], int64, float64,"
    " float64[:, ::1], float64[::1])"
)
def add_distances(
    distances: Array,
    shares: Array,
    bounds: Array,
    cells: Indices,
    steps: int,
    cells_per_unit: float,
    histogram: Array,
    squares: Array,
) -> None:
    """Add rows to a histogram of distances for each component.

    Parameters
    ----------
    distances, shares : ndarray of shape (K, n_rows)
    bounds : ndarray of shape (n_bounds,)
        Between the bins; a bound belongs to the bin above it.
    cells : ndarray of shape (n_cells,)
        How many bounds are surely not above what lies in each of the cells of equal width.
    steps : int
        How many more may not be, at most.
    cells_per_unit : float
        Of distance.
    histogram : ndarray of shape (K, n_bounds + 1)
        Sums of shares, added to in place.
    squares : ndarray of shape (K,)
        Sums of shares times squared distance, added to in place.
    """
    last, n_rows = len(cells) - 1, distances.shape[1]
    limits = np.append(bounds, np.inf)
    places = np.empty(n_rows, np.int64)
    sums = np.empty((_LANES, len(limits)))  # so that an addition does not wait for the one before
    for k in range(len(distances)):
        distance, share = distances[k], shares[k]
        for t in range(n_rows):
            cell = distance[t] * cells_per_unit
            places[t] = np.int64(cell) if cell < last else last
        sums[...] = 0.0
        for t in range(n_rows):
            place = cells[places[t]]
            value = distance[t] if distance[t] < _FARTHEST else _FARTHEST
            for _ in range(steps):
                place += 1 if limits[place] <= value else 0
            sums[t % _LANES, place] += share[t]
        for lane in range(_LANES):
            _add_to(histogram[k], sums[lane])
        squares[k] += _sum_squares(distance, share)


@_compiled(
    "void(float64[:, ::1], float64[::1], int64[:, ::1],"
    " float64[::1], float64[:, ::1], float64[:, ::1])"
)
def add_mergers(
    posterior: Array, weights: Array, pairs: Indices, entropy: Array, sizes: Array, confused: Array
) -> None:
    """Add rows to the sums of :class:`dgmm.mixture.merging.merge_statistics.MergeStatistics`.

    Parameters
    ----------
    posterior : ndarray of shape (K, n_rows)
        Overwritten.
    weights : ndarray of shape (n_rows,)
    pairs : ndarray of shape (K - 1, 2)
    entropy : ndarray of shape (K,)
    sizes, confused : ndarray of shape (K - 1, 2)
        Added to in place.
    """
    n_components = len(posterior)
    own = np.empty(n_components)
    for k in range(n_components):
        own[k] = _sum_entropy(posterior[k], weights)
    entropy[n_components - 1] += own.sum()
    for i in range(len(pairs)):
        first, second = pairs[i]
        found = _merge(posterior[first], posterior[second], weights)
        for j in range(2):
            sizes[i, j] += found[j]
            confused[i, j] += found[2 + j]
        own[first], own[second] = found[4], 0.0
        entropy[n_components - 2 - i] += own.sum()
