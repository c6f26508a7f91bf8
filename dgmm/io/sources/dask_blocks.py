"""A stored dataset as a lazy Dask array whose tasks open the files they read."""

import hashlib
import json
import math
from itertools import pairwise

import dask
import numpy as np
from dask.array.core import Array, blockwise
from dask.delayed import Delayed
from dask.layers import ArrayBlockIdDep

from dgmm.errors import DataError, Remedy
from dgmm.io.grid import Grid
from dgmm.io.partition import block_shape, partition_bounds
from dgmm.io.sources.block_input import BlockInput, load_block, load_column
from dgmm.io.sources.format import DatasetMetadata, Read
from dgmm.io.storage.location import Location

_MOST_PARTITIONS = 1_000_000


def partition_grid(location: Location, stored: DatasetMetadata, partition_size: int | None) -> Grid:
    """The samples of a dataset, cut into the blocks that tasks read.

    Parameters
    ----------
    location : Location
        For messages.
    stored : DatasetMetadata
        Checked.
    partition_size : int, optional
        Bytes, see `dgmm.io.partition.block_shape`.

    Raises
    ------
    DataError
        If there would be more than a million partitions.
    """
    n_rows, row_bytes = stored.n_samples, stored.n_features * stored.dtype.itemsize
    shape = stored.shape[:-1]
    if stored.bounds:
        bounds, unit = partition_bounds(stored.bounds, row_bytes, partition_size, _MOST_PARTITIONS)
        rows = max(stop - start for start, stop in pairwise(bounds))
        grid = Grid(stored.dims, shape, (rows,), bounds, unit)
    else:
        block = block_shape(shape, row_bytes, stored.storage_chunks, partition_size)
        grid = Grid(stored.dims, shape, block)
    n_blocks, rows = math.prod(grid.counts), math.prod(grid.block_shape)
    if n_blocks > _MOST_PARTITIONS:
        raise DataError(
            f"{location} declares {n_rows} rows, which is {n_blocks} partitions of {rows} "
            f"rows; at most {_MOST_PARTITIONS} are possible. Are its metadata damaged?",
            remedy=Remedy.ENLARGE_BLOCKS,
        )
    return grid


def lazy_blocks(
    read: Read, location: Location, stored: DatasetMetadata, grid: Grid, fingerprint: str
) -> Array:
    """Blocks of rows, each read by one task; the graph holds only names and numbers.

    Parameters
    ----------
    read : callable
        The reader of the format, see `dgmm.io.sources.format.Format`.
    location : Location
        Resolved again in every task.
    stored : DatasetMetadata
        Checked.
    grid : Grid
    fingerprint : str
        Part of the name by which Dask knows the blocks.

    Returns
    -------
    dask.array.Array of shape (n_samples, n_features)
    """
    n_features = stored.n_features
    name = f"dgmm-{sha256_hex(fingerprint, location, grid.block_shape, grid.bounds)}"
    chunks = grid.block_rows, (n_features,)
    blocks: Array = blockwise(
        load_block,
        (0, 1),
        ArrayBlockIdDep(chunks),
        (0, 1),
        given=_delay_once(BlockInput(read, location, stored.selection, grid, n_features), name),
        align_arrays=False,  # there are none
        dtype=stored.dtype,
        meta=np.empty((0, 0), stored.dtype),
        # Dask identifies blocks by name: equal names must mean equal values.
        name=name,
    )
    return blocks


def lazy_column(
    read: Read, location: Location, stored: DatasetMetadata, grid: Grid, fingerprint: str, what: str
) -> Array:
    """Weights or labels of the rows of `lazy_blocks`, in the same blocks; parameters as there.

    Parameters
    ----------
    stored : DatasetMetadata
        Of one feature.
    what : str
        "weights" or "labels".

    Returns
    -------
    dask.array.Array of shape (n_samples,)
    """
    name = f"dgmm-{sha256_hex(fingerprint, location, grid.block_shape, grid.bounds, what)}"
    column: Array = blockwise(
        load_column,
        (0,),
        ArrayBlockIdDep((grid.block_rows,)),
        (0,),
        given=_delay_once(BlockInput(read, location, stored.selection, grid, 1), name),
        align_arrays=False,  # there are none
        dtype=stored.dtype,
        meta=np.empty(0, stored.dtype),
        name=name,
    )
    return column


def _delay_once(given: BlockInput, name: str) -> Delayed:
    """The input as the result of a task: each worker gets it once, for all its blocks."""
    return dask.delayed(given, name=f"{name}-input", traverse=False)


def sha256_hex(*facts: object) -> str:
    """SHA-256 (hex) of values that JSON or ``str`` can represent."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()
