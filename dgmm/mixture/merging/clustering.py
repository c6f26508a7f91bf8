"""Clusters of components: a hierarchy, what all rows say of it, and how many clusters to keep."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.mixture.types import Array

CUTOFF = 0.025
"""Clusters that are confused less often stay apart (Hennig 2010, sec. 5; R's fpc)."""


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Components of a mixture joined into clusters.

    Attributes
    ----------
    hierarchy : MergeHierarchy
    entropy : ndarray of shape (n_components,)
        Mean entropy of the assignment of a row to 1, 2, ..., K clusters, in nats.
    misclassification : ndarray of shape (n_components - 1,)
        For each merger, in the order of the hierarchy: the larger share of one of its two clusters
        that the other is more probable for.
    n_clusters : int
        How many are kept.
    """

    hierarchy: MergeHierarchy
    entropy: Array
    misclassification: Array
    n_clusters: int

    @classmethod
    def from_sums(
        cls,
        hierarchy: MergeHierarchy,
        sums: MergeStatistics,
        total_weight: float,
        n_clusters: int | None = None,
    ) -> Self:
        """What sums over rows say of a hierarchy.

        Parameters
        ----------
        hierarchy : MergeHierarchy
        sums : MergeStatistics
        total_weight : float
            Of the same rows.
        n_clusters : int, optional
            How many to keep, K at most; by the rule of the method unless given
            (:meth:`recommended`).
        """
        shares = np.divide(
            sums.confused, sums.sizes, out=np.zeros_like(sums.sizes), where=sums.sizes > 0
        )
        entropy = sums.entropy / total_weight
        found = cls(hierarchy, entropy, shares.max(axis=1), hierarchy.n_components)
        wanted = found.recommended() if n_clusters is None else n_clusters
        return replace(found, n_clusters=min(wanted, hierarchy.n_components))

    def keep(self, n_clusters: int) -> "Clustering":
        """The same with another number of clusters, from 1 to the number of components."""
        return replace(self, n_clusters=n_clusters)

    @property
    def clusters(self) -> NDArray[np.intp]:
        """The cluster of each component, shape (n_components,), by its lowest component."""
        return self.hierarchy.clusters(self.n_clusters)

    def recommended(self) -> int:
        """The number of clusters that the rule of the method keeps.

        Of "misclassification": pairs are joined until the first of which less than ``CUTOFF`` is
        confused. Of "entropy": the bend of the entropy over the number of clusters
        (:func:`find_bend`).
        """
        if self.hierarchy.method == "entropy":
            return find_bend(self.entropy)
        apart = np.flatnonzero(self.misclassification < CUTOFF)
        n_mergers = int(apart[0]) if apart.size else len(self.misclassification)
        return self.hierarchy.n_components - n_mergers

    def names(self, labels: tuple[int, ...], weights: Array) -> tuple[int, ...]:
        """What the cluster of each component is called: as its heaviest component is.

        Parameters
        ----------
        labels : tuple of int
            What the components are called.
        weights : ndarray of shape (n_components,)
            Of the components.
        """
        clusters = self.clusters
        heaviest = {
            cluster: max(np.flatnonzero(clusters == cluster), key=lambda k: (weights[k], -k))
            for cluster in np.unique(clusters)
        }
        return tuple(labels[heaviest[cluster]] for cluster in clusters)


def find_bend(entropy: Array) -> int:
    """The number of clusters at which two straight lines fit the entropy best.

    Baudry et al. 2010, sec. 4; the lines share the point of the bend, as in R's mclust
    (``clustCombiOptim``). It is never 1, nor all components where there are more than two; of one
    or two components all are kept.

    Parameters
    ----------
    entropy : ndarray of shape (n_components,)
        Of 1, 2, ..., K clusters.

    Examples
    --------
    >>> find_bend(np.array([0.0, 0.01, 0.02, 0.5, 1.0]))
    3
    """
    n_components = len(entropy)
    if n_components < 3:
        return n_components
    x = np.arange(1.0, n_components + 1)

    def misfit(bend: int) -> float:
        return _residual(x[:bend], entropy[:bend]) + _residual(x[bend - 1 :], entropy[bend - 1 :])

    return min(range(2, n_components), key=misfit)


def _residual(x: Array, y: Array) -> float:
    """Sum of squares about the line of least squares."""
    dx, dy = x - x.mean(), y - y.mean()
    return float(((dy - dx * (dx @ dy) / (dx @ dx)) ** 2).sum())
