"""Responsibilities from log-densities, in the log domain."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NEGLIGIBLE = -600.0
"""Responsibilities below exp(-600) count as this: far below rounding, and far above the subnormal
numbers on which exp takes five times as long."""


def responsibilities(logits: Array, weights: Array | None) -> tuple[float, float]:
    """Turn a tile of weighted log-densities into weighted responsibilities, in place.

    Subtracting the largest logit keeps a row whose densities all underflow finite.

    Parameters
    ----------
    logits : ndarray of shape (K, T)
        log(w_k N(x_t | mu_k, Sigma_k)), up to a constant for each row; overwritten by
        weight_t r_kt, which sums over k to weight_t.
    weights : ndarray of shape (T,), or None
        Sample weights.

    Returns
    -------
    log_likelihood : float
        Sum over rows of weight times log-sum-exp of the logits, in nats.
    log_classification : float
        Sum over rows of weight times log of the largest responsibility, in nats.
    """
    largest = logits.max(axis=0)
    logits -= largest
    np.maximum(logits, _NEGLIGIBLE, out=logits)
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    # total >= 1, and the largest responsibility is 1 / total
    log_total = np.log(total)
    if weights is None:
        logits /= total
        return float(largest.sum() + log_total.sum()), -float(log_total.sum())
    logits *= weights / total
    log_classification = float(weights @ log_total)
    return float(weights @ largest) + log_classification, -log_classification
