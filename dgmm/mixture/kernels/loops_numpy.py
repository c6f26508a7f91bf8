"""The loops over rows in NumPy, for blocks too small to pay for compiled ones."""

import numpy as np

from dgmm.mixture.types import Array, Indices

_NEGLIGIBLE = -600.0


def softmax(
    logits: Array, weights: Array, log_density: Array, log_total: Array, scale: Array
) -> None:
    """As :func:`dgmm.mixture.kernels.loops_numba.softmax`."""
    largest = logits.max(axis=0)
    logits -= largest
    negligible = logits < _NEGLIGIBLE
    np.maximum(logits, _NEGLIGIBLE, out=logits)
    np.exp(logits, out=logits)
    logits[negligible] = 0.0
    total = logits.sum(axis=0)
    np.log(total, out=log_total)
    np.add(largest, log_total, out=log_density)
    np.divide(weights, total, out=scale)
    logits *= scale


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
    matrix, logits = np.zeros((m, m)), np.empty((len(theta), tile_rows))
    for start in range(0, len(x), tile_rows):
        tile = slice(start, start + tile_rows)
        y = np.ones((m, len(x[tile])))
        np.subtract(x[tile].T, origin[:, None], out=y[1:])
        r = logits[:, : y.shape[1]]
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
    """As :func:`dgmm.mixture.kernels.loops_numba._score`."""
    log_density, log_total, scale = np.empty((3, len(weights)))
    for model, (first, last) in enumerate(zip([0, *stops[:-1]], stops, strict=True)):
        softmax(logits[first:last], weights, log_density, log_total, scale)
        scores[0, model] += weights @ log_density
        scores[1, model] -= weights @ log_total
        if densities.shape[1]:
            densities[model, tile] = log_density
    if posterior.shape[1]:
        posterior[:, tile] = logits
