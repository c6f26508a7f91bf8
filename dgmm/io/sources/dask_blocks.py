"""A stored dataset as a lazy Dask array whose tasks open the files they read."""

import hashlib
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import numpy as np
from dask.array.core import Array, map_blocks
from dask.delayed import Delayed
from numpy.typing import NDArray

from dgmm.errors import DataError, DgmmError, InputChangedError, Remedy, StorageError
from dgmm.io.grid import Grid, Region
from dgmm.io.partition import block_shape, partition_bounds
from dgmm.io.sources.format import DatasetMetadata, Read
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, Location, input_path, resolve_path

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
    bounds: tuple[int, ...] = ()
    block: tuple[int, ...]
    if stored.bounds:
        bounds = partition_bounds(stored.bounds, row_bytes, partition_size, _MOST_PARTITIONS)
        block = (max(stop - start for start, stop in pairwise(bounds)),)
    else:
        block = block_shape(shape, row_bytes, stored.storage_chunks, partition_size)
    grid = Grid(stored.dims, shape, block, bounds)
    n_blocks, rows = math.prod(grid.counts), math.prod(block)
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
    blocks: Array = map_blocks(
        _load_block,
        _delay_once(_Input(read, location, stored.selection, grid, n_features), name),
        chunks=(grid.block_rows, (n_features,)),
        dtype=stored.dtype,
        meta=np.empty((0, 0), stored.dtype),
        # Dask identifies blocks by name: equal names must mean equal values.
        name=name,
    )
    return blocks


def lazy_weights(
    read: Read, location: Location, stored: DatasetMetadata, grid: Grid, fingerprint: str
) -> Array:
    """Weights of the rows of `lazy_blocks`, in the same blocks; parameters as there.

    Parameters
    ----------
    stored : DatasetMetadata
        Of the weights: one feature.

    Returns
    -------
    dask.array.Array of shape (n_samples,)
    """
    name = f"dgmm-{sha256_hex(fingerprint, location, grid.block_shape, grid.bounds, 'weights')}"
    weights: Array = map_blocks(
        _load_weights,
        _delay_once(_Input(read, location, stored.selection, grid, 1), name),
        chunks=(grid.block_rows,),
        dtype=stored.dtype,
        meta=np.empty(0, stored.dtype),
        name=name,
    )
    return weights


@dataclass(frozen=True, slots=True)
class _Input:
    """The argument of all tasks of a dataset."""

    read: Read
    location: Location
    selection: Selection
    grid: Grid
    n_features: int


def _delay_once(given: _Input, name: str) -> Delayed:
    """The input as the result of a task: each worker gets it once, for all its blocks."""
    return dask.delayed(given, name=f"{name}-input", traverse=False)


def _load_block(given: _Input, block_id: tuple[int, int]) -> NDArray[Any]:
    """Read one partition; runs in a task."""
    location, grid = given.location, given.grid
    region = grid.region(block_id[0])
    shape = math.prod(part.stop - part.start for part in region), given.n_features
    try:
        block = given.read(_resolve(location), given.selection, region)
    except DgmmError:
        raise
    except Exception as error:  # codecs and file systems raise errors of any type
        raise StorageError(
            f"{_where(grid, region)} of {location} cannot be read: "
            f"{type(error).__name__}: {error}. Is the file damaged or gone?"
        ) from error
    if block.shape != shape:
        raise InputChangedError(
            f"{_where(grid, region)} of {location} have shape {block.shape}, expected {shape}: "
            "it has been changed since it was opened."
        )
    return block


def _load_weights(given: _Input, block_id: tuple[int]) -> NDArray[Any]:
    """Read the weights of one partition; runs in a task."""
    return _load_block(given, (*block_id, 0))[:, 0]


def _resolve(location: Location) -> AnyPath:
    """The path of a location; in a store without asking whether it exists."""
    place = resolve_path(location)
    return input_path(location) if isinstance(place, Path) else place


def _where(grid: Grid, region: Region) -> str:
    """Text that describes a region."""
    if len(region) == 1:
        return f"Rows {region[0].start} to {region[0].stop - 1}"
    parts = zip(grid.dims, region, strict=True)
    return "Cells " + ", ".join(f"{dim} {part.start} to {part.stop - 1}" for dim, part in parts)


def sha256_hex(*facts: object) -> str:
    """SHA-256 (hex) of values that JSON or ``str`` can represent."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()
