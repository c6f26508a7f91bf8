"""The loops over rows in NumPy, for blocks too small to pay for compiled ones."""

from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.types import Array, Indices

_NEGLIGIBLE = -600.0
_FARTHEST = 1e150
_NUMBERS = 1 << 16  # of the map and of responsibilities in a tile, which stay in cache


def softmax(
    logits: Array, weights: Array, log_density: Array, log_total: Array, scale: Array
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.softmax`, of one tile or of a stack of them."""
    largest = logits.max(axis=-2)
    logits -= largest[..., None, :]
    if logits.min(initial=0.0) < _NEGLIGIBLE:
        negligible = logits < _NEGLIGIBLE
        np.maximum(logits, _NEGLIGIBLE, out=logits)
        np.exp(logits, out=logits)
        logits[negligible] = 0.0
    else:
        np.exp(logits, out=logits)
    total = logits.sum(axis=-2)
    np.log(total, out=log_total)
    np.add(largest, log_total, out=log_density)
    np.divide(weights, total, out=scale)
    logits *= scale[..., None, :]


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
    """As :func:`dgmm.mixture.kernels.loops_numba.add`, with products of all components."""
    del batch, transposed, scratch
    linear = 1 + x.shape[1]
    tile_rows = max(tile_rows, _NUMBERS // sum(theta.shape))
    for start in range(0, len(x), tile_rows):
        tile = slice(start, start + tile_rows)
        phi = np.empty((theta.shape[1], len(x[tile])))
        phi[0] = 1.0
        np.subtract(x[tile].T, origin[:, None], out=phi[1:linear])
        np.multiply(phi[factors[0, linear:]], phi[factors[1, linear:]], out=phi[linear:])
        logits = theta @ phi
        _score(logits, stops, weights[tile], scores, tile, posterior, densities)
        sums += phi @ logits.T


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
    """As :func:`loops_numba.add_factored`, with a matrix for each component."""
    del batch, scratch
    m = 1 + x.shape[1]
    left, right = factors
    matrix = np.zeros((m, m))
    for start in range(0, len(x), tile_rows):
        tile = slice(start, start + tile_rows)
        y = np.ones((m, len(x[tile])))
        np.subtract(x[tile].T, origin[:, None], out=y[1:])
        r = np.empty((len(theta), y.shape[1]))
        for k, row in enumerate(theta):
            matrix[left, right] = row
            r[k] = ((matrix @ y) * y).sum(axis=0)
        _score(r, stops, weights[tile], scores, tile, posterior, densities)
        for k, row in enumerate(r):
            sums[:, k] += ((y * row) @ y.T)[left, right]


def _score(
    logits: Array,
    stops: Indices,
    weights: Array,
    scores: Array,
    tile: slice,
    posterior: Array,
    densities: Array,
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.responsibilities.score`.

    Models with as many components each are one stack.
    """
    n_rows, bounds = len(weights), (0, *stops.tolist())
    is_even = len({last - first for first, last in pairwise(bounds)}) == 1
    step = len(stops) if is_even else 1
    for first in range(0, len(stops), step):
        models = slice(first, first + step)
        part = logits[bounds[first] : bounds[first + step]].reshape(step, -1, n_rows)
        log_density, log_total, scale = np.empty((3, len(part), n_rows))
        softmax(part, weights, log_density, log_total, scale)
        scores[0, models] += log_density @ weights
        scores[1, models] -= log_total @ weights
        if densities.shape[1]:
            densities[models, tile] = log_density
    if posterior.shape[1]:
        posterior[:, tile] = logits


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
    """As :func:`dgmm.mixture.kernels.loops_numba.assign`, with all rows at a time."""
    del tile_rows
    for k, mean in enumerate(means):
        deviations = np.subtract(x.T, mean[:, None], order="C")
        factor = factors[k % len(factors)]
        whitened = factor.T * deviations if diagonal else factor @ deviations
        np.einsum("ij,ij->j", whitened, whitened, out=distances[k])
    posterior[...] = peaks[:, None] - 0.5 * distances
    log_total, scale = np.empty((2, len(x)))
    softmax(posterior, np.ones(len(x)), log_density, log_total, scale)
    places[...] = posterior.argmax(axis=0)
    largest[...] = posterior.max(axis=0)


def add_deviations(
    x: Array, shares: Array, pivots: Array, sizes: Array, deviations: Array, squares: Array
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.add_deviations`."""
    sizes += shares.sum(axis=1)
    for k, share in enumerate(shares):
        about_pivot = x - pivots[k]
        deviations[k] += share @ about_pivot
        squares[k] += share @ about_pivot**2


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
    """As :func:`dgmm.mixture.kernels.loops_numba.add_distances`, by bisection."""
    del cells, steps, cells_per_unit
    for k, (distance, share) in enumerate(zip(distances, shares, strict=True)):
        place = np.searchsorted(bounds, distance, side="right")
        histogram[k] += np.bincount(place, share, len(bounds) + 1)
        squares[k] += share @ np.minimum(distance, _FARTHEST) ** 2


def sum_entropies(
    shares: Array, distances: Array, log_density: Array, peaks: Array, entropies: Array
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.sum_entropies`."""
    values = np.minimum(distances, _FARTHEST)
    entropies[...] = (shares * (0.5 * values - peaks[:, None] + log_density)).sum(axis=1)


def add_mergers(
    posterior: Array,
    weights: Array,
    own: Array,
    pairs: Indices,
    entropy: Array,
    sizes: Array,
    confused: Array,
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.add_mergers`."""
    entropy[-1] += own.sum()
    for i, (first, second) in enumerate(pairs):
        a, b = posterior[first], posterior[second]
        sizes[i] += weights @ a, weights @ b
        confused[i] += weights @ (a * (b >= a)), weights @ (b * (a >= b))
        a += b
        own[first], own[second] = weights @ scipy.special.entr(a), 0.0
        entropy[-2 - i] += own.sum()


def group_rows(rows: NDArray[np.floating], places: Indices, counts: Indices) -> int:
    """As :func:`dgmm.mixture.kernels.loops_numba.group_rows`."""
    words = np.packbits(np.isnan(rows), axis=1)
    order = np.lexsort(words.T)
    ordered = words[order]
    is_first = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
    starts = np.flatnonzero(is_first)
    by_appearance = np.argsort(order[starts])
    groups = np.empty(len(starts), np.int64)
    groups[by_appearance] = np.arange(len(starts))
    of_rows = groups[np.cumsum(is_first) - 1]
    places[:] = order[np.argsort(of_rows, kind="stable")]
    counts[: len(starts)] = np.bincount(of_rows)
    return len(starts)


def add_patterns(
    x: Array,
    origin: Array,
    weights: Array,
    places: Indices,
    table: Indices,
    features: Indices,
    thetas: Array,
    factors: Indices,
    stops: Indices,
    sums: Array,
    scores: Array,
    scatters: Array,
    scratch: Array,
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.add_patterns`, with all rows at a time."""
    n_components, start, first_feature, first_entry = stops[-1], 0, 0, 0
    nothing = np.empty((0, 0))
    for p, (stop, n, length, rows, batch, transposed) in enumerate(table):
        observed = features[first_feature : first_feature + n]
        some = (x[places[start:stop]] - origin)[:, observed]
        w = weights[places[start:stop]] if weights.size else np.ones(stop - start)
        entries = slice(first_entry * n_components, (first_entry + length) * n_components)
        theta = thetas[entries].reshape(n_components, length)
        of_map = factors[2 * first_entry : 2 * (first_entry + length)].reshape(2, length)
        own = sums[entries].reshape(length, n_components)
        tile = (rows, batch, transposed, own, scores[p], scratch, nothing, nothing)
        add(some, np.zeros(n), w, theta, stops, of_map, *tile)
        if len(scatters):
            scatters[p, :n, :n] += some.T @ (some * w[:, None])
        start, first_feature, first_entry = stop, first_feature + n, first_entry + length


def mask(x: Array, origin: Array, masked: Array) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.mask`."""
    d = len(origin)
    masked[:, :d] = x - origin
    np.logical_not(np.isnan(x), out=masked[:, d:])
    np.copyto(masked[:, :d], 0.0, where=masked[:, d:] == 0)


def add_pair_entropies(posterior: Array, weights: Array, pairs: Indices, entropies: Array) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.add_pair_entropies`."""
    for i, (first, second) in enumerate(pairs):
        entropies[i] += weights @ scipy.special.entr(posterior[first] + posterior[second])
