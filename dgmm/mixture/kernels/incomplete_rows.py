"""One pass over a block of rows some of whose values are missing at random.

Rows that lack the same values are evaluated together, under the marginals of the models, by the
kernels that complete rows take; their sums are completed before they are added to those of the
block (:mod:`dgmm.mixture.kernels.completion`). Models of diagonal covariances take all rows
together (:mod:`dgmm.mixture.kernels.independent_features`). All that follows sees sums of complete
rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import compress
from operator import add, not_
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models, rare_patterns
from dgmm.mixture.kernels.independent_features import IndependentModels
from dgmm.mixture.kernels.marginal_models import MarginalModels
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.kernels.pattern_sums import sum_patterns
from dgmm.mixture.kernels.statistics import SufficientStatistics
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.missing_values.missing_patterns import PatternRows, group_by_pattern
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

GATHERED_ROWS = 1 << 15
FEWEST_ROWS = 16
"""Rows of a pattern in a block from which on it is worth marginals of its own."""

MOST_KEPT = 1 << 22
"""Numbers that the marginals of all patterns of a pass may hold; more are made again."""


@dataclass(eq=False)
class IncompleteModels:
    """The models of a pass, laid out for rows with missing values.

    Attributes
    ----------
    packed : PackedModels
        For complete rows.
    mixtures : tuple of Parameters
        Of full, tied or diagonal covariances.
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

    def marginal_models(self, observed: NDArray[np.bool_]) -> MarginalModels:
        """Those of dependent features for rows of a pattern; not too many are kept."""
        key = observed.tobytes()
        found = self._kept.get(key)
        if found is None:
            found = MarginalModels.of(self.dependent, self.mixtures, np.flatnonzero(observed))
            if (len(self._kept) + 1) * self._size <= MOST_KEPT:
                self._kept[key] = found
        return found

    def zero(self) -> SufficientStatistics:
        """The statistics of no rows, of models of dependent features."""
        nothing, d = self.dependent.zero(), len(self.dependent.origin)
        tied = [len(g.models) for g in self.dependent.groups if g.order == feature_map.LINEAR]
        return replace(nothing, shared_scatters=np.zeros((tied[0], d, d))) if tied else nothing

    @property
    def patterns_at_a_time(self) -> int:
        """How many patterns' marginals are held, at most, beside those that are kept."""
        return max(1, MOST_KEPT // self._size)

    @property
    def _size(self) -> int:
        """The most numbers that the marginals of a pattern hold."""
        d = len(self.dependent.origin)
        return self.dependent.n_components * (3 * d * d + 4 * d + 1)


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
    known = tuple(_of_known_marginals(mixture) for mixture in mixtures)
    packed = packed_models.pack(known, origin, transform, max_error)
    dependent, independent = (_select(packed, is_diagonal=which) for which in (False, True))
    ordered = replace(
        packed,
        groups=dependent.groups + independent.groups,
        centred=dependent.centred + independent.centred,
    )
    return IncompleteModels(ordered, known, IndependentModels.pack(independent, known), dependent)


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
    loops = loops_for(len(rows), models.packed.n_components)
    if _is_complete(rows):
        whole = models.marginal_models(np.ones(rows.shape[1], np.bool_))
        return replace(whole, packed=models.packed).accumulate(rows, weights, loops)
    independent, dependent = models.independent.packed, models.dependent
    found, others = models.zero(), independent.zero()
    if dependent.n_components > 0:
        found = found + _accumulate_patterns(models, rows, weights, loops)
    if independent.n_components > 0:
        others = models.independent.accumulate(rows, weights, loops)
    n_found, n_others = len(dependent.groups), len(independent.groups)
    groups = found.sums[:n_found] + others.sums[:n_others]
    return SufficientStatistics(
        found.log_likelihood + others.log_likelihood,
        found.log_classification + others.log_classification,
        groups + found.sums[n_found:] + others.sums[n_others:],
        shared_scatters=found.shared_scatters,
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
    """The statistics of models whose covariances are not diagonal, by patterns of rows."""
    x, w = _prepare(models.dependent, rows), None if weights is None else weights.astype(float)
    patterns = group_by_pattern(x, loops)
    is_rare = [len(p.places) < FEWEST_ROWS and not p.is_complete for p in patterns]
    common = list(compress(patterns, map(not_, is_rare)))
    total, size = models.zero(), models.patterns_at_a_time
    for start in range(0, len(common), size):
        total = total + _accumulate_common(models, common[start : start + size], x, w, loops)
    rare = [pattern.places for pattern in compress(patterns, is_rare)]
    return total + _accumulate_rare(models, np.concatenate(rare), x, w) if rare else total


def _accumulate_common(
    models: IncompleteModels,
    patterns: Sequence[PatternRows],
    x: Array,
    weights: Array | None,
    loops: ModuleType,
) -> SufficientStatistics:
    """The statistics of rows of some patterns."""
    groups, origin = models.dependent.groups, models.dependent.origin
    marginals = [models.marginal_models(pattern.observed) for pattern in patterns]
    if models.dependent.centred or any(group.shape.factored for group in groups):
        pairs = zip(marginals, patterns, strict=True)
        return reduce(add, (_accumulate_pattern(*pair, x, weights, loops) for pair in pairs))
    sums = (
        sum_patterns([m.packed.groups[i] for m in marginals], patterns, x, weights, origin, loops)
        for i in range(len(groups))
    )
    of_patterns = zip(marginals, zip(*sums, strict=True), strict=True)
    return reduce(add, (marginal.complete_sums(found) for marginal, found in of_patterns))


def _prepare(models: PackedModels, rows: NDArray[np.generic]) -> Array:
    """The rows in the features of the models, in float64."""
    if models.transform is None and rows.dtype == np.float64 and rows.flags.carray:
        return rows.astype(np.float64, copy=False)
    x = np.empty(rows.shape)
    size = packed_models.slab_rows(rows.shape[1])
    for start, some, _ in packed_models.slabs(models, rows, None, size):
        x[start : start + size] = some
    return x


def _accumulate_pattern(
    models: MarginalModels,
    pattern: PatternRows,
    x: Array,
    weights: Array | None,
    loops: ModuleType,
) -> SufficientStatistics:
    """The statistics of the rows of one pattern, some of which are gathered at a time."""
    parts = np.split(pattern.places, range(GATHERED_ROWS, len(pattern.places), GATHERED_ROWS))
    found = (
        models.accumulate(
            np.take(x, places, axis=0)[:, pattern.features],
            None if weights is None else weights[places],
            loops,
        )
        for places in parts
    )
    return reduce(add, found)


def _accumulate_rare(
    models: IncompleteModels, places: NDArray[np.intp], x: Array, weights: Array | None
) -> SufficientStatistics:
    """The statistics of rows whose patterns few others have."""
    packed = models.dependent
    x = np.subtract(x[places], packed.origin, order="C")
    w = np.ones(len(places)) if weights is None else weights[places]
    loops = loops_for(len(places), packed.n_components)
    found = models.zero()

    def expect(index: int) -> Array:
        sums, *scores = rare_patterns.accumulate(models.mixtures[index], x, w, loops)
        found.log_likelihood[index], found.log_classification[index] = scores
        return sums

    sums: list[Array] = []
    scatters = found.shared_scatters
    for group in packed.groups:
        parts = [rare_patterns.expand_sums(models.mixtures[i], expect(i)) for i in group.models]
        together = np.concatenate(parts, axis=1)
        if group.order == feature_map.LINEAR:
            together, products = np.split(together, [1 + x.shape[1]])
            matrices = feature_map.unpack_symmetric(products.T, x.shape[1])
            scatters = np.add.reduceat(matrices, [part.start for part in group.slices])
        sums.append(together)
    whitened = (rare_patterns.whiten_sums(e.mixture, expect(e.model)) for e in packed.centred)
    return replace(found, sums=(*sums, *whitened), shared_scatters=scatters)


def _of_known_marginals(mixture: Parameters) -> Parameters:
    """The same mixture with tied covariances, or those of each component, full or diagonal."""
    kind = "diag" if mixture.structure.is_diagonal else "full"
    if mixture.structure.order == feature_map.LINEAR or mixture.covariance_type == kind:
        return mixture
    covariances = mixture.variances if kind == "diag" else mixture.matrices
    return Parameters.from_covariances(
        kind, mixture.weights, mixture.means, np.ascontiguousarray(covariances)
    )
