"""What rows say about the mergers of a hierarchy: sums over any set of rows."""

from dataclasses import dataclass
from types import ModuleType
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.types import Array

_TILE_ROWS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class MergeStatistics:
    """Weighted sums over some rows; those of a union of rows are the ``+`` of theirs.

    Attributes
    ----------
    entropy : ndarray of shape (n_components,)
        Entropy of the assignments to 1, 2, ..., K clusters, in nats.
    sizes : ndarray of shape (n_components - 1, 2)
        Of the two clusters of each merger, in the order of the hierarchy: responsibilities.
    confused : ndarray of shape (n_components - 1, 2)
        The same over the rows for which the other of the two is at least as probable.
    """

    entropy: Array
    sizes: Array
    confused: Array

    @classmethod
    def zero(cls, n_components: int) -> Self:
        """The sums of no rows."""
        shape = (n_components - 1, 2)
        return cls(np.zeros(n_components), np.zeros(shape), np.zeros(shape))

    @classmethod
    def from_responsibilities(
        cls,
        responsibilities: Array,
        weights: NDArray[np.generic] | None,
        hierarchy: MergeHierarchy,
    ) -> Self:
        """The sums over rows that are all there: a logarithm for each component and merger.

        Parameters
        ----------
        responsibilities : ndarray of shape (T, n_components)
        weights : ndarray of shape (T,), or None
        hierarchy : MergeHierarchy
        """
        sums = cls.zero(hierarchy.n_components)
        loops = loops_for(*responsibilities.shape)
        for start in range(0, len(responsibilities), _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            r = responsibilities[tile].T.copy()
            w = np.ones(r.shape[1]) if weights is None else weights[tile].astype(np.float64)
            sums.add(r, w, scipy.special.entr(r) @ w, hierarchy, loops)
        return sums

    def add(
        self,
        posterior: Array,
        weights: Array,
        entropies: Array,
        hierarchy: MergeHierarchy,
        loops: ModuleType,
    ) -> None:
        """Add rows, in place.

        Parameters
        ----------
        posterior : ndarray of shape (n_components, T)
            Overwritten.
        weights : ndarray of shape (T,)
        entropies : ndarray of shape (n_components,)
            Weighted sums of -r log r for each component; overwritten.
        hierarchy : MergeHierarchy
        loops : module
            :func:`dgmm.mixture.kernels.tiling.loops_for` the block.
        """
        pairs = np.array(hierarchy.pairs, np.int64).reshape(-1, 2)
        sums = self.entropy, self.sizes, self.confused
        loops.add_mergers(posterior, weights, entropies, pairs, *sums)

    def __add__(self, other: "MergeStatistics") -> "MergeStatistics":
        return MergeStatistics(
            self.entropy + other.entropy,
            self.sizes + other.sizes,
            self.confused + other.confused,
        )
