"""The log density below which a share of the rows lies."""

import numpy as np

from dgmm.mixture.types import Array

_REACH = 6.0  # standard errors of the share that a sample has below its own quantile
_N_NEAR, _N_FAR = 1 << 13, 1 << 9
_FARTHEST, _NEAREST = 1e9, 1e-3  # below what a sample expects, times the width of that


def outlier_threshold(log_density: Array, weights: Array | None, share: float) -> float:
    """The log density below which this weighted share of some rows lies."""
    return float(np.quantile(log_density, share, weights=weights, method="inverted_cdf"))


def propose_thresholds(log_density: Array, weights: Array | None, share: float) -> Array:
    """Log densities to count all rows between, in order: close together where a sample says.

    Parameters
    ----------
    log_density : ndarray of shape (m,)
        Of a uniform sample of the rows, in nats.
    weights : ndarray of shape (m,), or None
    share : float
        That is to lie below one of them.
    """
    w = np.ones(len(log_density)) if weights is None else weights
    n_effective = w.sum() ** 2 / (w @ w)
    reach = _REACH * np.sqrt(share * (1 - share) / n_effective)
    low, high = (
        outlier_threshold(log_density, weights, at)
        for at in (max(0.0, share - reach), min(1.0, share + reach))
    )
    beyond = (high - low) * np.geomspace(_FARTHEST, _NEAREST, _N_FAR)
    return np.concatenate([low - beyond, np.linspace(low, high, _N_NEAR)])


def count_between(thresholds: Array, log_density: Array, weights: Array | None) -> Array:
    """Weight of the rows below the first threshold, between each and the next, and above the last.

    Parameters
    ----------
    thresholds : ndarray of shape (n,)
        In order.
    log_density : ndarray of shape (T,)
    weights : ndarray of shape (T,), or None

    Returns
    -------
    ndarray of shape (n + 1,)
        Counts of some rows; those of a union of rows are the sum of theirs.
    """
    places = np.searchsorted(thresholds, log_density, side="right")
    return np.bincount(places, weights, len(thresholds) + 1).astype(np.float64)


def choose_threshold(thresholds: Array, counts: Array, share: float) -> float:
    """The threshold with a share below it that is nearest to the one asked for; the last of equals.

    Parameters
    ----------
    thresholds : ndarray of shape (n,)
    counts : ndarray of shape (n + 1,)
        Of all rows, by :func:`count_between`.
    share : float
    """
    errors = np.abs(np.cumsum(counts)[:-1] - share * counts.sum())
    return float(thresholds[np.flatnonzero(errors == errors.min())[-1]])
