"""Which components are joined, one pair of clusters after the other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True)
class MergeHierarchy:
    """The order in which the components of a mixture become one cluster.

    Attributes
    ----------
    method : str
        One of :data:`METHODS`.
    pairs : tuple of (int, int)
        One for each of K - 1 mergers: the second cluster joins the first. A cluster is called by
        the lowest of its components.
    """

    method: str
    pairs: tuple[tuple[int, int], ...]

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return len(self.pairs) + 1

    def clusters(self, n_clusters: int) -> NDArray[np.intp]:
        """What cluster each component belongs to when so many are left, shape (n_components,).

        Parameters
        ----------
        n_clusters : int
            From 1 to the number of components.
        """
        found = np.arange(self.n_components)
        for first, second in self.pairs[: self.n_components - n_clusters]:
            found[found == second] = first
        return found


PairValue = Callable[[Array, Array, Array], float]
"""``value(a, b, weights)``: how much two clusters ask to be joined, by their responsibilities."""


def entropy_decrease(a: Array, b: Array, weights: Array) -> float:
    """How much less entropy assignments have with a cluster in place of two, in nats.

    Baudry, Raftery, Celeux, Lo & Gottardo 2010, J. Comput. Graph. Stat. 19, eq. 10.

    Parameters
    ----------
    a, b : ndarray of shape (m,)
        Responsibilities of two clusters for the same rows.
    weights : ndarray of shape (m,)
    """
    return float(
        weights @ (scipy.special.entr(a) + scipy.special.entr(b) - scipy.special.entr(a + b))
    )


def misclassification(a: Array, b: Array, weights: Array) -> float:
    """The larger share of one of two clusters that the other is more probable for.

    Hennig 2010, Adv. Data Anal. Classif. 4, sec. 4.3, "DEMP"; of the two clusters alone, as R's fpc
    has it.

    Parameters
    ----------
    a, b : ndarray of shape (m,)
        Responsibilities of two clusters for the same rows.
    weights : ndarray of shape (m,)
    """
    return max(_share(a, b >= a, weights), _share(b, a >= b, weights))


def _share(own: Array, where: NDArray[np.bool_], weights: Array) -> float:
    """The share of a cluster that lies in some rows; 0 if it has none."""
    total = float(weights @ own)
    return float(weights @ (own * where)) / total if total > 0 else 0.0


METHODS: dict[str, PairValue] = {
    "entropy": entropy_decrease,
    "misclassification": misclassification,
}
"""Ways to choose the next pair, by name: the pair of the largest value is joined."""


def build_hierarchy(
    responsibilities: Array, weights: Array | None = None, method: str = "misclassification"
) -> MergeHierarchy:
    """Join clusters, the pair that asks for it most first, until one is left.

    Parameters
    ----------
    responsibilities : ndarray of shape (m, n_components)
        Of all rows, or of a sample.
    weights : ndarray of shape (m,), optional
    method : {"entropy", "misclassification"}, optional

    Returns
    -------
    MergeHierarchy
    """
    value = METHODS[method]
    r = np.ascontiguousarray(responsibilities.T).copy()
    w = np.ones(r.shape[1]) if weights is None else weights
    n_components = len(r)
    values = np.full((n_components, n_components), -np.inf)
    for first in range(n_components):
        for second in range(first + 1, n_components):
            values[first, second] = value(r[first], r[second], w)
    pairs, left = [], list(range(n_components))
    while len(left) > 1:
        first, second = (int(i) for i in np.unravel_index(values.argmax(), values.shape))
        pairs.append((first, second))
        left.remove(second)
        values[second, :] = values[:, second] = -np.inf
        r[first] += r[second]
        for other in left:
            if other != first:
                low, high = sorted((first, other))
                values[low, high] = value(r[low], r[high], w)
    return MergeHierarchy(method, tuple(pairs))
