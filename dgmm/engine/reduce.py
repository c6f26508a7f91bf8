"""One read of all blocks: map a function over them, combine the outcomes in a fixed tree.

The tree depends on the number of blocks alone and combines by index, so that any number of
workers, in any order, gives the same bits.
"""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, TypeVar

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from dgmm.engine import blas
from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import Execution

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")
Rows = NDArray[np.generic]
BlockFunction = Callable[[Argument, Rows, Rows | None, int], Outcome]

_FAN_IN = 8
_ROOTS = 32


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
        ``function(argument, rows, weights, start) -> outcome``, with ``start`` the index of the
        block's first row; picklable. Outcomes have a ``+``.
    argument : object
        What every block needs; it enters the graph once.
    execution : Execution
    on_done : callable
        Told (parts done, parts) as the pass goes on.

    Returns
    -------
    outcome
    """
    # A task result and not scattered data: what a lost worker held is computed again.
    shared = dask.delayed(argument, traverse=False, pure=False)
    arrays = [dataset.rows]
    if dataset.weights is not None:
        arrays.append(dataset.weights[:, None])
    outcomes = da.map_blocks(
        _apply,
        *arrays,
        shared=shared,
        function=function,
        chunks=((1,) * dataset.n_blocks, (1,)),
        dtype=object,
        meta=np.empty((0, 0), dtype=object),
    )
    level = list(outcomes.to_delayed().ravel())
    while len(level) > _ROOTS:
        level = [_sum(level[i : i + _FAN_IN]) for i in range(0, len(level), _FAN_IN)]
    n_parts = len(level)
    parts = execution.compute(level, lambda done: on_done(done, n_parts))
    return reduce(add, parts).item()


@dask.delayed(pure=False)
def _sum(outcomes: list[NDArray[np.object_]]) -> NDArray[np.object_]:
    """Arrays of one outcome each, added in their order."""
    return reduce(add, outcomes)


def _apply(
    rows: Rows,
    weights: Rows | None = None,
    *,
    shared: Any,
    function: BlockFunction[Any, Any],
    block_info: dict[int, dict[str, Any]],
) -> NDArray[np.object_]:
    """One block's outcome, in an array of one element because Dask's blocks are arrays."""
    start = int(block_info[0]["array-location"][0][0])
    outcome = np.empty((1, 1), dtype=object)
    with blas.single_thread():
        outcome[0, 0] = function(shared, rows, None if weights is None else weights[:, 0], start)
    return outcome
