"""Zarr arrays as dgmm writes them: with names for dimensions, checksums, and no chunk left out."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from dgmm.errors import DgmmError, OutputError, StorageError
from dgmm.io.location import Place
from dgmm.io.zarr_stores import zarr_store


def create_array(
    path: Place,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: Any,
    dimensions: tuple[str, ...],
    fill_value: Any,
    codec: Any = ZstdCodec(level=3),  # noqa: B008 - frozen
    attributes: Mapping[str, Any] | None = None,
) -> zarr.Array[Any]:
    """Create an array as its own root, so that no group above it comes into being.

    Chunks carry a checksum: without one Zarr does not notice a flipped bit.

    Parameters
    ----------
    path : Path or StorePath
    shape, chunks : tuple of int
    dtype : dtype-like
        ``str`` for strings.
    dimensions : tuple of str
        A name for each axis.
    fill_value : scalar
    codec : zarr codec
        What compresses the chunks.
    attributes : mapping, optional
        JSON-able.
    """
    return zarr.create_array(
        zarr_store(path),
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=fill_value,
        dimension_names=dimensions,
        attributes=dict(attributes or {}),
        compressors=[codec, Crc32cCodec()],
        config={"write_empty_chunks": True},
        overwrite=True,
    )


def open_for_writing(path: Place) -> zarr.Array[Any]:
    """Open an array that `create_array` made, to write whole chunks.

    A chunk full of the fill value is written too: left out, it could not be told from a lost one.
    """
    array: zarr.Array[Any] = zarr.open_array(zarr_store(path), mode="r+")
    return array.with_config({"write_empty_chunks": True})  # zarr 3.1.6 ignores it in open_array


def write_small(path: Place, values: NDArray[Any], dimensions: tuple[str, ...]) -> None:
    """Write an array that fits in memory, in one chunk; strings as ``StringDType``."""
    is_text = values.dtype.kind == "T"
    array = create_array(
        path,
        shape=values.shape,
        chunks=tuple(max(1, extent) for extent in values.shape),
        dtype=str if is_text else values.dtype,
        dimensions=dimensions,
        fill_value="" if is_text else 0,
    )
    array[...] = values


def read_small(path: Place) -> NDArray[Any]:
    """Read an array whole.

    Raises
    ------
    StorageError
        If a chunk of it is missing or damaged.
    """
    with storage_failures(path):
        return np.asarray(open_complete(path)[...])


def open_complete(path: Place) -> zarr.Array[Any]:
    """Open an array for reading, of which every chunk is there; reads none.

    Raises
    ------
    StorageError
        If a chunk is missing, which Zarr would read as the fill value.
    """
    with storage_failures(path):
        array: zarr.Array[Any] = zarr.open_array(zarr_store(path), mode="r")
        missing = array.nchunks - array.nchunks_initialized
    if missing:
        raise StorageError(
            f"{path} lacks {missing} of its {array.nchunks} chunks. "
            "They were not written or have been deleted since; run again."
        )
    return array


def attributes_of(group: Place) -> dict[str, Any]:
    """Attributes of a group.

    Raises
    ------
    StorageError
        If they cannot be read.
    """
    with storage_failures(group):
        return dict(zarr.open_group(zarr_store(group), mode="r").attrs)


@contextmanager
def storage_failures(path: Place | str) -> Iterator[None]:
    """Turn what Zarr, its codecs and the file system raise into a StorageError naming the path."""
    try:
        yield
    except DgmmError:
        raise
    except Exception as error:  # a damaged chunk raises whatever its codec likes
        raise StorageError(
            f"{path} cannot be read or written: {type(error).__name__}: {error}. "
            "Check free space, quota and permissions, or the file if it was copied."
        ) from error


@contextmanager
def creation_failures(path: Place) -> Iterator[None]:
    """Turn what the file system raises into an OutputError naming the path; a full disk is none.

    Raises
    ------
    OutputError
        If the path cannot be created or written to.
    StorageError
        If it could be, were there space.
    """
    try:
        yield
    except DgmmError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise StorageError(f"{path} cannot be written: {error}. Check free space.") from error
        if isinstance(error, TimeoutError | ConnectionError):  # of an object store
            raise StorageError(
                f"{path} cannot be reached: {error!r}. Check the network."
            ) from error
        raise OutputError(
            f"{path} cannot be created: {error}. Choose an output directory that can be written to."
        ) from error
