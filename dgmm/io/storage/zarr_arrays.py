"""Zarr arrays and groups as dgmm writes them: named dimensions, checksums, all chunks stored.

The root metadata of a group are written last: until they are there it is no Zarr group.
"""

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest, Store
from zarr.codecs import ZstdCodec
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from dgmm.errors import DgmmError, OutputError, StorageError
from dgmm.io.storage.location import AnyPath
from dgmm.text import describe_error

ROOT_METADATA = "zarr.json"

_CHECKED_ZSTD = ZstdCodec(level=1, checksum=True)
"""Keeps the checksum inside the frames of Zstandard, where every decoder verifies it. Level 3 takes
four times as long for responsibilities, and saves half a percent."""


def create_array(
    path: AnyPath,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: Any,
    dimensions: tuple[str, ...],
    fill_value: Any,
    compressors: tuple[Any, ...] = (_CHECKED_ZSTD,),
    attributes: Mapping[str, Any] | None = None,
) -> zarr.Array[Any]:
    """Create an array as its own root, without creating a group above it.

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
    compressors : tuple of zarr codecs
        What chunks pass through; one of them keeps a checksum.
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
        compressors=list(compressors),
        config={"write_empty_chunks": True},
        overwrite=True,
    )


def open_for_writing(path: AnyPath) -> zarr.Array[Any]:
    """Open an array that `create_array` made, to write whole chunks.

    A chunk full of the fill value is written too: left out, it could not be told from a lost one.
    """
    array: zarr.Array[Any] = zarr.open_array(zarr_store(path), mode="r+")
    return array.with_config({"write_empty_chunks": True})  # zarr 3.1.6 ignores it in open_array


def write_small(
    path: AnyPath,
    values: NDArray[Any],
    dimensions: tuple[str, ...],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write an array that fits in memory, in one chunk; strings as ``StringDType``."""
    is_text = values.dtype.kind == "T"
    array = create_array(
        path,
        shape=values.shape,
        chunks=tuple(max(1, extent) for extent in values.shape),
        dtype=str if is_text else values.dtype,
        dimensions=dimensions,
        fill_value="" if is_text else 0,
        attributes=attributes,
    )
    array[...] = values


def read_small(path: AnyPath) -> NDArray[Any]:
    """Read an array whole.

    Raises
    ------
    StorageError
        If a chunk of it is missing or damaged.
    """
    with storage_failures(path):
        return np.asarray(_open(path)[...])


def open_complete(path: AnyPath) -> zarr.Array[Any]:
    """Open an array for reading and check, without reading, that every chunk exists.

    Raises
    ------
    StorageError
        If a chunk is missing, which Zarr would read as the fill value; or, when it is read, if it
        has been removed since.
    """
    with storage_failures(path):
        array = _open(path)
        missing = array.nchunks - array.nchunks_initialized
    if missing:
        raise StorageError(
            f"{path} lacks {missing} of its {array.nchunks} chunks. "
            "They were not written or have been deleted since; run again."
        )
    return array


def _open(path: AnyPath) -> zarr.Array[Any]:
    """For reading; a chunk that is missing is an error when it is read."""
    array: zarr.Array[Any] = zarr.open_array(_CompleteStore.at(path), mode="r", zarr_format=3)
    return array


def read_attributes(group: AnyPath) -> dict[str, Any]:
    """Attributes of a group.

    Raises
    ------
    StorageError
        If they cannot be read.
    """
    with storage_failures(group):
        found = zarr.open_group(zarr_store(group), mode="r", zarr_format=3, use_consolidated=False)
        return dict(found.attrs)


@contextmanager
def storage_failures(path: AnyPath | str) -> Iterator[None]:
    """Turn errors of Zarr, its codecs and the file system into a StorageError with the path."""
    try:
        yield
    except DgmmError:
        raise
    except Exception as error:  # codecs raise errors of any type for a damaged chunk
        advice = (
            "Check free space, quota and permissions."
            if isinstance(error, OSError)
            else "It may be damaged: check it if it was copied, and the version of zarr."
        )
        raise StorageError(
            f"{path} cannot be read or written: {describe_error(error)}. {advice}"
        ) from error


@contextmanager
def creation_failures(path: AnyPath) -> Iterator[None]:
    """Turn errors of the file system into an OutputError with the path, except a full disk.

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


class _RecordingStore(WrapperStore[Store]):
    """A store that records missing keys, without additional requests."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.absent: set[str] = set()

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """What is kept under a key; None if nothing is."""
        found = await super().get(key, prototype, byte_range)
        return self._record(key, found)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """The same for the pipelines of codecs that do not wait, which zarr has from 3.2 on."""
        store: Any = self._store  # one without this method is never asked
        found = store.get_sync(key, prototype=prototype, byte_range=byte_range)
        return self._record(key, found)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of what is kept under keys."""
        wanted = list(key_ranges)
        found = await super().get_partial_values(prototype, wanted)
        return [self._record(key, part) for (key, _), part in zip(wanted, found, strict=True)]

    def _record(self, key: str, found: Buffer | None) -> Buffer | None:
        if found is None:
            self.absent.add(key)
        return found


class _CompleteStore(WrapperStore[Store]):
    """The store of an array of which every chunk is to be there.

    Zarr would read a missing chunk as the fill value.
    """

    @classmethod
    def at(cls, place: AnyPath) -> Self:
        """For reading."""
        store = zarr_store(place, read_only=True)
        return cls(store if isinstance(store, Store) else LocalStore(store, read_only=True))

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """What is kept under a key; None if nothing is, unless a chunk was to be there."""
        found = await super().get(key, prototype, byte_range)
        if found is None and key.split("/")[0] == "c":
            raise StorageError(
                f"{self._store} lacks its chunk {key}: the run was pruned since it was opened, or "
                "its files were removed. Open another run."
            )
        return found


def zarr_store(place: AnyPath, *, read_only: bool = False) -> str | Store:
    """The store of a path, for `zarr.open_array` and similar functions."""
    if isinstance(place, Path):
        return str(place)
    options = dict(place.storage_options)
    return FsspecStore.from_url(str(place), storage_options=options, read_only=read_only)


def open_recording_store(place: AnyPath) -> str | Store:
    """The same for reading, so that `is_missing` can tell which files were missing."""
    store = zarr_store(place, read_only=True)
    return _RecordingStore(store) if isinstance(store, Store) else store


def is_missing(store: Store, key: str) -> bool:
    """Whether Zarr found a key missing in a recording store."""
    return isinstance(store, _RecordingStore) and key.lstrip("/") in store.absent


def is_committed(run: AnyPath) -> bool:
    """Whether a run is complete: its root metadata, written last, exist."""
    return (run / ROOT_METADATA).is_file()
