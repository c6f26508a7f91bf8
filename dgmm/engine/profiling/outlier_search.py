"""A read of all rows that finds the log density below which a share of them lies."""

from dataclasses import dataclass

import numpy as np

from dgmm.engine.block import Block
from dgmm.engine.events import PassFinished
from dgmm.engine.passes import PassRunner
from dgmm.mixture.density import assign
from dgmm.mixture.outlier_threshold import choose_threshold, count_between
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_STAGE = "outliers"
_ROWS_AT_ONCE = 1 << 13  # each has a responsibility for each component


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    mixture: Parameters
    transform: FeatureTransform | None
    thresholds: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    weights: Array
    checksums: tuple[int, ...]

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(self.weights + other.weights, self.checksums + other.checksums)


def _count_block(task: _Task, block: Block) -> _Counts:
    counts = np.zeros(len(task.thresholds) + 1)
    may_lack = block.missing == "marginalize"
    for start in range(0, len(block.rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found = assign(task.mixture, block.rows[part], task.transform, may_lack=may_lack)
        weights = None if block.weights is None else block.weights[part].astype(np.float64)
        counts += count_between(task.thresholds, found.log_density, weights)
    return _Counts(counts, (block.checksum,))


def find_threshold(
    runner: PassRunner,
    mixture: Parameters,
    transform: FeatureTransform | None,
    thresholds: Array,
    share: float,
) -> float:
    """The one of some thresholds that has the share of all rows below it, as nearly as may be.

    Parameters
    ----------
    runner : PassRunner
    mixture : Parameters
    transform : FeatureTransform, or None
        Of rows for the mixture.
    thresholds : ndarray of shape (n,)
        In order (:func:`dgmm.mixture.outlier_threshold.propose_thresholds`).
    share : float
        Of the weight of the rows.
    """
    task = _Task(mixture, transform, thresholds)
    found, seconds = runner.read(_STAGE, 0, _count_block, task)
    runner.check(found.checksums)
    runner.observer(PassFinished(_STAGE, 0, seconds, runner.dataset.n_rows, 0, None))
    return choose_threshold(thresholds, found.weights, share)
