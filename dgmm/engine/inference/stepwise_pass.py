"""Stepwise EM over a dataset: rows update a mixture in their order, in one read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dgmm.engine import blas
from dgmm.engine.assignment import assign_checked
from dgmm.engine.block import Block
from dgmm.engine.events import PassFinished
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.engine.row_checks import (
    check_finite,
    check_weights,
    find_bad_weights,
)
from dgmm.errors import DataError
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.em import stepwise_em
from dgmm.mixture.em.stepwise_em import StepwiseOptions, StepwiseState
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.kernels.statistics import SufficientStatistics
from dgmm.mixture.parameters import Parameters

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset

_BATCH_BLOCKS = 32
_BATCH_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class StepwiseResult:
    """The mixture after all rows, and their log-likelihood.

    Attributes
    ----------
    state : StepwiseState
    log_likelihood : float
        Of these rows, each under the parameters before its batch, in nats per unit of weight (the
        prequential score of Dawid 1984, J. R. Stat. Soc. A 147); NaN if none has weight.
    """

    state: StepwiseState
    log_likelihood: float


@blas.single_thread()
def run_stepwise(
    runner: PassRunner,
    state: StepwiseState,
    rules: StepwiseOptions,
    start: int = 0,
    functions: ColumnFunctions | None = None,
) -> StepwiseResult:
    """Update a mixture with all rows from ``start`` on, batch by batch.

    The sums of a batch depend on the parameters after the one before. A batch holds many blocks, so
    that many workers have work, and its size does not depend on the workers.

    Parameters
    ----------
    runner : PassRunner
    state : StepwiseState
    rules : StepwiseOptions
    start : int, optional
        The first row.
    functions : ColumnFunctions, or None
        Of single features of the rows, for the mixture.

    Raises
    ------
    DataError
        If a value or a weight cannot be fitted.
    """
    total, weight = 0.0, 0.0
    for index, (first, batch) in enumerate(_batches(runner.dataset, start)):
        mixture = state.parameters
        packed = packed_models.pack([mixture], rules.origin)
        task = _Task(packed, mixture.translate(rules.origin), first, functions)
        part = replace(runner, dataset=batch)
        sums, seconds = part.read("update", index, _e_step_block, task, (1, 1))
        if sums.centred.total_weight > 0:
            (moments,) = packed_models.moments(packed, [mixture], sums.statistics, sums.centred)
            state = stepwise_em.step(state, moments, rules)
            total += moments.log_likelihood + sums.log_jacobian
            weight += moments.total_weight
        mean = total / weight if weight > 0 else np.nan
        runner.observer(PassFinished("update", index, seconds, batch.n_rows, 1, mean))
    return StepwiseResult(state, total / weight if weight > 0 else np.nan)


def _batches(
    dataset: "Dataset | InMemoryRows", start: int
) -> "Iterator[tuple[int, Dataset | InMemoryRows]]":
    """Consecutive blocks of rows, with the first row of each batch."""
    if isinstance(dataset, InMemoryRows):
        for first in range(start, dataset.n_rows, _BATCH_ROWS):
            rows = slice(first, first + _BATCH_ROWS)
            weights = None if dataset.weights is None else dataset.weights[rows]
            yield first, InMemoryRows(dataset.rows[rows], weights)
        return
    left = dataset.slice_rows(start)
    for block in range(0, left.n_blocks, _BATCH_BLOCKS):
        yield start + left.bounds(block)[0], left.part(slice(block, block + _BATCH_BLOCKS))


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """The argument of the tasks of a batch.

    Attributes
    ----------
    packed : PackedModels
    mixture : Parameters
        The same mixture in the units of the data.
    start : int
        First row of the batch.
    functions : ColumnFunctions, or None
    """

    packed: PackedModels
    mixture: Parameters
    start: int
    functions: ColumnFunctions | None


@dataclass(frozen=True, slots=True, eq=False)
class _BatchSums:
    """Sums over some blocks of a batch."""

    statistics: SufficientStatistics
    centred: CentredScatter
    log_jacobian: float

    def __add__(self, other: "_BatchSums") -> "_BatchSums":
        return _BatchSums(
            self.statistics + other.statistics,
            self.centred + other.centred,
            self.log_jacobian + other.log_jacobian,
        )


def _e_step_block(task: _Task, block: Block) -> _BatchSums:
    block = replace(block, start=task.start + block.start)
    check_weights(find_bad_weights(block))
    check_finite(block.start, block.rows, block.complete)
    log_jacobian = 0.0
    if task.functions is not None:
        columns, weights = block.rows.T.astype(np.float64), block.weights
        lost = task.functions.log_jacobian(columns)
        log_jacobian = float(lost.sum() if weights is None else weights.astype(np.float64) @ lost)
        block = replace(block, rows=task.functions.apply(columns).T)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
        statistics = packed_models.accumulate(task.packed, block.rows, block.weights)
        centred = CentredScatter.of(block.rows, block.weights, task.packed.origin)
        if not (
            np.isfinite(statistics.log_likelihood).all() and np.isfinite(centred.scatter).all()
        ):
            assign_checked(task.mixture, block.rows, None, block.start, block.complete)
            raise DataError(
                f"Rows {block.start} to {block.start + block.n_rows - 1} have weights by which the "
                "squares of their values do not fit into float64. Use smaller weights."
            )
    return _BatchSums(statistics, centred, log_jacobian)
