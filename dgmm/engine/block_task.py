"""The task of a block, in a module that workers import without ``dask.array``.

That takes them most of a second, and more where it finds xarray. Reading a block needs none of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from threading import Thread
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from dgmm.engine import blas
from dgmm.engine.block import Argument, Block, BlockFunction, Missing, Outcome, Rows
from dgmm.engine.row_checks import is_real, unmask
from dgmm.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class BlockTask(Generic[Argument, Outcome]):
    """What is done to every block of a dataset.

    Attributes
    ----------
    function : callable
        ``function(argument, block) -> outcome``.
    argument : object
    missing : {"error", "drop", "marginalize"}
    n_features : int
    bounds : ndarray of shape (n_blocks + 1,)
        First row of each block, and the number of rows.
    columns : tuple of str
        What there is beside the features: "weights", "labels", or both.
    """

    function: BlockFunction[Argument, Outcome]
    argument: Argument
    missing: Missing
    n_features: int
    bounds: NDArray[np.int64]
    columns: tuple[str, ...] = ()


def apply_to_block(
    rows: Rows,
    place: tuple[int, int],
    *columns: Rows,
    task: BlockTask[Argument, Outcome],
) -> NDArray[np.object_]:
    """One block's outcome, in an array of one element because Dask's blocks are arrays.

    Parameters
    ----------
    rows : ndarray of shape (m, n_features)
    place : (int, int)
        Number of the block, and zero.
    *columns : ndarray of shape (m, 1)
        In the order of the task's.
    task : BlockTask
    """
    start, stop = (int(bound) for bound in task.bounds[place[0] : place[0] + 2])
    name = f"block of rows {start} to {stop - 1}"
    rows = unmask(rows, f"The {name}", start)
    _check_block(rows, (stop - start, task.n_features), start)
    beside = {}
    for what, column in zip(task.columns, columns, strict=True):
        values = unmask(column, f"The {what} of the {name}", start)
        _check_block(values, (stop - start, 1), start)
        beside[what] = values[:, 0]
    outcome = np.empty((1, 1), dtype=object)
    with blas.single_thread():
        block = Block.from_rows(rows, start=start, missing=task.missing, **beside)
        outcome[0, 0] = task.function(task.argument, block)
    return outcome


def call_on_thread(function: Callable[[], object]) -> None:
    """Call a function on a thread that nobody waits for."""
    Thread(target=function, daemon=True).start()


def sum_outcomes(outcomes: list[NDArray[np.object_]]) -> NDArray[np.object_]:
    """Arrays of one outcome each, added in their order."""
    return reduce(add, outcomes)


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
