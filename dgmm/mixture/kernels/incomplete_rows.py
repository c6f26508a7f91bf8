"""One pass over a block of rows some of whose values are missing at random.

Rows that lack the same values are evaluated together, under the marginals of the models, by the
kernels that complete rows take; their sums are completed before they are added to those of the
block (:mod:`dgmm.mixture.kernels.completion`). Models of diagonal covariances take all rows
together (:mod:`dgmm.mixture.kernels.independent_features`). All that follows sees sums of complete
rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models, rare_patterns
from dgmm.mixture.kernels.centred_kernel import CentredModel
from dgmm.mixture.kernels.completion import (
    Completion,
    Features,
    Regression,
    WhitenedRegression,
)
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup
from dgmm.mixture.kernels.independent_features import IndependentModels
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
    independent : IndependentModels
        Those of diagonal covariances.
    dependent : PackedModels
        All others, for complete rows.
    """

    packed: PackedModels
    mixtures: tuple[Parameters, ...]
    independent: IndependentModels
    dependent: PackedModels
    _kept: dict[bytes, MarginalModels] = field(default_factory=dict, repr=False)

    def evaluation(self, pattern: PatternRows) -> Evaluation:
        """What makes the statistics of rows of this pattern from their observed features."""
        if pattern.is_complete:
            return partial(packed_models.accumulate, self.dependent)
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
        d = len(self.dependent.origin)
        return self.dependent.n_components * (3 * d * d + 4 * d + 1)

    def _make_marginal_models(self, observed: Features) -> MarginalModels:
        models, groups, centred = self.dependent, [], []
        completions: list[Completion] = []
        for group in models.groups:
            mixtures = [self.mixtures[index] for index in group.models]
            marginals = [mixture.marginal(observed.tolist()) for mixture in mixtures]
            groups.append(ExpandedGroup.pack(group.order, group.models, marginals))
            completions.append(Regression.of_mixtures(mixtures, observed))
        for entry in models.centred:
            centred.append(CentredModel(entry.model, entry.mixture.marginal(observed.tolist())))
            completions.append(WhitenedRegression.from_mixture(entry.mixture, observed))
        transform = None if models.transform is None else models.transform.select(observed)
        packed = PackedModels(
            models.origin[observed], transform, models.n_models, tuple(groups), tuple(centred)
        )
        return MarginalModels(packed, tuple(completions))


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
    packed = packed_models.pack(separate, origin, transform, max_error)
    independent, dependent = (_select(packed, is_diagonal=which) for which in (True, False))
    ordered = replace(
        packed,
        groups=independent.groups + dependent.groups,
        centred=independent.centred + dependent.centred,
    )
    return IncompleteModels(
        ordered, separate, IndependentModels.pack(independent, separate), dependent
    )


def _select(packed: PackedModels, *, is_diagonal: bool) -> PackedModels:
    """The models of diagonal covariances alone, or all others."""
    groups = (g for g in packed.groups if (g.order == feature_map.SQUARES) == is_diagonal)
    centred = (e for e in packed.centred if e.mixture.structure.is_diagonal == is_diagonal)
    return replace(packed, groups=tuple(groups), centred=tuple(centred))


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
    if _is_complete(rows):
        return packed_models.accumulate(models.packed, rows, weights)
    loops = loops_for(len(rows), models.packed.n_components)
    independent, dependent = models.independent.packed, models.dependent
    found = independent.zero()
    if independent.n_components > 0:
        found = models.independent.accumulate(rows, weights, loops)
    others = dependent.zero()
    if dependent.n_components > 0:
        others = _accumulate_patterns(models, rows, weights, loops)
    n_found, n_others = len(independent.groups), len(dependent.groups)
    groups = found.sums[:n_found] + others.sums[:n_others]
    return SufficientStatistics(
        found.log_likelihood + others.log_likelihood,
        found.log_classification + others.log_classification,
        groups + found.sums[n_found:] + others.sums[n_others:],
    )


def _is_complete(rows: NDArray[np.generic]) -> bool:
    """Whether rows lack no value."""
    size = packed_models.slab_rows(rows.shape[1])
    parts = (rows[start : start + size] for start in range(0, len(rows), size))
    return rows.dtype.kind != "f" or not any(np.isnan(part).any() for part in parts)


def _accumulate_patterns(
    models: IncompleteModels,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    loops: ModuleType,
) -> SufficientStatistics:
    """The statistics of models of dependent features, rows of one pattern after the other."""
    total = models.dependent.zero()
    buffer = np.empty(min(GATHERED_ROWS, len(rows)) * rows.shape[1])
    rare = []
    for pattern in group_by_pattern(rows, loops):
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
    total = models.dependent.zero()
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
    packed = models.dependent
    x = rows[places].astype(np.float64)
    if packed.transform is not None:
        x = packed.transform.apply(x.T).T
    x = np.subtract(x, packed.origin, order="C")
    w = np.ones(len(places)) if weights is None else weights[places].astype(np.float64)
    loops = loops_for(len(places), packed.n_components)
    found = packed.zero()

    def sums_of(index: int) -> tuple[Parameters, Array]:
        mixture = models.mixtures[index]
        sums, *scores = rare_patterns.accumulate(mixture, x, w, loops)
        found.log_likelihood[index], found.log_classification[index] = scores
        return mixture, sums

    expanded = [
        np.concatenate([rare_patterns.expanded_sums(*sums_of(i)) for i in group.models], axis=1)
        for group in packed.groups
    ]
    whitened = [rare_patterns.whitened_sums(*sums_of(each.model)) for each in packed.centred]
    return replace(found, sums=(*expanded, *whitened))


def _with_own_covariances(mixture: Parameters) -> Parameters:
    """The same mixture with a covariance, full or diagonal, for each component."""
    kind = "diag" if mixture.structure.is_diagonal else "full"
    if mixture.covariance_type == kind:
        return mixture
    covariances = mixture.variances if kind == "diag" else mixture.matrices
    return Parameters.from_covariances(
        kind, mixture.weights, mixture.means, np.ascontiguousarray(covariances)
    )
