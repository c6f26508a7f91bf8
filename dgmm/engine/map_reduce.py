"""One read of all blocks: map a function over them, combine the outcomes in a fixed tree.

The tree depends on the number of blocks alone and combines by index, so that any number of
workers, in any order, gives the same bits.
"""

from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any
from uuid import uuid4

import dask
import numpy as np
from dask.array.core import Array, map_blocks
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from numpy.typing import NDArray

from dgmm.engine import blas
from dgmm.engine.block import Argument, Block, BlockFunction, Missing, Outcome, Rows
from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import Execution, KilledTasksError
from dgmm.engine.row_checks import is_real, unmask
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
    # A task result and not scattered data: what a lost worker held is computed again.
    shared = dask.delayed(argument, traverse=False, pure=False)
    stored = (dataset.rows,) if dataset.weights is None else (dataset.rows, dataset.weights)
    rows, *weights = execution.persist(stored)
    return map_blocks(
        _apply,
        rows,
        *(array[:, None] for array in weights),
        shared=shared,
        function=function,
        missing=dataset.missing,
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
        layer = {f"{name}-{i}": (_sum, group) for i, group in enumerate(groups)}
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


def _sum(outcomes: list[NDArray[np.object_]]) -> NDArray[np.object_]:
    """Arrays of one outcome each, added in their order."""
    return reduce(add, outcomes)


def _apply(
    rows: Rows,
    weights: Rows | None = None,
    *,
    shared: Any,
    function: BlockFunction[Any, Any],
    missing: Missing,
    block_info: dict[int, dict[str, Any]],
) -> NDArray[np.object_]:
    """One block's outcome, in an array of one element because Dask's blocks are arrays."""
    start, stop = block_info[0]["array-location"][0]
    name = f"block of rows {start} to {stop - 1}"
    rows = unmask(rows, f"The {name}", start)
    _check_block(rows, (stop - start, block_info[0]["array-location"][1][1]), start)
    if weights is not None:
        weights = unmask(weights, f"The weights of the {name}", start)
        _check_block(weights, (stop - start, 1), start)
    outcome = np.empty((1, 1), dtype=object)
    with blas.single_thread():
        w = None if weights is None else weights[:, 0]
        outcome[0, 0] = function(shared, Block.from_rows(rows, w, start, missing))
    return outcome


def _check_block(block: object, shape: tuple[int, int], start: int) -> None:
    """Refuse a block whose shape or dtype differs from what its array declares.

    Raises
    ------
    DataError
        Naming the block's first row.
    """
    found = f"a {type(block).__name__}"
    if isinstance(block, np.ndarray):
        if block.shape == shape and is_real(block.dtype):
            return
        found = f"shape {block.shape} and dtype {block.dtype}"
    message = (
        f"The block of rows {start} to {start + shape[0] - 1} is {found}; expected a NumPy array "
        f"of real numbers of shape {shape}, as its Dask array declares."
    )
    raise DataError(message)
