"""One pass over a block of rows some of whose values are missing at random.

Rows that lack the same values are evaluated together, under the marginals of the models, by the
kernels that complete rows take; their sums are completed before they are added to those of the
block (:mod:`dgmm.mixture.kernels.completion`). All that follows sees sums of complete rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels import packed_models, rare_patterns
from dgmm.mixture.kernels.centred_kernel import CentredModel
from dgmm.mixture.kernels.completion import (
    Completion,
    Features,
    IndependentFeatures,
    Regression,
    WhitenedRegression,
)
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.kernels.statistics import SufficientStatistics
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.missing_values.missing_patterns import PatternRows, group_by_pattern
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

Evaluation = Callable[..., SufficientStatistics]

GATHERED_ROWS = 1 << 15
_GATHERED_TYPES = (np.dtype(np.float64), np.dtype(np.float32))
FEWEST_ROWS = 16
"""Rows of a pattern in a block from which on it is worth marginals of its own."""

MOST_KEPT = 1 << 22
"""Numbers that the marginals of all patterns of a pass may hold; more are made again."""


@dataclass(frozen=True, slots=True, eq=False)
class MarginalModels:
    """The models of a pass for rows that lack the same values.

    Attributes
    ----------
    packed : PackedModels
        Of the observed features.
    completions : tuple of Completion
        Of the sums of each group, and then of each centred model.
    """

    packed: PackedModels
    completions: tuple[Completion, ...]

    def accumulate(
        self,
        rows: NDArray[np.generic],
        weights: NDArray[np.generic] | None,
        loops: ModuleType,
    ) -> SufficientStatistics:
        """The completed statistics of rows of the observed features."""
        found = packed_models.accumulate(self.packed, rows, weights, loops=loops)
        completed = zip(self.completions, found.sums, strict=True)
        return replace(found, sums=tuple(each.apply(sums) for each, sums in completed))


@dataclass(eq=False)
class IncompleteModels:
    """The models of a pass, laid out for rows with missing values.

    Attributes
    ----------
    packed : PackedModels
        For complete rows.
    mixtures : tuple of Parameters
        Of one covariance, full or diagonal, for each component.
    """

    packed: PackedModels
    mixtures: tuple[Parameters, ...]
    _kept: dict[bytes, MarginalModels] = field(default_factory=dict, repr=False)

    def evaluation(self, pattern: PatternRows) -> Evaluation:
        """What makes the statistics of rows of this pattern from their observed features."""
        if pattern.is_complete:
            return partial(packed_models.accumulate, self.packed)
        return self._marginal_models(pattern).accumulate

    def _marginal_models(self, pattern: PatternRows) -> MarginalModels:
        """The models for rows of a pattern, made once where there are not too many."""
        key = pattern.observed.tobytes()
        found = self._kept.get(key)
        if found is None:
            found = self._make_marginal_models(pattern.features)
            if (len(self._kept) + 1) * self._size <= MOST_KEPT:
                self._kept[key] = found
        return found

    @property
    def _size(self) -> int:
        """The most numbers that the marginals of a pattern hold."""
        d = len(self.packed.origin)
        return self.packed.n_components * (3 * d * d + 4 * d + 1)

    def _make_marginal_models(self, observed: Features) -> MarginalModels:
        mixtures = [mixture.marginal(observed.tolist()) for mixture in self.mixtures]
        packed = self.packed
        groups = tuple(
            ExpandedGroup.pack(group.order, group.models, [mixtures[i] for i in group.models])
            for group in packed.groups
        )
        centred = tuple(CentredModel(each.model, mixtures[each.model]) for each in packed.centred)
        origin = packed.origin[observed]
        transform = None if packed.transform is None else packed.transform.select(observed)
        completions = (
            *(self._complete_group(group, observed) for group in packed.groups),
            *(_complete_centred(each.mixture, observed) for each in packed.centred),
        )
        marginals = PackedModels(origin, transform, packed.n_models, groups, centred)
        return MarginalModels(marginals, completions)

    def _complete_group(self, group: ExpandedGroup, observed: Features) -> Completion:
        mixtures = [self.mixtures[index] for index in group.models]
        if mixtures[0].structure.is_diagonal:
            parts = [IndependentFeatures.from_mixture(mixture, observed) for mixture in mixtures]
            return IndependentFeatures.stack(parts)
        return Regression.stack([Regression.from_mixture(each, observed) for each in mixtures])


def _complete_centred(mixture: Parameters, observed: Features) -> Completion:
    if mixture.structure.is_diagonal:
        return IndependentFeatures.whitened(mixture, observed)
    return WhitenedRegression.from_mixture(mixture, observed)


def pack(
    mixtures: Sequence[Parameters],
    origin: Array,
    transform: FeatureTransform | None = None,
    max_error: float | None = None,
) -> IncompleteModels:
    """Lay out mixtures for a pass over rows with missing values.

    Parameters
    ----------
    mixtures, origin, transform, max_error
        As for :func:`dgmm.mixture.kernels.packed_models.pack`; the transform has no axes.
    """
    separate = tuple(_with_own_covariances(mixture) for mixture in mixtures)
    return IncompleteModels(packed_models.pack(separate, origin, transform, max_error), separate)


def accumulate(
    models: IncompleteModels,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None = None,
) -> SufficientStatistics:
    """The expected statistics of a block of rows for all models, given the values that are there.

    Parameters
    ----------
    models : IncompleteModels
    rows : ndarray of shape (n_rows, n_features)
        As for :func:`dgmm.mixture.kernels.packed_models.accumulate`; NaN marks what is missing,
        and every row has a value.
    weights : ndarray of shape (n_rows,), or None
    """
    loops = loops_for(len(rows), models.packed.n_components)
    patterns = group_by_pattern(rows, loops)
    if len(patterns) == 1 and patterns[0].is_complete:
        return packed_models.accumulate(models.packed, rows, weights)
    total = models.packed.zero()
    buffer = np.empty(min(GATHERED_ROWS, len(rows)) * rows.shape[1])
    rare = []
    for pattern in patterns:
        if len(pattern.places) < FEWEST_ROWS and not pattern.is_complete:
            rare.append(pattern.places)
        else:
            total = total + _accumulate_pattern(models, pattern, rows, weights, loops, buffer)
    return total + _accumulate_rare(models, np.concatenate(rare), rows, weights) if rare else total


def _accumulate_pattern(
    models: IncompleteModels,
    pattern: PatternRows,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    loops: ModuleType,
    buffer: Array,
) -> SufficientStatistics:
    """The statistics of the rows of one pattern, some of which are gathered at a time."""
    evaluate, features = models.evaluation(pattern), pattern.features
    total = models.packed.zero()
    for start in range(0, len(pattern.places), GATHERED_ROWS):
        places = pattern.places[start : start + GATHERED_ROWS]
        some = _gather(rows, places, features, loops, buffer)
        total = total + evaluate(some, None if weights is None else weights[places], loops=loops)
    return total


def _gather(
    rows: NDArray[np.generic],
    places: NDArray[np.intp],
    features: Features,
    loops: ModuleType,
    buffer: Array,
) -> NDArray[np.generic]:
    """Some features of some rows, in a buffer if they can be."""
    if not (rows.flags.carray and rows.dtype in _GATHERED_TYPES):
        return np.take(rows, places, axis=0)[:, features]
    found = buffer[: len(places) * len(features)].reshape(len(places), len(features))
    loops.gather(rows, places, features, found)
    return found


def _accumulate_rare(
    models: IncompleteModels,
    places: NDArray[np.intp],
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
) -> SufficientStatistics:
    """The statistics of rows whose patterns few others have."""
    packed = models.packed
    x = rows[places].astype(np.float64)
    if packed.transform is not None:
        x = packed.transform.apply(x.T).T
    x = np.subtract(x, packed.origin, order="C")
    w = np.ones(len(places)) if weights is None else weights[places].astype(np.float64)
    loops = loops_for(len(places), packed.n_components)
    scores, found = np.zeros((2, packed.n_models)), []
    for index, mixture in enumerate(models.mixtures):
        sums, *scores[:, index] = rare_patterns.accumulate(mixture, x, w, loops)
        found.append(sums)
    expanded = (
        np.concatenate(
            [rare_patterns.expanded_sums(models.mixtures[i], found[i]) for i in group.models],
            axis=1,
        )
        for group in packed.groups
    )
    whitened = (
        rare_patterns.whitened_sums(each.mixture, found[each.model]) for each in packed.centred
    )
    return SufficientStatistics(scores[0], scores[1], (*expanded, *whitened))


def _with_own_covariances(mixture: Parameters) -> Parameters:
    """The same mixture with a covariance, full or diagonal, for each component."""
    kind = "diag" if mixture.structure.is_diagonal else "full"
    if mixture.covariance_type == kind:
        return mixture
    covariances = mixture.variances if kind == "diag" else mixture.matrices
    return Parameters.from_covariances(
        kind, mixture.weights, mixture.means, np.ascontiguousarray(covariances)
    )
