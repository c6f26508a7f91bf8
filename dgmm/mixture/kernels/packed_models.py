"""One pass over a block for all models: the E-step and the sums that the M-step needs.

``pack`` once a pass, ``accumulate`` for every block, ``+`` over blocks, ``moments`` at the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import centred_kernel, expanded_kernel
from dgmm.mixture.kernels.centred_kernel import CentredModel
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup
from dgmm.mixture.kernels.least_likely import LeastLikelyCollector, LeastLikelyRequest
from dgmm.mixture.kernels.statistics import Moments, SufficientStatistics
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

MAX_RELATIVE_ERROR = 1e-9
"""Above this bound on the expanded kernel's error a model takes the centred one."""

_SLAB_BYTES = 1 << 19
_SLAB_ROWS = (512, 16384)
_LINE = 8  # numbers in a line of the cache
CENTRED_TILE_ROWS = 512


@dataclass(frozen=True, slots=True, eq=False)
class PackedModels:
    """The models of a pass, laid out for the kernels.

    Attributes
    ----------
    origin : ndarray of shape (n_features,)
        Subtracted from every row.
    transform : FeatureTransform, or None
        What makes rows of the data into rows of these features.
    n_models : int
    groups : tuple of ExpandedGroup
    centred : tuple of CentredModel
    """

    origin: Array
    transform: FeatureTransform | None
    n_models: int
    groups: tuple[ExpandedGroup, ...]
    centred: tuple[CentredModel, ...]

    @property
    def n_components(self) -> int:
        """Components of all models, and their noise."""
        expanded_components = sum(len(group.theta) for group in self.groups)
        return expanded_components + sum(model.mixture.n_terms for model in self.centred)

    @property
    def scratch_size(self) -> int:
        """Numbers that the expanded kernel works with beside its sums."""
        return max((group.scratch_size for group in self.groups), default=0)

    def zero(self) -> SufficientStatistics:
        """The statistics of no rows."""
        sums = [group.zero() for group in self.groups] + [model.zero() for model in self.centred]
        return SufficientStatistics(np.zeros(self.n_models), np.zeros(self.n_models), tuple(sums))


def pack(
    mixtures: Sequence[Parameters],
    origin: Array,
    transform: FeatureTransform | None = None,
    max_error: float | None = None,
) -> PackedModels:
    """Lay out mixtures for a pass, each with the kernel that keeps its digits.

    Parameters
    ----------
    mixtures : sequence of Parameters
        Relative to ``origin``.
    origin : ndarray of shape (n_features,)
    transform : FeatureTransform, or None
        Of rows that come in other features than the mixtures'.
    max_error : float, optional
        Bound on the expanded kernel's error above which a model takes the centred one;
        ``MAX_RELATIVE_ERROR`` unless given.

    Returns
    -------
    PackedModels
    """
    by_order: dict[int, list[int]] = {}
    far: list[int] = []
    bound = MAX_RELATIVE_ERROR if max_error is None else max_error
    for index, mixture in enumerate(mixtures):
        if expanded_kernel.relative_error(mixture) > bound:
            far.append(index)
        else:
            by_order.setdefault(mixture.order, []).append(index)
    groups = tuple(
        ExpandedGroup.pack(order, tuple(models), [mixtures[index] for index in models])
        for order, models in sorted(by_order.items())
    )
    models = tuple(CentredModel(index, mixtures[index]) for index in far)
    return PackedModels(origin, transform, len(mixtures), groups, models)


def slab_rows(n_features: int) -> int:
    """Rows that are widened to float64 at a time; the kernels cut them into tiles."""
    return int(np.clip(_SLAB_BYTES // (8 * n_features), *_SLAB_ROWS))


def accumulate(
    packed: PackedModels,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None = None,
    scatter: Array | None = None,
    least: LeastLikelyRequest | None = None,
    first: int = 0,
    loops: ModuleType | None = None,
) -> SufficientStatistics:
    """The statistics of a block of rows for all models.

    Parameters
    ----------
    packed : PackedModels
    rows : ndarray of shape (n_rows, n_features)
        Rows of the data, before they are prepared. Any real or boolean dtype, byte order and
        layout; widened to float64 tile by tile.
    weights : ndarray of shape (n_rows,), or None
        Sample weights, finite and not negative; they multiply the responsibilities.
    scatter : ndarray of shape (d, d), optional
        Weighted outer products of the rows about the origin are added to it.
    least : LeastLikelyRequest, optional
        Which rows are kept.
    first : int
        Number of the first row in the data.
    loops : module, optional
        Unless given, :func:`dgmm.mixture.kernels.tiling.loops_for` the rows.

    Returns
    -------
    SufficientStatistics
    """
    statistics = packed.zero()
    n_rows, d = len(rows), len(packed.origin)
    kept = None if least is None else LeastLikelyCollector(least, packed.origin)
    size = min(slab_rows(d), n_rows)
    loops = loops_for(n_rows, packed.n_components) if loops is None else loops
    scratch = allocate_aligned(packed.scratch_size)
    for start, x, w in slabs(packed, rows, weights, size):
        if scatter is not None:
            deviations = np.subtract(x, packed.origin, order="C")
            weighted = deviations if weights is None else deviations * w[:, None]
            scatter += weighted.T @ deviations
        log_densities = None if kept is None else np.empty((packed.n_models, len(x)))
        _accumulate_slab(packed, x, w, statistics, scratch, loops, log_densities)
        if kept is not None and log_densities is not None:
            kept.add(log_densities, first + start, x, w)
    return statistics if kept is None else replace(statistics, least_likely=kept.rows)


def slabs(
    packed: PackedModels,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    size: int,
) -> Iterator[tuple[int, Array, Array]]:
    """Some rows at a time as the loops take them.

    Parameters
    ----------
    packed, rows, weights
        As for :func:`accumulate`.
    size : int
        The most rows at a time.

    Yields
    ------
    start : int
    x : ndarray of shape (m, d)
        In the features of the models; overwritten after use.
    w : ndarray of shape (m,)
        Weights; ones if there are none.
    """
    slab, ones = np.empty((size, len(packed.origin))), np.ones(size)
    for start in range(0, len(rows), size or 1):
        part = rows[start : start + size]
        x, w = slab[: len(part)], ones[: len(part)]
        if packed.transform is not None:
            x[...] = packed.transform.apply(part.T).T
        else:
            x = _widened(part, x)
        if weights is not None:
            w[...] = weights[start : start + size]
        yield start, x, w


def allocate_aligned(size: int) -> Array:
    """As many numbers, from where a line of the cache begins: vectors then lie in one line each."""
    numbers = np.empty(size + _LINE)
    start = -(numbers.ctypes.data // numbers.itemsize) % _LINE
    return numbers[start : start + size]


def _widened(rows: NDArray[np.generic], slab: Array) -> Array:
    """Rows in float64 as the loops take them: as they are, or copied."""
    if rows.dtype == slab.dtype and rows.flags.carray:
        return rows.astype(np.float64, copy=False)
    slab[...] = rows
    return slab


def _accumulate_slab(
    packed: PackedModels,
    x: Array,
    weights: Array,
    statistics: SufficientStatistics,
    scratch: Array,
    loops: ModuleType,
    log_densities: Array | None,
) -> None:
    """Add some rows to the statistics, in place; their log densities as well, if wanted."""
    n_groups = len(packed.groups)
    for group, sums in zip(packed.groups, statistics.sums[:n_groups], strict=True):
        models = list(group.models)
        found = None if log_densities is None else np.empty((len(models), len(x)))
        scores = group.accumulate(x, packed.origin, weights, sums, scratch, loops, densities=found)
        if log_densities is not None and found is not None:
            group.complete(found, x, packed.origin)
            log_densities[models] = found
        statistics.log_likelihood[models] += scores[0]
        statistics.log_classification[models] += scores[1]
    for start in range(0, len(x) if packed.centred else 0, CENTRED_TILE_ROWS):
        tile = slice(start, start + CENTRED_TILE_ROWS)
        columns = np.subtract(x[tile].T, packed.origin[:, None], order="C")
        for entry, sums in zip(packed.centred, statistics.sums[n_groups:], strict=True):
            log_density = np.empty(columns.shape[1])
            log_likelihood, log_classification = entry.accumulate(
                columns, weights[tile], sums, loops, log_density
            )
            if log_densities is not None:
                log_densities[entry.model, tile] = log_density
            statistics.log_likelihood[entry.model] += log_likelihood
            statistics.log_classification[entry.model] += log_classification


def moments(
    packed: PackedModels,
    mixtures: Sequence[Parameters],
    statistics: SufficientStatistics,
    centred: CentredScatter,
) -> tuple[Moments, ...]:
    """The E-step's outcome for every model, in the order of ``mixtures``.

    Parameters
    ----------
    packed : PackedModels
    mixtures : sequence of Parameters
        As given to :func:`pack`.
    statistics : SufficientStatistics
        Summed over all rows.
    centred : CentredScatter
        Of the same rows.
    """
    found: dict[int, Moments] = {}
    n_groups = len(packed.groups)
    for group, sums in zip(packed.groups, statistics.sums[:n_groups], strict=True):
        scatters: Sequence[Array | None] = [None] * len(group.models)
        if group.order == feature_map.LINEAR and len(statistics.shared_scatters):
            scatters = list(statistics.shared_scatters)
        for model, rows, scatter in zip(group.models, group.slices, scatters, strict=True):
            found[model] = expanded_kernel.moments(
                mixtures[model],
                sums[:, rows],
                float(statistics.log_likelihood[model]),
                float(statistics.log_classification[model]),
                centred,
                scatter,
            )
    for entry, sums in zip(packed.centred, statistics.sums[n_groups:], strict=True):
        found[entry.model] = centred_kernel.moments(
            mixtures[entry.model],
            sums,
            float(statistics.log_likelihood[entry.model]),
            float(statistics.log_classification[entry.model]),
            centred,
        )
    ordered = (found[index] for index in range(packed.n_models))
    return tuple(centred.add_known(*pair) for pair in zip(ordered, mixtures, strict=True))
