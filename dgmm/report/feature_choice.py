"""Which features tell components apart."""

import numpy as np

from dgmm.mixture.types import Array

_MOST_PAIRED = 40  # components, the first
_CLEARLY = 4.0  # standard deviations apart, beyond which more does not count
_NOTHING_NEW = 1e-9  # of a feature's variance, what the chosen ones leave of it


def choose_features(means: Array, within: Array, n: int) -> list[int]:
    """The features that together separate the components best, one after the other.

    What counts is the Mahalanobis distance between means, so that a feature which says the same as
    a chosen one adds nothing.

    Parameters
    ----------
    means : ndarray of shape (n_components, n_features)
    within : ndarray of shape (n_features, n_features)
        Mean covariance inside components.
    n : int
        How many to choose.

    Returns
    -------
    list of int
        Their places, in order.

    Examples
    --------
    >>> means = np.array([[0.0, 0.0, 9.0], [1.0, 9.0, 9.0], [0.0, 9.0, 0.0]])
    >>> choose_features(means, np.eye(3), 2)
    [1, 2]
    """
    differences, left = _differences(means), within.copy()
    floor = _NOTHING_NEW * np.diagonal(within) + np.finfo(np.float64).tiny
    chosen: list[int] = []
    reached = np.zeros(len(differences))
    for _ in range(min(n, means.shape[1])):
        variances = np.diagonal(left)
        is_new = variances > floor
        is_new[chosen] = False
        if not is_new.any():
            break
        squares = np.where(is_new, differences**2 / np.maximum(variances, floor), 0.0)
        gains = np.minimum(np.sqrt(reached[:, None] + squares), _CLEARLY).sum(axis=0)
        best = int(np.where(is_new, gains, -1.0).argmax())
        chosen.append(best)
        reached = reached + squares[:, best]
        slopes = left[:, best] / left[best, best]  # what the chosen one says of the others
        differences = differences - np.outer(differences[:, best], slopes)
        left = left - np.outer(slopes, left[best])
    return sorted(chosen)


def separation(means: Array, within: Array) -> float:
    """How far pairs of components are apart on average, in standard deviations, at most 4.

    Parameters
    ----------
    means : ndarray of shape (n_components, n_features)
    within : ndarray of shape (n_features, n_features)
        Mean covariance inside components.
    """
    differences = _differences(means)
    if not len(differences):
        return 0.0
    squares = (differences @ np.linalg.pinv(within) * differences).sum(axis=1)
    return float(np.minimum(np.sqrt(np.maximum(squares, 0.0)), _CLEARLY).mean())


def _differences(means: Array) -> Array:
    """Of each pair of components, shape (n_pairs, n_features)."""
    means = means[:_MOST_PAIRED]
    one, other = np.triu_indices(len(means), 1)
    return means[one] - means[other]
