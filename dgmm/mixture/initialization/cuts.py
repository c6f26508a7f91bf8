"""Where rows that are not one Gaussian may be cut in two, and whether they look like one."""

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

_ITERATIONS = 6  # of 2-means
_DEVIATIONS = 1.0  # above the mean: what chance often explains


def propose_cuts(z: Array, weights: Array, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Which rows lie on one side of each of several cuts.

    Across the directions of least and largest fourth moments (FOBI: Cardoso 1989, ICASSP), across
    the skewness, between inner and outer rows, and by 2-means.

    Parameters
    ----------
    z : ndarray of shape (m, d)
        Rows about their mean, in coordinates in which their covariance is about I.
    weights : ndarray of shape (m,)
    rng : numpy.random.Generator
        Picks the first centres of 2-means.

    Returns
    -------
    list of ndarray of shape (m,), bool
    """
    squares = np.einsum("ij,ij->i", z, z)
    heavy = weights * squares
    found = []
    if z.shape[1] > 1:
        _, vectors = np.linalg.eigh((z.T * heavy) @ z)
        found += list((z @ vectors[:, [0, -1]]).T > 0)
    skewness = heavy @ z
    length = np.linalg.norm(skewness)
    if length > 0:
        found.append(z @ (skewness / length) > 1.0)
    found.append(squares > heavy.sum() / weights.sum())
    found.append(_two_means(z, weights, rng))
    return found


def looks_gaussian(z: Array, weights: Array, covariance: Array, kind: str) -> bool:
    """Whether moments up to the fourth are those of one Gaussian of this kind, but for chance.

    With y whitened by the covariance of n rows, q = |y|^2 and N = n / 4 (d + 4) for short,
    n |mean(q y)|^2 / 2 (d + 2), N |mean(q y y') - (d + 2) I|^2 and, where the covariance must be I,
    n (tr S - d - log |S|) are about chi-squared of d, of d (d + 1) / 2 and of as many degrees of
    freedom; mean(q^2) has mean d (d + 2) and variance 8 d (d + 2) / n (Mardia 1970, Biometrika 57).
    The limits are tight, since an unnecessary fit costs little.

    Parameters
    ----------
    z : ndarray of shape (m, d)
        Rows about their mean.
    weights : ndarray of shape (m,)
    covariance : ndarray of shape (d, d)
        Of these rows.
    kind : str
        ``"full"``, or another word for covariances that must be near I.
    """
    d = z.shape[1]
    total = weights.sum()
    n = total**2 / (weights @ weights)
    entries = d * (d + 1) / 2
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    if kind != "full":
        log_determinant = 2 * np.log(np.diagonal(root)).sum()
        if n * (np.trace(covariance) - d - log_determinant) > _limit(entries):
            return False
    y = z @ np.linalg.inv(root).T
    q = np.einsum("ij,ij->i", y, y)
    heavy = weights * q
    third = heavy @ y / total
    fourth = (y.T * heavy) @ y / total - (d + 2) * np.eye(d)
    kurtosis = heavy @ q / total - d * (d + 2)
    return bool(
        n * (third @ third) / (2 * (d + 2)) < _limit(d)
        and n * (fourth * fourth).sum() / (4 * (d + 4)) < _limit(entries)
        and abs(kurtosis) < 2 * _DEVIATIONS * np.sqrt(8 * d * (d + 2) / n)
    )


def _limit(degrees: float) -> float:
    """So many standard deviations above the mean of chi-squared."""
    return degrees + _DEVIATIONS * np.sqrt(2 * degrees)


def _two_means(z: Array, weights: Array, rng: np.random.Generator) -> NDArray[np.bool_]:
    cumulative = np.cumsum(weights)
    picks = np.searchsorted(cumulative, rng.random(2) * cumulative[-1])
    centres = z[np.minimum(picks, len(z) - 1)]
    cut = np.zeros(len(z), dtype=bool)
    for _ in range(_ITERATIONS):
        across = centres[0] - centres[1]
        cut = z @ across > 0.5 * (centres[0] + centres[1]) @ across
        w = weights * cut
        inside, outside = w.sum(), cumulative[-1] - w.sum()
        if not (inside > 0 and outside > 0):
            break
        first = w @ z
        centres = np.stack([first / inside, (weights @ z - first) / outside])
    return cut
