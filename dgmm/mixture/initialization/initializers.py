"""Where EM starts: several kinds of first guess, made on a sample of rows.

No kind is best on all data, so that a sweep tries several and short runs choose among them
(emEM: Biernacki, Celeux & Govaert 2003, Comput. Stat. Data Anal. 41).
"""

from collections.abc import Callable
from itertools import cycle, islice

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

Labels = NDArray[np.intp]
Initializer = Callable[[Array, Array, int, np.random.Generator], Array]
"""``guess(rows, weights, n_components, rng) -> responsibilities``; all weights are positive."""

_HIERARCHY_ROWS = 250
_KMEANS_ITERATIONS = 20
_FEW_MOVE = 0.01  # of the rows: k-means is done, EM goes on from there


def kmeans(rows: Array, weights: Array, n_components: int, rng: np.random.Generator) -> Array:
    """k-means on standardised features from a k-means++ seeding."""
    scaled = _standardize(rows, weights)
    labels = _nearest(scaled, scaled[_plusplus(scaled, weights, n_components, rng)])
    for _ in range(_KMEANS_ITERATIONS):
        before = labels
        groups = _one_hot(labels, n_components) * weights[:, None]
        totals = groups.sum(axis=0)
        if not totals.all():  # a cluster ran empty; what is there is a start as good as any
            break
        labels = _nearest(scaled, (groups.T @ scaled) / totals[:, None])
        if np.count_nonzero(labels != before) <= _FEW_MOVE * len(labels):
            break
    return _one_hot(labels, n_components)


def plusplus(rows: Array, weights: Array, n_components: int, rng: np.random.Generator) -> Array:
    """Rows join the nearest of K centres that k-means++ picks on standardised features."""
    scaled = _standardize(rows, weights)
    centres = scaled[_plusplus(scaled, weights, n_components, rng)]
    return _one_hot(_nearest(scaled, centres), n_components)


def nearest_random_rows(
    rows: Array, weights: Array, n_components: int, rng: np.random.Generator
) -> Array:
    """Rows join the nearest, by Mahalanobis distance, of K rows picked at random."""
    white = _whiten(rows, weights)
    scarce = len(rows) < n_components
    chosen = rng.choice(len(rows), n_components, replace=scarce, p=weights / weights.sum())
    return _one_hot(_nearest(white, white[chosen]), n_components)


def random_partition(
    rows: Array, weights: Array, n_components: int, rng: np.random.Generator
) -> Array:
    """Responsibilities drawn uniformly at random."""
    del weights
    draws = rng.random((len(rows), n_components))
    return draws / draws.sum(axis=1, keepdims=True)


def agglomerative(
    rows: Array, weights: Array, n_components: int, rng: np.random.Generator
) -> Array:
    """Ward's hierarchy on a whitened subsample, cut at K; rows join the nearest centre.

    mclust starts alike (Scrucca & Raftery 2015, Adv. Data Anal. Classif. 9).
    """
    white = _whiten(rows, weights)
    if len(white) < 2:
        return _one_hot(np.zeros(len(white), dtype=np.intp), n_components)
    subset = white
    n_rows = max(_HIERARCHY_ROWS, 4 * n_components)
    if len(white) > n_rows:
        chosen = rng.choice(len(white), n_rows, replace=False, p=weights / weights.sum())
        subset = white[np.sort(chosen)]
    hierarchy = scipy.cluster.hierarchy.linkage(subset, "ward")
    groups = scipy.cluster.hierarchy.fcluster(hierarchy, n_components, criterion="maxclust") - 1
    centres = np.stack([subset[groups == k].mean(axis=0) for k in range(groups.max() + 1)])
    labels = _nearest(white, centres) if subset is not white else groups.astype(np.intp)
    return _one_hot(labels, n_components)


METHODS: dict[str, Initializer] = {
    "agglomerative": agglomerative,
    "kmeans": kmeans,
    "random_from_data": nearest_random_rows,
    "k-means++": plusplus,
    "random": random_partition,
}
"""The kinds of start."""

_VARIED = ("k-means++", "agglomerative", "kmeans", "random_from_data")


def default_methods(n_init: int) -> tuple[str, ...]:
    """k-means, then starts that differ each time.

    Random responsibilities are not among them: all their components start at the mean of
    everything, where EM may stay, above all with tied covariances.
    """
    return ("kmeans", *islice(cycle(_VARIED), n_init - 1))


def first_parameters(
    covariance_type: str,
    rows: Array,
    guess: Array,
    weights: Array,
    regularization: Regularization,
    rng: np.random.Generator,
) -> Parameters:
    """Parameters from a guess of who belongs together: an M-step with shrunk covariances.

    A component that starts on a few rows would otherwise start singular. Its covariance is shrunk
    towards the data's, scaled to a K-th of its volume, as by Fraley & Raftery's prior of d + 2
    rows (2007, J. Classif. 24).

    Parameters
    ----------
    covariance_type : str
    rows : ndarray of shape (m, n_features), float64
    guess : ndarray of shape (m, n_components)
        Responsibilities.
    weights : ndarray of shape (m,)
        Sample weights, positive.
    regularization : Regularization
    rng : numpy.random.Generator
        Picks a row as the mean of a component that has none.

    Returns
    -------
    mixture : Parameters
        In the coordinates of ``rows``.
    """
    structure = structure_of(covariance_type)
    responsibilities = guess * weights[:, None]
    n_components, d = responsibilities.shape[1], rows.shape[1]
    counts = responsibilities.sum(axis=0)
    lost = counts <= 0
    means = (responsibilities.T @ rows) / np.where(lost, 1.0, counts)[:, None]
    means[lost] = rows[rng.choice(len(rows), int(lost.sum()))]
    prior = _covariance(rows, weights) / n_components ** (2.0 / d)
    scatters = np.empty((n_components, d, d))
    for k in range(n_components):
        deviations = rows - means[k]
        scatter = (deviations.T * responsibilities[:, k]) @ deviations
        scatters[k] = (scatter + (d + 2) * prior) / (counts[k] + d + 2)
    counts = np.maximum(counts, counts.sum() / (n_components * len(rows)))
    averages = structure.from_scatter(structure.diagonals(scatters), counts)
    covariances = structure.estimate(averages, counts, regularization)
    return Parameters.from_covariances(covariance_type, counts / counts.sum(), means, covariances)


def _plusplus(rows: Array, weights: Array, n_components: int, rng: np.random.Generator) -> Labels:
    """Indices of rows picked with probability in proportion to weight and squared distance.

    Arthur & Vassilvitskii 2007, SODA.
    """
    chosen: list[int] = []
    distances = np.ones(len(rows))
    while len(chosen) < n_components:
        cumulative = np.cumsum(weights * distances)
        # Fewer distinct rows than components: any row is as good as another.
        if cumulative[-1] > 0:
            pick = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        else:
            pick = int(rng.integers(len(rows)))
        chosen.append(min(pick, len(rows) - 1))
        newest = _squared_distances(rows, rows[chosen[-1:]])[:, 0]
        distances = newest if len(chosen) == 1 else np.minimum(distances, newest)
    return np.array(chosen, dtype=np.intp)


def _standardize(rows: Array, weights: Array) -> Array:
    deviation = np.sqrt(np.diagonal(_covariance(rows, weights)))
    centred = rows - np.average(rows, axis=0, weights=weights)
    return centred / np.where(deviation > 0, deviation, 1.0)


def _whiten(rows: Array, weights: Array) -> Array:
    """Rows with unit covariance; directions without variance stay as they are."""
    scaled = _standardize(rows, weights)
    ridge = np.sqrt(np.finfo(np.float64).eps) * np.eye(rows.shape[1])
    root = np.linalg.cholesky(_covariance(scaled, weights) + ridge)
    return scipy.linalg.solve_triangular(root, scaled.T, lower=True).T


def _covariance(rows: Array, weights: Array) -> Array:
    centred = rows - np.average(rows, axis=0, weights=weights)
    return (centred.T * weights) @ centred / weights.sum()


def _nearest(rows: Array, centres: Array) -> Labels:
    return _squared_distances(rows, centres).argmin(axis=1)


def _squared_distances(rows: Array, others: Array) -> Array:
    found: Array = scipy.spatial.distance.cdist(rows, others, "sqeuclidean")
    return found


def _one_hot(labels: Labels, n_components: int) -> Array:
    return np.eye(n_components)[labels]
