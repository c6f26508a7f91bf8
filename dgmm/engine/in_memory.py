"""Rows in memory, a sample or a user's array, processed by threads of this process."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, reduce
from operator import add
from typing import Self

from dgmm.engine import blas
from dgmm.engine.block import Argument, Block, BlockFunction, Missing, Outcome, Rows
from dgmm.engine.row_checks import check_shape_of_column, check_table

_FEWEST_ROWS, _MOST_ROWS, _BLOCKS_WANTED, _MOST_BLOCKS = 1 << 12, 1 << 13, 8, 1 << 8
_FAN_IN = 16


@dataclass(frozen=True, slots=True, eq=False)
class InMemoryRows:
    """Rows in memory, in blocks that depend only on the number of rows.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Of any real dtype.
    weights : ndarray of shape (n_rows,), or None
    feature_names : tuple of str
        Empty where they are not needed.
    missing : {"error", "drop", "marginalize"}
        Whether rows with a NaN are refused, left out of every sum, or count by what they have.
    labels : ndarray of shape (n_rows,), or None
        The component of each row, where it is known; -1 or NaN elsewhere.
    """

    rows: Rows
    weights: Rows | None = None
    feature_names: tuple[str, ...] = ()
    missing: Missing = "error"
    labels: Rows | None = None

    @classmethod
    def from_arrays(
        cls,
        rows: Rows,
        weights: Rows | None,
        feature_names: tuple[str, ...],
        labels: Rows | None = None,
    ) -> Self:
        """Rows of a user, checked.

        Raises
        ------
        DataError
            If they are not real numbers, or the weights or labels do not match.
        """
        check_table(rows)
        for name, column in (("weights", weights), ("labels", labels)):
            if column is not None:
                check_shape_of_column(column, rows, name)
        return cls(rows, weights, feature_names, labels=labels)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.rows.shape[1])

    @property
    def block_rows(self) -> int:
        """Rows of every block but the last."""
        few = max(_FEWEST_ROWS, min(_MOST_ROWS, self.n_rows // _BLOCKS_WANTED))
        return max(few, self.n_rows // _MOST_BLOCKS)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n_rows // self.block_rows)

    def bounds(self, block: int) -> tuple[int, int]:
        """First row of a block, and the one after its last."""
        start = block * self.block_rows
        return start, min(start + self.block_rows, self.n_rows)


def n_threads() -> int:
    """Number of threads for work in this process: one per available core."""
    from dask.system import CPU_COUNT  # only here: a single block needs neither threads nor Dask

    return int(CPU_COUNT)


@cache
def pool() -> ThreadPoolExecutor:
    """Threads that stay: starting some takes longer than many a pass."""
    return ThreadPoolExecutor(n_threads(), "dgmm")


if hasattr(os, "register_at_fork"):  # a forked process has no threads
    os.register_at_fork(after_in_child=pool.cache_clear)


def map_reduce(
    held: InMemoryRows,
    function: BlockFunction[Argument, Outcome],
    argument: Argument,
    on_done: Callable[[int, int], None],
) -> Outcome:
    """The sum of ``function`` over all blocks, as by :func:`dgmm.engine.map_reduce.map_reduce`."""

    def apply(block: int) -> Outcome:
        start, stop = held.bounds(block)
        columns = (held.weights, held.labels)
        weights, labels = (None if each is None else each[start:stop] for each in columns)
        rows = held.rows[start:stop]
        return function(argument, Block.from_rows(rows, weights, start, held.missing, labels))

    n_blocks = held.n_blocks
    if n_blocks == 1:  # faster than starting a thread
        with blas.single_thread():
            outcome = apply(0)
        on_done(1, 1)
        return outcome
    sums: list[Outcome] = []
    with blas.single_thread():
        for block, outcome in enumerate(pool().map(apply, range(n_blocks))):
            if block % _FAN_IN:
                sums[-1] = add(sums[-1], outcome)
            else:
                sums.append(outcome)
            on_done(block + 1, n_blocks)
    return reduce(add, sums)
