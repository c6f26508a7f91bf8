"""The rows to fit, as blocks that are read when needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from dask.array.core import Array
from dask.core import flatten

from dgmm.engine.block import Missing
from dgmm.engine.row_checks import check_shape_of_column, check_table
from dgmm.errors import DataError

_MOST_BLOCKS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows of features in blocks of whole rows; weights and labels, if any, in the same blocks.

    Attributes
    ----------
    rows : dask.array.Array of shape (n_rows, n_features)
        Known chunk sizes; one chunk along the features; real or boolean.
    weights : dask.array.Array of shape (n_rows,), or None
    feature_names : tuple of str
    missing : {"error", "drop", "marginalize"}
        Whether rows with a NaN are refused, left out of every sum, or count by what they have.
    labels : dask.array.Array of shape (n_rows,), or None
        The component of each row, where it is known; -1 or NaN elsewhere.
    """

    rows: Array
    weights: Array | None
    feature_names: tuple[str, ...]
    missing: Missing = "error"
    labels: Array | None = None

    @classmethod
    def from_array(
        cls,
        rows: Array,
        weights: Array | None = None,
        feature_names: tuple[str, ...] | None = None,
        missing: Missing = "error",
        labels: Array | None = None,
    ) -> Self:
        """A dataset from a Dask array of any class, rechunked to whole rows where it is not.

        Raises
        ------
        DataError
            If the array is not two-dimensional, real, and of known, positive size, or the weights
            or labels do not match.
        """
        rows = as_core_array(rows)
        _check_rows(rows)
        if rows.numblocks[1] > 1:
            rows = rows.rechunk({1: -1})
        weights, labels = (
            _column(column, rows, name)
            for column, name in ((weights, "weights"), (labels, "labels"))
        )
        names = feature_names or tuple(f"x{j}" for j in range(rows.shape[1]))
        if len(names) != rows.shape[1]:
            message = f"{len(names)} feature names for {rows.shape[1]} features; expected one each."
            raise DataError(message)
        return cls(rows, weights, names, missing, labels)

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return int(self.rows.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.rows.shape[1])

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.rows.numblocks[0])

    @property
    def n_bytes(self) -> int:
        """Bytes of all blocks in memory, in the dtypes of their arrays."""
        return int(sum(array.nbytes for array in self.columns.values()) + self.rows.nbytes)

    @property
    def columns(self) -> dict[str, Array]:
        """What there is beside the features: weights and labels, by their names here."""
        found = {"weights": self.weights, "labels": self.labels}
        return {name: array for name, array in found.items() if array is not None}

    @property
    def block_rows(self) -> int:
        """Rows of the largest block."""
        return int(max(self.rows.chunks[0]))

    def bounds(self, block: int) -> tuple[int, int]:
        """First row of a block, and one past its last."""
        start = int(sum(self.rows.chunks[0][:block]))
        return start, start + int(self.rows.chunks[0][block])

    def part(self, blocks: slice | Sequence[int]) -> Self:
        """Some of the blocks."""
        return self._map(lambda array: array.blocks[blocks])

    def slice_rows(self, start: int, stop: int | None = None) -> Self:
        """Consecutive rows from ``start`` to ``stop``, or to the end."""
        some = slice(start, stop)
        return self._map(lambda array: array[some])

    def in_one_block(self) -> Self:
        """The same rows, however they are stored."""
        return self._map(lambda array: array.rechunk(-1))

    def _map(self, change: Callable[[Array], Array]) -> Self:
        """The same with a change to rows, weights and labels alike."""
        columns = {name: change(array) for name, array in self.columns.items()}
        return replace(self, rows=change(self.rows), **columns)


def _column(column: Array | None, rows: Array, name: str) -> Array | None:
    """Weights or labels in the blocks of the rows."""
    if column is None:
        return None
    column = as_core_array(column)
    check_shape_of_column(column, rows, name)
    return column.rechunk((rows.chunks[0],))


def as_core_array(array: Any) -> Array:
    """A Dask array of any class as one of ``dask.array.core``, with the same blocks.

    Dask has two classes of arrays: that of ``dask.array.core``, of which passes are made, and that
    of expressions, which ``array.query-planning`` puts in its place and which the package
    dask-array is. Expressions lack parts of the interface. What both have is Dask's protocol for
    collections: a graph, and the keys of the blocks in it.

    Parameters
    ----------
    array : dask array
        Of any class; one of ``dask.array.core`` is returned as it is.
    """
    if isinstance(array, Array):
        return array
    planned = array.optimize()
    name = next(flatten(planned.__dask_keys__()))[0]
    return Array(dict(planned.__dask_graph__()), name, array.chunks, dtype=array.dtype)


def _check_rows(rows: Array) -> None:
    if rows.ndim != 2:
        message = (
            f"The data have {rows.ndim} dimension(s), shape {rows.shape}; expected two, "
            "(samples, features). Reshape a single feature with x[:, None]."
        )
        raise DataError(message)
    if np.isnan(rows.shape).any():
        message = (
            "The data have blocks of unknown size; expected known ones. "
            "Call compute_chunk_sizes() on the array first."
        )
        raise DataError(message)
    if rows.npartitions > _MOST_BLOCKS:
        message = (
            f"The data have {rows.npartitions} blocks; expected at most {_MOST_BLOCKS}. "
            "Open them in larger blocks, of 16 to 256 MiB."
        )
        raise DataError(message)
    check_table(rows)
