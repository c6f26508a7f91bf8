"""One pass over a block for all models: the E-step and the sums that the M-step needs.

``pack`` once a pass, ``accumulate`` for every block, ``+`` over blocks, ``moments`` at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import centred, expanded, feature_map
from dgmm.mixture.centred import CentredModel
from dgmm.mixture.expanded import ExpandedGroup
from dgmm.mixture.frame import Frame
from dgmm.mixture.moments import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.preparation import Preparation
from dgmm.mixture.statistics import SufficientStatistics
from dgmm.mixture.structures import structure_of

Array = NDArray[np.float64]

MAX_RELATIVE_ERROR = 1e-9
"""Above this bound on the expanded kernel's error a model takes the centred one."""

_TILE_BYTES = 3 << 19
_TILE_ROWS = (128, 2048)


@dataclass(frozen=True, slots=True, eq=False)
class PackedModels:
    """The models of a pass, laid out for the kernels.

    Attributes
    ----------
    origin : ndarray of shape (n_features,)
        Subtracted from every row.
    preparation : Preparation, or None
        What makes rows of the data into rows of these features.
    n_models : int
    groups : tuple of ExpandedGroup
    centred : tuple of CentredModel
    """

    origin: Array
    preparation: Preparation | None
    n_models: int
    groups: tuple[ExpandedGroup, ...]
    centred: tuple[CentredModel, ...]

    @property
    def order(self) -> int:
        """The longest prefix of the feature map that a group needs."""
        return max((group.order for group in self.groups), default=feature_map.LINEAR)

    @property
    def n_components(self) -> int:
        """Components of all expanded models, C."""
        return sum(len(group.theta) for group in self.groups)

    def zero(self) -> SufficientStatistics:
        """The statistics of no rows."""
        sums = [group.zero() for group in self.groups] + [model.zero() for model in self.centred]
        return SufficientStatistics(np.zeros(self.n_models), np.zeros(self.n_models), tuple(sums))


def pack(
    mixtures: Sequence[Parameters], origin: Array, preparation: Preparation | None = None
) -> PackedModels:
    """Lay out mixtures for a pass, each with the kernel that keeps its digits.

    Parameters
    ----------
    mixtures : sequence of Parameters
        Relative to ``origin``.
    origin : ndarray of shape (n_features,)
    preparation : Preparation, or None
        Of rows that come in other features than the mixtures'.

    Returns
    -------
    PackedModels
    """
    by_order: dict[int, list[int]] = {}
    far: list[int] = []
    for index, mixture in enumerate(mixtures):
        if expanded.relative_error(mixture) > MAX_RELATIVE_ERROR:
            far.append(index)
        else:
            by_order.setdefault(structure_of(mixture.covariance_type).order, []).append(index)
    groups = tuple(
        ExpandedGroup.pack(order, tuple(models), [mixtures[index] for index in models])
        for order, models in sorted(by_order.items())
    )
    models = tuple(CentredModel(index, mixtures[index]) for index in far)
    return PackedModels(origin, preparation, len(mixtures), groups, models)


def tile_rows(order: int, n_features: int) -> int:
    """Rows of a tile: a power of two for which the feature map stays in cache.

    It depends on the shape of the models alone, never on the machine, so that results do not.
    """
    rows = _TILE_BYTES // (8 * feature_map.length(order, n_features))
    return int(np.clip(1 << (rows.bit_length() - 1), *_TILE_ROWS))


def accumulate(
    packed: PackedModels, rows: NDArray[np.generic], weights: NDArray[np.generic] | None = None
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

    Returns
    -------
    SufficientStatistics
    """
    statistics = packed.zero()
    n_rows, d = len(rows), len(packed.origin)
    size = tile_rows(packed.order, d)
    phi = np.empty((feature_map.length(packed.order, d), size))
    logits = np.empty((packed.n_components, size))
    for start in range(0, n_rows, size):
        tile = rows[start : start + size]
        width = len(tile)
        # A short last tile gets arrays of its own, so that every product is contiguous.
        if width < size:
            phi, logits = np.empty((len(phi), width)), np.empty((len(logits), width))
        columns = tile.T if packed.preparation is None else packed.preparation.apply(tile.T)
        np.subtract(columns, packed.origin[:, None], out=phi[1 : 1 + d])
        feature_map.evaluate(phi, packed.order, d)
        w = None if weights is None else weights[start : start + size].astype(np.float64)
        _accumulate_tile(packed, phi, w, logits, statistics)
    return statistics


def _accumulate_tile(
    packed: PackedModels,
    phi: Array,
    weights: Array | None,
    logits: Array,
    statistics: SufficientStatistics,
) -> None:
    """Add one tile to the statistics, in place."""
    n_groups = len(packed.groups)
    d = len(packed.origin)
    for group, sums in zip(packed.groups, statistics.sums[:n_groups], strict=True):
        scores = group.accumulate(phi, weights, logits, sums)
        for model, (log_likelihood, log_classification) in zip(group.models, scores, strict=True):
            statistics.log_likelihood[model] += log_likelihood
            statistics.log_classification[model] += log_classification
    for entry, sums in zip(packed.centred, statistics.sums[n_groups:], strict=True):
        log_likelihood, log_classification = entry.accumulate(phi[1 : 1 + d], weights, sums)
        statistics.log_likelihood[entry.model] += log_likelihood
        statistics.log_classification[entry.model] += log_classification


def moments(
    packed: PackedModels,
    mixtures: Sequence[Parameters],
    statistics: SufficientStatistics,
    frame: Frame,
) -> tuple[Moments, ...]:
    """The E-step's outcome for every model, in the order of ``mixtures``.

    Parameters
    ----------
    packed : PackedModels
    mixtures : sequence of Parameters
        As given to :func:`pack`.
    statistics : SufficientStatistics
        Summed over all rows.
    frame : Frame
        Of the same rows.
    """
    found: dict[int, Moments] = {}
    n_groups = len(packed.groups)
    for group, sums in zip(packed.groups, statistics.sums[:n_groups], strict=True):
        for model, rows in zip(group.models, group.slices, strict=True):
            found[model] = expanded.moments(
                mixtures[model],
                sums[:, rows],
                float(statistics.log_likelihood[model]),
                float(statistics.log_classification[model]),
                frame,
            )
    for entry, sums in zip(packed.centred, statistics.sums[n_groups:], strict=True):
        found[entry.model] = centred.moments(
            mixtures[entry.model],
            sums,
            float(statistics.log_likelihood[entry.model]),
            float(statistics.log_classification[entry.model]),
            frame,
        )
    return tuple(found[index] for index in range(packed.n_models))
