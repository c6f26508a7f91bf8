"""Sums of the expanded kernel over the rows of several patterns of missing values."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from dgmm.mixture import feature_map
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup
from dgmm.mixture.kernels.packed_models import allocate_aligned
from dgmm.mixture.missing_values.missing_patterns import PatternRows
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class PatternSums:
    """What rows of one pattern add up to under the marginals of a group of models.

    Attributes
    ----------
    sums : ndarray of shape (p, C)
        Of the observed features.
    scores : ndarray of shape (2, n_models)
        Log-likelihoods and log-classifications, in nats.
    scatter : ndarray of shape (n_observed, n_observed), or None
        Weighted outer products of the rows about the origin, for tied models.
    """

    sums: Array
    scores: Array
    scatter: Array | None


def sum_patterns(
    groups: Sequence[ExpandedGroup],
    patterns: Sequence[PatternRows],
    x: Array,
    weights: Array | None,
    origin: Array,
    loops: ModuleType,
) -> list[PatternSums]:
    """The sums over the rows of each pattern.

    Parameters
    ----------
    groups : sequence of ExpandedGroup
        The marginals of the same models for each pattern; not those that TileShape factors.
    patterns : sequence of PatternRows
    x : ndarray of shape (n_rows, d)
        The rows of the block, in the features of the models.
    weights : ndarray of shape (n_rows,), or None
    origin : ndarray of shape (d,)
        Subtracted from every row.
    loops : module
        :func:`dgmm.mixture.kernels.tiling.loops_for` the block.
    """
    n_models, d, is_tied = len(groups[0].stops), len(origin), groups[0].order == feature_map.LINEAR
    stops = np.cumsum([len(pattern.places) for pattern in patterns])
    table = [
        (stop, g.n_features, g.theta.shape[1], g.shape.rows, g.shape.components, g.shape.transposed)
        for g, stop in zip(groups, stops, strict=True)
    ]
    factors = [feature_map.factors(group.order, group.n_features).ravel() for group in groups]
    sums = np.zeros(sum(group.theta.size for group in groups))
    scores = np.zeros((len(groups), 2, n_models))
    scatters = np.zeros((len(groups) if is_tied else 0, d, d))
    loops.add_patterns(
        x,
        origin,
        np.empty(0) if weights is None else weights,
        np.concatenate([pattern.places for pattern in patterns]),
        np.array(table, np.int64),
        np.concatenate([pattern.features for pattern in patterns]),
        np.concatenate([group.theta.ravel() for group in groups]),
        np.concatenate(factors),
        np.array(groups[0].stops, np.int64),
        sums,
        scores,
        scatters,
        allocate_aligned(max(group.scratch_size for group in groups)),
    )
    found, start = [], 0
    for place, group in enumerate(groups):
        own, n = sums[start : start + group.theta.size], group.n_features
        scatter = scatters[place, :n, :n] if is_tied else None
        found.append(PatternSums(own.reshape(group.theta.shape[::-1]), scores[place], scatter))
        start += group.theta.size
    return found
