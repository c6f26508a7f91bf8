"""The loops of :mod:`dgmm.mixture.compiled` in NumPy, for blocks too small to pay for them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_NEGLIGIBLE = -600.0


def softmax(
    logits: Array, weights: Array, log_density: Array, log_total: Array, scale: Array
) -> None:
    """As :func:`dgmm.mixture.compiled.softmax`."""
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
) -> None:
    """As :func:`dgmm.mixture.compiled.add`, with products of all components."""
    del batch, transposed, scratch
    linear = 1 + x.shape[1]
    bounds = list(zip([0, *stops[:-1]], stops, strict=True))
    for start in range(0, len(x), tile_rows):
        tile = slice(start, start + tile_rows)
        phi = np.empty((theta.shape[1], len(x[tile])))
        phi[0] = 1.0
        np.subtract(x[tile].T, origin[:, None], out=phi[1:linear])
        np.multiply(phi[factors[0, linear:]], phi[factors[1, linear:]], out=phi[linear:])
        logits = theta @ phi
        log_density, log_total, scale = np.empty((3, phi.shape[1]))
        for model, (first, last) in enumerate(bounds):
            softmax(logits[first:last], weights[tile], log_density, log_total, scale)
            scores[0, model] += weights[tile] @ log_density
            scores[1, model] -= weights[tile] @ log_total
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
) -> None:
    """As :func:`dgmm.mixture.compiled.add_factored`, with the map."""
    add(x, origin, weights, theta, stops, factors, tile_rows, batch, True, sums, scores, scratch)
