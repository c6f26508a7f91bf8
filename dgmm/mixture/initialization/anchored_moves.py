"""Moves of components some of which are known by their places: those of labelled rows.

A component stays in its place, whatever is merged with it and whatever splits off. Two components
of labelled rows are never merged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dgmm.mixture.initialization.moves import Merge, Move, pool_pairs
from dgmm.mixture.initialization.split import Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

Parts = tuple[Array, Array, Array]
"""Weights, means and covariance matrices of components."""


def select_merges(merges: Sequence[Merge], n_anchors: int) -> list[Merge]:
    """Those that leave every component before ``n_anchors``; pairs are in order."""
    return [merge for merge in merges if max(merge.i, merge.j) >= n_anchors]


@dataclass(eq=False)
class AnchoredComponents:
    """Components that are changed in their places.

    Attributes
    ----------
    mixture : Parameters
    anchors : ndarray of shape (n_anchors, n_features)
        Means of the labelled rows of the first components.
    regularization : Regularization
    """

    mixture: Parameters
    anchors: Array
    regularization: Regularization

    def apply(self, moves: Sequence[Move]) -> Parameters:
        """The mixture after moves: one of each merged pair makes room for half of a split.

        Parameters
        ----------
        moves : sequence of Move
            Of disjoint components, with allowed merges.
        """
        parts = self._parts(0)
        weights, means, matrices = parts
        for move in moves:
            i, j = sorted((move.merge.i, move.merge.j))
            weight, mean, matrix = pool_pairs(self.mixture, np.array([i]), np.array([j]))
            weights[i], means[i], matrices[i] = weight[0], mean[0], matrix[0]
            self._divide(move.k, move.split, j, parts)
        return self._mixture(parts)

    def append(self, splits: Sequence[tuple[int, Split]]) -> Parameters:
        """The mixture with halves of some components behind all others."""
        parts = self._parts(len(splits))
        for j, (k, split) in enumerate(splits, start=self.mixture.n_components):
            self._divide(k, split, j, parts)
        return self._mixture(parts)

    def _parts(self, n_more: int) -> Parts:
        """Weights, means and covariance matrices, with room for more components."""
        mixture = self.mixture
        weights, means, matrices = (
            np.concatenate([part, np.zeros((n_more, *part.shape[1:]))])
            for part in (mixture.weights, mixture.means, mixture.matrices)
        )
        return weights, means, matrices

    def _divide(self, k: int, split: Split, j: int, parts: Parts) -> None:
        """Put the halves of component ``k`` into its own place and into ``j``."""
        weights, means, matrices = parts
        order = self._order(k, split)
        for place, half in zip((k, j), order, strict=True):
            weights[place] = self.mixture.weights[k] * split.shares[half]
            means[place], matrices[place] = split.means[half], split.matrices[half]

    def _order(self, k: int, split: Split) -> tuple[int, int]:
        """Which half stays: that in which labelled rows are more likely."""
        if k >= len(self.anchors):
            return 0, 1
        deviations = self.anchors[k] - split.means
        solved = np.linalg.solve(split.matrices, deviations[:, :, None])[:, :, 0]
        spread = np.linalg.slogdet(split.matrices)[1] + (deviations * solved).sum(axis=1)
        stays = int(np.argmax(np.log(split.shares) - 0.5 * spread))
        return stays, 1 - stays

    def _mixture(self, parts: Parts) -> Parameters:
        kind, noise = self.mixture.covariance_type, self.mixture.noise
        return Parameters.from_moments(kind, *parts, self.regularization, noise)
