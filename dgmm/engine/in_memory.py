"""Rows that the driver holds: a sample, worked on by threads of this process without Dask."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar

from dask.system import CPU_COUNT

from dgmm.engine import blas
from dgmm.engine.block import Block, Rows
from dgmm.engine.map_reduce import BlockFunction

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")

_FEWEST_ROWS, _MOST_ROWS, _BLOCKS_WANTED = 1 << 10, 1 << 13, 8


@dataclass(frozen=True, slots=True, eq=False)
class InMemoryRows:
    """Rows in memory, in blocks that depend on nothing but their number.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Of any real dtype.
    weights : ndarray of shape (n_rows,), or None
    """

    rows: Rows
    weights: Rows | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def block_rows(self) -> int:
        """Rows of every block but the last."""
        return max(_FEWEST_ROWS, min(_MOST_ROWS, self.n_rows // _BLOCKS_WANTED))

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n_rows // self.block_rows)

    def bounds(self, block: int) -> tuple[int, int]:
        """First row of a block, and the one after its last."""
        start = block * self.block_rows
        return start, min(start + self.block_rows, self.n_rows)


def map_reduce(
    held: InMemoryRows,
    function: BlockFunction[Argument, Outcome],
    argument: Argument,
    on_done: Callable[[int, int], None],
) -> Outcome:
    """The sum of ``function`` over all blocks, as by :func:`dgmm.engine.map_reduce.map_reduce`."""

    def apply(block: int) -> Outcome:
        start, stop = held.bounds(block)
        weights = None if held.weights is None else held.weights[start:stop]
        return function(argument, Block.of(held.rows[start:stop], weights, start))

    n_blocks, outcomes = held.n_blocks, []
    n_threads = min(CPU_COUNT, n_blocks)
    with blas.single_thread(), ThreadPoolExecutor(n_threads) as pool:
        # A single block takes less time than it takes to start a thread.
        for outcome in (map if n_threads == 1 else pool.map)(apply, range(n_blocks)):
            outcomes.append(outcome)
            on_done(len(outcomes), n_blocks)
    return reduce(add, outcomes)
