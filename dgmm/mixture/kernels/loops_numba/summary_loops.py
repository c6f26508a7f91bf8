"""What assigned rows add to the sums of their components."""

import numpy as np

from dgmm.mixture.kernels.loops_numba.compilation import compiled, summing
from dgmm.mixture.kernels.loops_numba.exponential import log
from dgmm.mixture.kernels.loops_numba.row_loops import add_to, transpose
from dgmm.mixture.types import Array, Indices

_FARTHEST = 1e150  # whose square is a number still
_LANES = 4
_ADDED_ROWS, _PAIRED_ROWS = 128, 2048  # at a time, so that they stay in the cache


@summing
def _sum_products(row: Array, other: Array) -> float:
    total = 0.0
    for t in range(row.size):
        total += row[t] * other[t]
    return total


@summing
def _sum_deviations(row: Array, value: float, weights: Array) -> tuple[float, float]:
    """Weighted sums of row - value and of its squares."""
    first, second = 0.0, 0.0
    for t in range(row.size):
        deviation = row[t] - value
        part = weights[t] * deviation
        first += part
        second += part * deviation
    return first, second


@summing
def _sum_squares(row: Array, weights: Array) -> float:
    """Weighted sum of squares, of what is too large those of ``_FARTHEST``."""
    total = 0.0
    for t in range(row.size):
        value = row[t] if row[t] < _FARTHEST else _FARTHEST
        total += weights[t] * value * value
    return total


@summing
def _sum_entropy(share: Array, distance: Array, log_density: Array, peak: float) -> float:
    """Weighted sum of -log r, which is known without a logarithm."""
    total = 0.0
    for t in range(share.size):
        value = distance[t] if distance[t] < _FARTHEST else _FARTHEST
        total += share[t] * (0.5 * value - peak + log_density[t])
    return total


@summing
def _merge(row: Array, other: Array, weights: Array) -> tuple[float, float, float, float, float]:
    """Add another row to a row; weighted sums of both before, and of the entropy of their sum.

    Sums of each, of each where it is not the larger one, and of -r log r, which is 0 for r = 0
    because ``log`` is finite there.
    """
    first, second, lesser_first, lesser_second, entropy = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(row.size):
        a, b = weights[t] * row[t], weights[t] * other[t]
        first += a
        second += b
        lesser_first += a if other[t] >= row[t] else 0.0
        lesser_second += b if row[t] >= other[t] else 0.0
        total = row[t] + other[t]
        entropy -= weights[t] * total * log(total)
        row[t] = total
    return first, second, lesser_first, lesser_second, entropy


@compiled(
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
        transpose(x[start : start + n], columns)
        for k in range(len(shares)):
            share = shares[k, start : start + n]
            sizes[k] += _sum_products(share, ones[:n])
            for i in range(d):
                first, second = _sum_deviations(columns[i], pivots[k, i], share)
                deviations[k, i] += first
                squares[k, i] += second


@compiled(
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
        for t in range(n_rows):
            places[t] = cells[places[t]]
        for _ in range(steps):
            for t in range(n_rows):
                value = distance[t] if distance[t] < _FARTHEST else _FARTHEST
                places[t] += 1 if limits[places[t]] <= value else 0
        sums[...] = 0.0
        for t in range(n_rows):
            sums[t % _LANES, places[t]] += share[t]
        for lane in range(_LANES):
            add_to(histogram[k], sums[lane])
        squares[k] += _sum_squares(distance, share)


@compiled("void(float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1])")
def sum_entropies(
    shares: Array, distances: Array, log_density: Array, peaks: Array, entropies: Array
) -> None:
    """Weighted sums of -r log r for each component, r being its responsibilities.

    Parameters
    ----------
    shares, distances : ndarray of shape (K, n_rows)
    log_density : ndarray of shape (n_rows,)
    peaks : ndarray of shape (K,)
        Logs of weight times density in the middle of each component.
    entropies : ndarray of shape (K,)
        Overwritten.
    """
    for k in range(len(shares)):
        entropies[k] = _sum_entropy(shares[k], distances[k], log_density, peaks[k])


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], int64[:, ::1],"
    " float64[::1], float64[:, ::1], float64[:, ::1])"
)
def add_mergers(
    posterior: Array,
    weights: Array,
    own: Array,
    pairs: Indices,
    entropy: Array,
    sizes: Array,
    confused: Array,
) -> None:
    """Add rows to the sums of :class:`dgmm.mixture.merging.merge_statistics.MergeStatistics`.

    Parameters
    ----------
    posterior : ndarray of shape (K, n_rows)
        Overwritten.
    weights : ndarray of shape (n_rows,)
    own : ndarray of shape (K,)
        Weighted sums of -r log r for each component; overwritten.
    pairs : ndarray of shape (K - 1, 2)
    entropy : ndarray of shape (K,)
    sizes, confused : ndarray of shape (K - 1, 2)
        Added to in place.
    """
    n_components = len(posterior)
    entropy[n_components - 1] += own.sum()
    for i in range(len(pairs)):
        first, second = pairs[i]
        found = _merge(posterior[first], posterior[second], weights)
        for j in range(2):
            sizes[i, j] += found[j]
            confused[i, j] += found[2 + j]
        own[first], own[second] = found[4], 0.0
        entropy[n_components - 2 - i] += own.sum()


@summing
def _sum_pair_entropy(row: Array, other: Array, weights: Array) -> float:
    """Weighted sum of -s log s, s being the sum of two rows."""
    total = 0.0
    for t in range(row.size):
        s = row[t] + other[t]
        total -= weights[t] * s * log(s)
    return total


@compiled("void(float64[:, ::1], float64[::1], int64[:, ::1], float64[::1])")
def add_pair_entropies(posterior: Array, weights: Array, pairs: Indices, entropies: Array) -> None:
    """Add rows to the entropies of pairs of components taken together.

    Parameters
    ----------
    posterior : ndarray of shape (K, n_rows)
    weights : ndarray of shape (n_rows,)
    pairs : ndarray of shape (n_pairs, 2)
    entropies : ndarray of shape (n_pairs,)
        Added to in place.
    """
    n_rows = len(weights)
    for start in range(0, n_rows, _PAIRED_ROWS):
        stop = min(start + _PAIRED_ROWS, n_rows)
        for i in range(len(pairs)):
            first, second = pairs[i]
            entropies[i] += _sum_pair_entropy(
                posterior[first, start:stop], posterior[second, start:stop], weights[start:stop]
            )
