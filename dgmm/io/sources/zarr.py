"""Zarr v2 and v3: an array, or an array inside a group."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, Remedy, StorageError
from dgmm.io.grid import Region
from dgmm.io.sources import zarr_layouts
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import (
    DatasetMetadata,
    Format,
    check_no_weights,
    column_indices,
    n_chunks,
)
from dgmm.io.sources.group_members import choose_member
from dgmm.io.sources.packing import Packing, read_packing, refuse_times
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import is_missing, open_recording_store, zarr_store
from dgmm.text import describe_error

_METADATA = ("zarr.json", ".zarray", ".zgroup")


def _matches(path: AnyPath) -> bool:
    return path.suffix == ".zarr" or _is_node(path)


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    array = _choose(path, selection)
    zarr_layouts.refuse_named_dimensions(path, array)
    refuse_times(path, array.path, array.attrs)
    chunks = array.shards or array.chunks
    shape, names = array.shape, _feature_names(path, array)
    if selection.columns:
        column_indices(path, selection.columns, names)
        shape, names = (*shape[:1], len(selection.columns)), selection.columns
    return DatasetMetadata(
        shape=shape,
        dtype=find_packing(array).dtype,
        storage_chunks=chunks[:1] or (1,),
        files=list_files(path / array.path),
        description=f"Zarr v{array.metadata.zarr_format} in chunks of {chunks}",
        selection=replace(selection, variables=(array.path,) if array.path else ()),
        feature_names=names,
        n_pieces=n_chunks(array.shape, array.chunks),
    )


def _feature_names(path: AnyPath, array: zarr.Array[Any]) -> tuple[str, ...] | None:
    """Names of the columns from the coordinate of the second dimension, as xarray writes it."""
    dims = zarr_layouts.dimension_names(array)
    if array.ndim != 2 or dims is None or not isinstance(dims[-1], str):
        return None
    beside = path / array.path
    coordinate = beside.parent / dims[-1]
    if not array.path or coordinate == beside or not _is_node(coordinate):
        return None
    names = zarr.open(zarr_store(coordinate), mode="r")
    if not isinstance(names, zarr.Array) or names.shape != array.shape[1:]:
        return None
    values = np.asarray(names[...]).tolist()
    return tuple(values) if all(isinstance(value, str) for value in values) else None


def find_packing(array: zarr.Array[Any]) -> Packing:
    """The packing of an array; the fill value of v2 means missing, as in xarray."""
    is_labelled = "_ARRAY_DIMENSIONS" in array.attrs
    fill_value = array.metadata.fill_value if is_labelled else None
    return read_packing(np.dtype(array.dtype), array.attrs, fill_value)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    may_lack_chunks = selection.missing_chunks == "fill"
    array, (rows,) = _array(path, selection), region
    place = (slice(rows.start, min(rows.stop, array.shape[0])), *map(_whole, array.shape[1:]))
    stored = read_region(array, path, place, may_lack_chunks=may_lack_chunks)
    block = find_packing(array).decode(stored[:, None] if stored.ndim == 1 else stored)
    if not selection.columns:
        return block
    return block[:, column_indices(path, selection.columns, _feature_names(path, array))]


def _whole(extent: int) -> slice:
    return slice(0, extent)


def _refuse_missing(path: AnyPath, stored: DatasetMetadata) -> None:
    if stored.selection.missing_chunks == "error":
        check_file_count(path, _array(path, stored.selection), stored.files)


def check_file_count(path: AnyPath, array: zarr.Array[Any], files: Sequence[FileInfo]) -> None:
    """Name the first missing chunk of an array that has fewer files than chunks.

    Parameters
    ----------
    path : Path or StorePath
        Of the dataset.
    array : zarr.Array
    files : sequence of FileInfo
        Those of the array, with keys relative to it.

    Raises
    ------
    DataError, StorageError
        As `check_chunks`.
    """
    extents = zip(array.shape, array.shards or array.chunks, strict=True)
    if len(files) < math.prod(-(-extent // size) for extent, size in extents):
        found = {file.key for file in files}
        everything = tuple(map(_whole, array.shape))
        for chunk in _chunks(array, everything):
            if chunk.key not in found:
                _check_file(path / array.path / chunk.key, chunk, array, may_lack_chunks=False)


def _array(path: AnyPath, selection: Selection) -> zarr.Array[Any]:
    array = zarr.open_array(open_recording_store(path), path=selection.variable or "", mode="r")
    if getattr(array.config, "read_missing_chunks", True):
        return array
    # Zarr from 3.2 on can be told to refuse missing chunks: `check_chunks` does, by name.
    fill: Any = {"read_missing_chunks": True}  # which the types of zarr 3.1 do not know
    return array.with_config(fill)


def read_region(
    array: zarr.Array[Any], path: AnyPath, region: Region, *, may_lack_chunks: bool
) -> NDArray[Any]:
    """A region of an array, of which Zarr itself would not say that chunks are missing.

    Parameters
    ----------
    array : zarr.Array
        In a recording store.
    path : Path or StorePath
    region : tuple of slice
    may_lack_chunks : bool
        Whether chunks that are not there mean the fill value.

    Raises
    ------
    DataError, StorageError
        As `check_chunks`; or if a chunk is damaged.
    """
    if isinstance(path, Path):
        check_chunks(path, array, region, may_lack_chunks=may_lack_chunks)
    try:
        values = np.asarray(array[region])
    except Exception as error:  # codecs and file systems raise errors of any type
        culprit = _first_unreadable(array, region)
        if culprit is None:
            raise
        raise StorageError(
            f"Chunk {culprit.key} of {path / array.path} (rows {culprit.rows.start} to "
            f"{culprit.rows.stop - 1}) cannot be read: {describe_error(error)}. "
            "It is damaged or cut off: write or copy it again."
        ) from error
    for chunk in _chunks(array, region):
        if is_missing(array.store, f"{array.path}/{chunk.key}"):
            file = path / array.path / chunk.key
            _check_file(file, chunk, array, may_lack_chunks=may_lack_chunks)
    return values


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One stored object: a chunk, or a shard of several chunks with its index."""

    key: str
    region: Region

    @property
    def rows(self) -> slice:
        return self.region[0]


def _chunks(array: zarr.Array[Any], region: Region) -> Iterator[_Chunk]:
    """The stored objects of a region."""
    sizes = array.shards or array.chunks
    numbers = tuple(
        range(part.start // size, -(-part.stop // size))
        for part, size in zip(region, sizes, strict=True)
    )
    for place in _places(numbers):
        extents = zip(place, sizes, array.shape, strict=True)
        whole = (slice(i * size, min((i + 1) * size, extent)) for i, size, extent in extents)
        yield _Chunk(array.metadata.encode_chunk_key(place), tuple(whole))


def _places(numbers: tuple[range, ...]) -> Iterator[tuple[int, ...]]:
    """Like itertools.product, but without holding all ranges in memory."""
    if not numbers:
        yield ()
        return
    for first in numbers[0]:
        for rest in _places(numbers[1:]):
            yield (first, *rest)


def check_chunks(
    path: AnyPath, array: zarr.Array[Any], region: Region, *, may_lack_chunks: bool
) -> None:
    """Refuse missing chunks, which Zarr would read as the fill value.

    Raises
    ------
    DataError
        If a chunk of the region is not there, unless one may be.
    StorageError
        If one is empty, or a directory.
    """
    for chunk in _chunks(array, region):
        file = path / array.path / chunk.key
        _check_file(file, chunk, array, may_lack_chunks=may_lack_chunks)


def _check_file(
    file: AnyPath, chunk: _Chunk, array: zarr.Array[Any], *, may_lack_chunks: bool
) -> None:
    """Refuse a missing file, which Zarr would take for an empty chunk, unless it may be missing."""
    where = f"{file} (rows {chunk.rows.start} to {chunk.rows.stop - 1})"
    if file.exists():
        if not file.is_file():
            raise StorageError(f"There is a directory in place of chunk {where}. Write it again.")
        if file.stat().st_size == 0:
            raise StorageError(f"Chunk {where} is empty: write or copy it again.")
        return
    known = find_packing(array)
    if may_lack_chunks and known.missing.size and not known.is_missing(array.fill_value):
        raise DataError(
            f"There is no chunk {where}, and its meaning is unknown: Zarr's fill value is "
            f"{array.fill_value}, which stands for a number, and the array's _FillValue "
            f"{known.missing[0]} for none. Write the array again, with write_empty_chunks."
        )
    if not may_lack_chunks:
        raise DataError(
            f"There is no chunk {where}. It is lost, or was left out because it holds nothing but "
            "the fill value, as Zarr does by default. Write it again.",
            remedy=Remedy.FILL_CHUNKS,
        )


def _first_unreadable(array: zarr.Array[Any], region: Region) -> _Chunk | None:
    for chunk in _chunks(array, region):
        try:
            array[chunk.region]
        except Exception:  # the one that is looked for
            return chunk
    return None


def _is_node(path: AnyPath) -> bool:
    return any((path / name).is_file() for name in _METADATA)


def _choose(path: AnyPath, selection: Selection) -> zarr.Array[Any]:
    variable = selection.variable
    if not _is_node(path):
        zarr_layouts.refuse_icechunk(path)
        raise DataError(
            f"{path} is not a Zarr array or group: it has no {', '.join(_METADATA)}. "
            "If it is being written, wait until it is complete."
        )
    zarr_layouts.refuse_uneven_chunks(path)
    node = zarr.open(zarr_store(path), mode="r")
    if isinstance(node, zarr.Group):
        zarr_layouts.refuse_image_pyramid(path, dict(node.attrs), variable)
        return _choose_member(node, path, variable)
    if variable is not None:
        raise ConfigurationError(
            f"{path} is a Zarr array, but its variable {variable!r} was asked for.",
            remedy=Remedy.OMIT_VARIABLE,
        )
    check_no_weights(path, selection)
    return node


def _choose_member(group: zarr.Group, path: AnyPath, variable: str | None) -> zarr.Array[Any]:
    members = dict(group.members(max_depth=None))
    arrays = {name: node for name, node in members.items() if isinstance(node, zarr.Array)}
    groups = {name: dict(node.attrs) for name, node in members.items() if name not in arrays}
    shapes = {name: array.shape for name, array in arrays.items()}
    name = choose_member(path, variable, shapes, {"": dict(group.attrs), **groups})
    # Consolidated metadata, of which groups are made, may be older than the array.
    return zarr.open_array(zarr_store(path), path=name, mode="r")


FORMAT = Format("zarr", _matches, _describe, _read, _refuse_missing, seconds_per_piece=2e-4)
