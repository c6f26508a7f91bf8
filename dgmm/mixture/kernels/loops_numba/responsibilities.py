"""The softmax of a tile, and the scores of models."""

import numpy as np

from dgmm.mixture.kernels.loops_numba.compilation import compiled, inlined
from dgmm.mixture.kernels.loops_numba.exponential import log
from dgmm.mixture.kernels.loops_numba.row_loops import (
    add_to,
    copy,
    exponentiate,
    fill,
    multiply,
    raise_to,
)
from dgmm.mixture.types import Array, Indices


@compiled("void(float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1])")
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
    copy(logits[0], largest)
    for k in range(1, len(logits)):
        raise_to(largest, logits[k])
    fill(total, 0.0)
    for k in range(len(logits)):
        exponentiate(logits[k], largest, total)
    for t in range(log_total.size):  # total >= 1, and the largest responsibility is 1 / total
        log_total[t] = log(total[t])
    add_to(log_density, log_total)
    for t in range(scale.size):
        scale[t] = weights[t] / total[t]
    for k in range(len(logits)):
        multiply(logits[k], scale)


@inlined
def score(
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
            copy(log_density, densities[model, start : start + n])
        begin = stops[model]
    if posterior.shape[1] > 0:
        for k in range(len(logits)):
            copy(logits[k], posterior[k, start : start + n])
