"""Rows with missing values under diagonal covariances, which need no patterns.

What is there says nothing of what is not. With m_j = 1 where x_j is there, and m_j = x_j = 0 where
it is missing, the log density of what is there under component k of variances v_k,

    log w_k + sum_j (x_j mu_kj - x_j^2 / 2 - m_j mu_kj^2 / 2) / v_kj - m_j log(2 pi v_kj) / 2,

is linear in (1, x, m, x o x): one product for rows that lack any values. Sums of r m say how often
a component's rows lack a feature, so that the others are completed once for a block.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup, LinearTerms
from dgmm.mixture.kernels.packed_models import CENTRED_TILE_ROWS, PackedModels
from dgmm.mixture.kernels.statistics import SufficientStatistics
from dgmm.mixture.kernels.tiling import TileShape
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class MaskedTerms:
    """A group of the expanded kernel for rows (x, m).

    Attributes
    ----------
    linear : LinearTerms
        In (1, x, m, x o x), which is a prefix of the squares of (x, m).
    means, squares : ndarray of shape (C, d)
        Expected values of features that are missing, and of their squares.
    """

    linear: LinearTerms
    means: Array
    squares: Array

    @classmethod
    def pack(cls, group: ExpandedGroup, mixtures: list[Parameters]) -> Self:
        """Those of the group's mixtures.

        Parameters
        ----------
        group : ExpandedGroup
            As for complete rows.
        mixtures : list of Parameters
            Of diagonal covariances.
        """
        means = np.concatenate([mixture.means for mixture in mixtures])
        variances = np.concatenate([mixture.variances for mixture in mixtures])
        constants = np.concatenate([mixture.log_weights for mixture in mixtures])
        first, second = group.theta[:, 1 : 1 + means.shape[1]], group.theta[:, 1 + means.shape[1] :]
        marks = -0.5 * (np.log(2 * np.pi * variances) + first * means)
        theta = np.concatenate([constants[:, None], first, marks, second], axis=1)
        linear = LinearTerms(feature_map.SQUARES, np.ascontiguousarray(theta), group.stops)
        return cls(linear, means, means**2 + variances)

    @property
    def scratch_size(self) -> int:
        """Numbers to work with beside the sums."""
        n, width = len(self.means), 2 * self.means.shape[1]
        return TileShape.of(n, feature_map.SQUARES, width).scratch_size(
            n, feature_map.SQUARES, width
        )

    def complete(self, sums: Array) -> Array:
        """Sums of all features, shape (1 + 2d, C), from those of (1, x, m, x o x)."""
        d = self.means.shape[1]
        counts, first, there, second = np.split(sums, [1, 1 + d, 1 + 2 * d])
        missing = counts - there
        expected = [first + missing * self.means.T, second + missing * self.squares.T]
        return np.concatenate([counts, *expected])


@dataclass(frozen=True, slots=True, eq=False)
class IndependentModels:
    """Models of diagonal covariances, laid out for rows with missing values.

    Attributes
    ----------
    packed : PackedModels
        For complete rows.
    terms : tuple of MaskedTerms
        Of the groups of the expanded kernel.
    """

    packed: PackedModels
    terms: tuple[MaskedTerms, ...]

    @classmethod
    def pack(cls, packed: PackedModels, mixtures: tuple[Parameters, ...]) -> Self:
        """Those of ``packed``, some of the models of a pass, all of whose mixtures are given."""
        terms = (MaskedTerms.pack(g, [mixtures[i] for i in g.models]) for g in packed.groups)
        return cls(packed, tuple(terms))

    def accumulate(
        self,
        rows: NDArray[np.generic],
        weights: NDArray[np.generic] | None,
        loops: ModuleType,
    ) -> SufficientStatistics:
        """The expected statistics of a block of rows given the values that are there.

        Parameters
        ----------
        rows, weights
            As for :func:`dgmm.mixture.kernels.incomplete_rows.accumulate`.
        loops : module
            :func:`dgmm.mixture.kernels.tiling.loops_for` the block.
        """
        packed, n_groups, width = self.packed, len(self.terms), 2 * len(self.packed.origin)
        found = packed.zero()
        sums = [np.zeros(terms.linear.theta.shape[::-1]) for terms in self.terms]
        size = min(packed_models.slab_rows(width), len(rows))
        scratch = packed_models.allocate_aligned(
            max((t.scratch_size for t in self.terms), default=0)
        )
        masked, about = np.empty((size, width)), np.zeros(width)
        for _, x, w in packed_models.slabs(packed, rows, weights, size):
            both = masked[: len(x)]
            loops.mask(x, packed.origin, both)
            for group, terms, total in zip(packed.groups, self.terms, sums, strict=True):
                scores = terms.linear.accumulate(both, about, w, total, scratch, loops)
                found.log_likelihood[list(group.models)] += scores[0]
                found.log_classification[list(group.models)] += scores[1]
            for entry, total in zip(packed.centred, found.sums[n_groups:], strict=True):
                values = _accumulate_centred(entry.mixture, both, w, total, loops)
                found.log_likelihood[entry.model] += values[0]
                found.log_classification[entry.model] += values[1]
        completed = (terms.complete(total) for terms, total in zip(self.terms, sums, strict=True))
        return SufficientStatistics(
            found.log_likelihood, found.log_classification, (*completed, *found.sums[n_groups:])
        )


def _accumulate_centred(
    mixture: Parameters, masked: Array, weights: Array, sums: Array, loops: ModuleType
) -> Array:
    """Add rows (x, m) to the sums of the centred kernel; log-likelihood and log-classification."""
    n_components, d = mixture.means.shape
    roots = mixture.structure.variances(mixture.precisions_cholesky, n_components, d)
    norms, scores = np.log(2 * np.pi * mixture.variances), np.zeros(2)
    log_weights = mixture.log_weights
    for start in range(0, len(masked), CENTRED_TILE_ROWS):
        tile = slice(start, start + CENTRED_TILE_ROWS)
        x, there = np.ascontiguousarray(masked[tile].T).reshape(2, d, -1)
        w = weights[tile]
        whitened = (x - mixture.means[:, :, None]) * (roots[:, :, None] * there)
        squares = whitened**2
        logits = log_weights[:, None] - 0.5 * (norms @ there + squares.sum(axis=1))
        log_density, log_total, scale = np.empty((3, len(w)))
        loops.softmax(logits, w, log_density, log_total, scale)
        sums[:, 0] += logits.sum(axis=1)
        sums[:, 1 : 1 + d] += np.einsum("kit,kt->ki", whitened, logits)
        sums[:, 1 + d :] += np.einsum("kit,kt->ki", squares + (1 - there), logits)
        scores += w @ log_density, -(w @ log_total)
    return scores
