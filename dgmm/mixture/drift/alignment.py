"""Match the components of two mixtures, so that labels keep their meaning."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

MAX_SQUARED_HELLINGER_DISTANCE = 0.9
"""Squared Hellinger distance above which two components are not the same; 1 is the most."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Pairs of components of an older mixture and a newer one.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Older and newer component, in the order of the older.
    distances : tuple of float
        Squared Hellinger distance of each pair.
    vanished : tuple of int
        Older components without a newer one.
    appeared : tuple of int
        Newer components without an older one.
    """

    pairs: tuple[tuple[int, int], ...]
    distances: tuple[float, ...]
    vanished: tuple[int, ...]
    appeared: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ComponentLabels:
    """The labels of the components of a mixture, and the next new label.

    Attributes
    ----------
    labels : tuple of int
        Of each component.
    next_label : int
        The first that has never been used.
    """

    labels: tuple[int, ...]
    next_label: int

    @classmethod
    def first(cls, n_components: int) -> Self:
        """Labels of a mixture without a predecessor: the places of the components."""
        return cls(tuple(range(n_components)), n_components)

    def places(self, labels: NDArray[np.integer]) -> NDArray[np.integer]:
        """The places of the components with these labels; -1 stays."""
        places = np.full(self.next_label + 1, -1)
        places[list(self.labels)] = np.arange(len(self.labels))
        return places[labels]

    def follow(self, alignment: Alignment) -> Self:
        """Labels of the newer mixture of an alignment, given these of the older one.

        New components get labels that were never used, since an old label would be misleading.
        """
        given = {new: self.labels[old] for old, new in alignment.pairs}
        given |= {new: self.next_label + i for i, new in enumerate(alignment.appeared)}
        labels = tuple(given[k] for k in range(len(given)))
        return type(self)(labels, self.next_label + len(alignment.appeared))

    def extend(self, n_components: int) -> Self:
        """Labels of these components and of further ones, which have never been used."""
        n_more = n_components - len(self.labels)
        more = range(self.next_label, self.next_label + n_more)
        return type(self)((*self.labels, *more), self.next_label + n_more)

    def sort(self) -> Self:
        """The same for components in the order of their labels."""
        return type(self)(tuple(sorted(self.labels)), self.next_label)


def align(
    older: Parameters,
    newer: Parameters,
    max_distance: float = MAX_SQUARED_HELLINGER_DISTANCE,
    n_kept: int = 0,
) -> Alignment:
    """Pair the components of two mixtures so that the sum of their distances is smallest.

    A component may stay unpaired: the distance of a pair must be below ``max_distance``.

    Parameters
    ----------
    older, newer : Parameters
        Of any structure and number of components, of the same features.
    max_distance : float
        Squared Hellinger distance, between 0 and 1.
    n_kept : int
        How many components, the first of both, are the same however far apart they are.
    """
    distances = hellinger(older, newer)
    n_older, n_newer = distances.shape
    # A square problem in which a component may stay unpaired, at half the maximum distance.
    costs = np.full((n_older + n_newer, n_older + n_newer), max_distance / 2)
    costs[:n_older, :n_newer] = distances
    costs[n_older:, n_newer:] = 0.0
    costs[:n_kept] = costs[:, :n_kept] = 1.0
    np.fill_diagonal(costs[:n_kept, :n_kept], 0.0)
    rows, columns = scipy.optimize.linear_sum_assignment(costs)
    pairs = tuple(
        (int(i), int(j))
        for i, j in zip(rows, columns, strict=True)
        if i < n_older and j < n_newer and (distances[i, j] < max_distance or i < n_kept)
    )
    paired_older, paired_newer = {i for i, _ in pairs}, {j for _, j in pairs}
    return Alignment(
        pairs,
        tuple(float(distances[pair]) for pair in pairs),
        tuple(k for k in range(n_older) if k not in paired_older),
        tuple(k for k in range(n_newer) if k not in paired_newer),
    )


def hellinger(a: Parameters, b: Parameters) -> Array:
    """Squared Hellinger distances between the components of two mixtures.

    One minus the Bhattacharyya coefficient, which for Gaussians is
    exp(-(1/8) d' S^-1 d) (|A| |B|)^(1/4) / |S|^(1/2) with d the difference of the means and
    S = (A + B) / 2 (Kailath 1967, IEEE Trans. Commun. Technol. 15).

    Returns
    -------
    ndarray of shape (a.n_components, b.n_components)
        Between 0 (equal) and 1 (apart).
    """
    of_a, of_b = a.matrices, b.matrices
    half_logs_a, half_logs_b = a.log_determinants / 2, b.log_determinants / 2
    found = np.empty((a.n_components, b.n_components))
    for i in range(a.n_components):
        for j in range(b.n_components):
            factor = scipy.linalg.cho_factor((of_a[i] + of_b[j]) / 2, lower=True)
            difference = a.means[i] - b.means[j]
            squared = difference @ scipy.linalg.cho_solve(factor, difference)
            half_log = np.log(np.diagonal(factor[0])).sum()
            log_coefficient = (half_logs_a[i] + half_logs_b[j]) / 2 - half_log - squared / 8
            found[i, j] = -np.expm1(min(log_coefficient, 0.0))
    return found


def jeffreys(a: Parameters, b: Parameters) -> Array:
    """Jeffreys' divergence of each component from its counterpart, in nats, shape (n_components,).

    The sum of both Kullback-Leibler divergences:
    (tr(B^-1 A) + tr(A^-1 B) - 2 d + d' (A^-1 + B^-1) d) / 2.

    Parameters
    ----------
    a, b : Parameters
        Of as many components, in the same order, and the same features.
    """
    d = a.n_features
    of_a, of_b = a.matrices, b.matrices
    found = np.empty(a.n_components)
    for k in range(a.n_components):
        difference = a.means[k] - b.means[k]
        total = -2.0 * d
        for own, other in ((of_a[k], of_b[k]), (of_b[k], of_a[k])):
            factor = scipy.linalg.cho_factor(own, lower=True)
            total += np.trace(scipy.linalg.cho_solve(factor, other))
            total += difference @ scipy.linalg.cho_solve(factor, difference)
        found[k] = total / 2
    return found
