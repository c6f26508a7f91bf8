"""One read of all blocks: map a function over them, combine the outcomes in a fixed tree.

The tree depends on the number of blocks alone and combines by index, so that any number of
workers, in any order, gives the same bits.
"""

from collections.abc import Callable
from functools import partial, reduce
from operator import add
from uuid import uuid4

import dask
import numpy as np
from dask.array.core import Array, map_blocks
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.layers import ArrayBlockIdDep

from dgmm.engine.block import Argument, BlockFunction, Outcome
from dgmm.engine.block_task import BlockTask, apply_to_block, sum_outcomes
from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import Execution, KilledTasksError
from dgmm.errors import DataError, Remedy, TemporaryError

_FAN_IN = 8
_ROOTS = 32
_TRIALS = 2  # passes in which workers die although no single block is to blame


def map_reduce(
    dataset: Dataset,
    function: BlockFunction[Argument, Outcome],
    argument: Argument,
    execution: Execution,
    on_done: Callable[[int, int], None],
) -> Outcome:
    """The sum of ``function`` over all blocks.

    Parameters
    ----------
    dataset : Dataset
    function : callable
        ``function(argument, block) -> outcome``; picklable. Outcomes have a ``+``.
    argument : object
        What every block needs; it enters the graph once.
    execution : Execution
    on_done : callable
        Told (parts done, parts) as the pass goes on.

    Returns
    -------
    outcome

    Raises
    ------
    DataError
        If a block is not what its array declares, or ends every worker that takes it up.
    TemporaryError
        If the cluster is lost for good.
    """
    n_parts = _n_parts(dataset.n_blocks)
    blocks = partial(_blocks, dataset, function, argument, execution)
    blamed: KilledTasksError | None = None
    for _ in range(_TRIALS):
        try:
            parts = execution.compute(lambda: _tree(blocks()), lambda done: on_done(done, n_parts))
            return reduce(add, parts).item()
        except KilledTasksError as error:
            blamed = error
            _find_crashing_blocks(dataset, blocks, error, execution)
    message = (
        "Workers die again and again, and no block of the data ends them by itself. They may run "
        "out of memory together."
    )
    raise TemporaryError(message, remedy=Remedy.USE_LESS_MEMORY) from blamed and blamed.__cause__


def _blocks(
    dataset: Dataset,
    function: BlockFunction[Argument, Outcome],
    argument: Argument,
    execution: Execution,
) -> Array:
    """A task for each block, under a new key."""
    bounds = np.cumsum((0, *dataset.rows.chunks[0]))
    names = tuple(dataset.columns)
    task = BlockTask(function, argument, dataset.missing, dataset.n_features, bounds, names)
    rows, *columns = execution.persist((dataset.rows, *dataset.columns.values()))
    return map_blocks(
        apply_to_block,
        rows,
        ArrayBlockIdDep(rows.chunks),
        *(array[:, None] for array in columns),
        # A task result and not scattered data: what a lost worker held is computed again.
        task=dask.delayed(task, traverse=False, pure=False),
        chunks=((1,) * dataset.n_blocks, (1,)),
        dtype=object,
        meta=np.empty((0, 0), dtype=object),
    )


def _task_at(block: int, blocks: Callable[[], Array]) -> list[Delayed]:
    """One of the tasks."""
    return list(blocks().blocks[block].to_delayed().ravel())


def _tree(outcomes: Array) -> list[Delayed]:
    """Tasks that add up others, neighbours first, until a few remain.

    Each level is a layer of one graph: a call of a delayed function would go through all tasks
    below it.
    """
    (outcomes,) = dask.optimize(outcomes)  # what reads a block and what works on it, in one task
    graph, below = outcomes.__dask_graph__(), outcomes.name
    layers, dependencies = dict(graph.layers), dict(graph.dependencies)
    level, run = [row[0] for row in outcomes.__dask_keys__()], uuid4().hex
    while len(level) > _ROOTS:
        groups = (level[i : i + _FAN_IN] for i in range(0, len(level), _FAN_IN))
        name = f"sum-{run}-{len(layers)}"
        layer = {f"{name}-{i}": (sum_outcomes, group) for i, group in enumerate(groups)}
        layers[name], dependencies[name] = MaterializedLayer(layer), {below}
        level, below = list(layer), name
    graph = HighLevelGraph(layers, dependencies)
    return [Delayed(key, graph, layer=below) for key in level]


def _n_parts(n_blocks: int) -> int:
    """Number of tasks that remain at the top of the tree."""
    while n_blocks > _ROOTS:
        n_blocks = -(-n_blocks // _FAN_IN)
    return n_blocks


def _find_crashing_blocks(
    dataset: Dataset,
    blocks: Callable[[], Array],
    blamed: KilledTasksError,
    execution: Execution,
) -> None:
    """Rerun the blocks blamed for dead workers, one at a time.

    Raises
    ------
    DataError
        Naming the first that ends workers by itself.
    """
    suspects = {key[1] for key in blamed.keys if isinstance(key, tuple)}
    for block in sorted(suspects & set(range(dataset.n_blocks))):
        try:
            execution.compute(partial(_task_at, block, blocks), lambda _: None)
        except KilledTasksError as error:
            start, stop = dataset.bounds(block)
            message = (
                f"Rows {start} to {stop - 1} (block {block}) end every worker that takes them up: "
                f"{error.n_deaths} died of this block alone. Either what is stored there is "
                "damaged and crashes its decoder, or the block needs more memory than a worker has."
            )
            raise DataError(message, remedy=Remedy.USE_LESS_MEMORY) from error.__cause__
