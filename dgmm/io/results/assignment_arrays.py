"""Write and read the assignments of a run in whole chunks of the samples' grid.

One task writes whole chunks, which is checked: two tasks that share a chunk would lose each other's
samples silently.
"""

import math
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import OutputError, StorageError
from dgmm.io.grid import Coordinate, Grid, Region
from dgmm.io.partition import chunk_shape
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.label_arrays import COMPONENT, write_labels
from dgmm.io.storage.atomic_writes import link_or_copy
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    create_array,
    open_for_writing,
    storage_failures,
    zarr_store,
)

_CHUNK_VALUES = 1 << 20


def create_assignments(
    run: AnyPath,
    grid: Grid,
    schema: AssignmentSchema,
    chunk_shape: tuple[int, ...],
    coordinates: Iterable[str] = (),
) -> None:
    """Create the arrays of ``assignments``, all with chunks of the same samples.

    Parameters
    ----------
    run : Path or StorePath
    grid : Grid
        Of the samples.
    schema : AssignmentSchema
    chunk_shape : tuple of int
        Extents of a chunk in the samples' dimensions; those of a block, or divisors.
    coordinates : iterable of str
        Names of coordinates that are not those of a dimension.

    Raises
    ------
    OutputError
        If there are no assignments of such a name.
    StorageError
        If the file system refuses.
    """
    pairs = zip(chunk_shape, grid.shape, strict=True)
    chunks = tuple(min(extent, whole) for extent, whole in pairs)
    others = " ".join(coordinates)
    for name, array in schema.arrays().items():
        across = tuple(extent for _, extent in array.across)
        path = run / "assignments" / name
        with storage_failures(path):
            create_array(
                path,
                shape=(*grid.shape, *across),
                chunks=(*chunks, *across),
                dtype=array.dtype,
                dimensions=(*grid.dims, *(name for name, _ in array.across)),
                fill_value=array.fill_value,
                attributes={**array.attributes, **({"coordinates": others} if others else {})},
            )
            if COMPONENT in dict(array.across):
                write_labels(run / "assignments", schema.components)


def has_assignments(run: AnyPath, schema: AssignmentSchema) -> bool:
    """Whether `create_assignments` has created what is wanted."""
    return all((run / "assignments" / name / ROOT_METADATA).is_file() for name in schema.arrays())


def write_region(run: AnyPath, name: str, region: Region, rows: NDArray[Any]) -> None:
    """Write assignments of the samples of a region; runs in tasks, any number of them at a time.

    A task that is repeated writes the same files again, each in one step.

    Parameters
    ----------
    run : Path or StorePath
    name : str
    region : tuple of slice
        Whole chunks, so that no other task writes to the same file.
    rows : ndarray of shape (m,) or (m, n_components)
        A row for each sample of the region, in C order.

    Raises
    ------
    OutputError
        If the region does not consist of whole chunks, or rows do not fit in shape or dtype.
    StorageError
        If the file system refuses.
    """
    path = run / "assignments" / name
    with storage_failures(path):
        array = open_for_writing(path)
        _check_region(path, array, region)
        extents = tuple(part.stop - part.start for part in region)
        shape = (*extents, *array.shape[len(region) :])
        fits = rows.shape == (int(np.prod(extents)), *shape[len(region) :])
        if not fits or not np.can_cast(rows.dtype, array.dtype, "same_kind"):
            raise OutputError(
                f"Rows of shape {rows.shape} and dtype {rows.dtype} do not fit {path}, which has "
                f"shape {array.shape} and dtype {array.dtype}."
            )
        array[region] = rows.reshape(shape)


def _check_region(path: AnyPath, array: zarr.Array[Any], region: Region) -> None:
    for part, extent, size in zip(region, array.shape, array.chunks, strict=False):
        ends_whole = part.stop % size == 0 or part.stop == extent
        if part.start % size or not ends_whole or not 0 <= part.start < part.stop <= extent:
            raise OutputError(
                f"Samples {part.start} to {part.stop} of {path} do not cover whole chunks of "
                f"{size} of its {extent}. Give partitions and chunks the same extents."
            )


def has_region(run: AnyPath, name: str, region: Region) -> bool:
    """Whether an earlier task has written this region, every chunk of which is then read.

    Parameters
    ----------
    run : Path or StorePath
    name : str
    region : tuple of slice
        Whole chunks, as in `write_region`.

    Returns
    -------
    bool
        False if a chunk is missing or damaged.

    Raises
    ------
    StorageError
        If the array itself cannot be opened.
    """
    path = run / "assignments" / name
    with storage_failures(path):
        array = open_for_writing(path)
    return _read_region(path, array, region) is not None


def copy_region(base: AnyPath, run: AnyPath, name: str, region: Region) -> bool:
    """Copy a region from another run.

    Its chunks are read, which verifies their checksums. If both runs encode them alike, they are
    shared where the file system can do that, and copied within an object store; else they are
    written again.

    Parameters
    ----------
    base, run : Path or StorePath
        A complete run, and the one that is being written.
    name : str
    region : tuple of slice
        Whole chunks in both of them, as in `write_region`.

    Returns
    -------
    bool
        False if the other run lacks a chunk, or one is damaged.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    source, target = base / "assignments" / name, run / "assignments" / name
    try:
        with storage_failures(source):
            found = zarr.open_array(zarr_store(source, read_only=True), mode="r")
    except StorageError:  # it is gone
        return False
    rows = _read_region(source, found, region)
    if rows is None:
        return False
    with storage_failures(target):
        array = open_for_writing(target)
        _check_region(target, array, region)
        is_alike = _encoding(found) == _encoding(array)
        keys = _keys(array, region)
        if not (is_alike and all(link_or_copy(source / key, target / key) for key in keys)):
            array[region] = rows
    return True


def _read_region(path: AnyPath, array: zarr.Array[Any], region: Region) -> NDArray[Any] | None:
    """The stored values of a region; None if a chunk is missing or damaged."""
    if not all((path / key).is_file() for key in _keys(array, region)):
        return None
    try:
        with storage_failures(path):
            return np.asarray(array[region])
    except StorageError:
        return None


def _encoding(array: zarr.Array[Any]) -> tuple[object, ...]:
    """What the bytes of a chunk depend on, beside its values."""
    return array.chunks, array.dtype, array.filters, array.serializer, array.compressors


def _keys(array: zarr.Array[Any], region: Region) -> list[str]:
    """Keys of the chunks of a region."""
    numbers = (
        range(part.start // size, -(-part.stop // size))
        for part, size in zip(region, array.chunks, strict=False)
    )
    across = (0,) * (array.ndim - len(region))
    return [array.metadata.encode_chunk_key((*place, *across)) for place in product(*numbers)]


def write_coordinate(
    run: AnyPath, coordinate: Coordinate, read: Callable[[Region], NDArray[Any]]
) -> None:
    """Write a coordinate beside the assignments of a run, a chunk at a time.

    Parameters
    ----------
    run : Path or StorePath
    coordinate : Coordinate
    read : callable
        ``read(region) -> ndarray`` of the region's shape.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    path, is_text = run / "assignments" / coordinate.name, coordinate.dtype == "str"
    chunks = chunk_shape(coordinate.shape, coordinate.shape, _CHUNK_VALUES)
    grid = Grid(coordinate.dims, coordinate.shape, chunks)
    with storage_failures(path):
        array = create_array(
            path,
            shape=coordinate.shape,
            chunks=chunks,
            dtype=str if is_text else coordinate.dtype,
            dimensions=coordinate.dims,
            fill_value="" if is_text else 0,
            attributes=dict(coordinate.attributes),
        )
        for number in range(math.prod(grid.counts)):
            region = grid.region(number)
            array[region] = read(region)
