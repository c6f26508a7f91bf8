"""Write any table as a Zarr store that is fast to read: whole rows per chunk, bounded memory."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from dgmm.errors import DataError, OutputError, Remedy
from dgmm.io.sources.source import Source
from dgmm.io.storage.atomic_writes import new_directory, replace_file, sync_tree
from dgmm.io.storage.consolidated_metadata import consolidate_metadata
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    create_array,
    creation_failures,
    storage_failures,
    write_small,
)

TABLE, WEIGHTS = "data", "weights"
SAMPLE, FEATURE = "sample", "feature"
CHUNK_BYTES = 24 << 20

_SECONDS_BETWEEN_LOGS = 10
_NODES = (ROOT_METADATA, ".zgroup", ".zarray")

_logger = logging.getLogger(__name__)

Block = tuple[NDArray[Any], NDArray[Any] | None]
"""Consecutive rows of all features, and their weights if there are any."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A table that arrives block by block.

    Attributes
    ----------
    feature_names : tuple of str
    dtype : numpy.dtype
        Floats that hold every value, and NaN for those that are missing.
    blocks : iterator of (ndarray of shape (m, n_features), ndarray of shape (m,) or None)
    has_weights : bool
    """

    feature_names: tuple[str, ...]
    dtype: np.dtype[Any]
    blocks: Iterator[Block]
    has_weights: bool


def open_stream(source: Source) -> Stream:
    """The blocks of a source, read one after the other."""
    weights = source.weights
    sources = [source.blocks] if weights is None else [source.blocks, weights]

    def blocks() -> Iterator[Block]:
        for i in range(source.blocks.numblocks[0]):
            parts = [array.blocks[i].compute(scheduler="synchronous") for array in sources]
            yield parts[0], parts[1] if len(parts) > 1 else None

    dtype = np.result_type(source.blocks.dtype, np.float32)
    return Stream(source.feature_names, dtype, blocks(), weights is not None)


def ingest(stream: Stream, output: Path, chunk_bytes: int = CHUNK_BYTES, *, overwrite: bool) -> int:
    """Write a table as a Zarr v3 group beside its place, and move it there when it is complete.

    The group has the array ``data`` of dimensions (sample, feature), the coordinate ``feature``
    with their names, and ``weights`` where there are any. Chunks hold whole rows and a CRC-32C.

    Parameters
    ----------
    stream : Stream
    output : Path
    chunk_bytes : int
        Of a chunk before it is compressed, nearly.
    overwrite : bool
        Whether a Zarr store that is there already gives way.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    OutputError
        If something is there already that is not to be replaced, or if nothing can be made there.
    DataError
        If there are no rows.
    StorageError
        If the file system refuses.
    """
    _check_place(output, overwrite=overwrite)
    with creation_failures(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    with storage_failures(output), new_directory(output, replace=overwrite) as new:
        n_rows = _write(stream, new, chunk_bytes)
        if n_rows == 0:
            raise DataError("There are no rows in the input; expected one at least.")
        names = np.array(stream.feature_names, dtype=np.dtypes.StringDType())
        write_small(new / FEATURE, names, (FEATURE,))
        sync_tree(new)
        replace_file(new / ROOT_METADATA, consolidate_metadata(new, {"title": "ingested by dgmm"}))
    return n_rows


def _check_place(output: Path, *, overwrite: bool) -> None:
    if not output.exists():
        return
    if not overwrite:
        raise OutputError(
            f"There is something at {output} already. Choose another place.",
            remedy=Remedy.OVERWRITE,
        )
    if not any((output / name).is_file() for name in _NODES):
        raise OutputError(
            f"{output} is no Zarr store, and only those are replaced. Choose another."
        )


def _write(stream: Stream, directory: Path, chunk_bytes: int) -> int:
    """Write all rows in whole chunks; the number of rows."""
    d = len(stream.feature_names)
    chunk_rows = max(1, chunk_bytes // (d * stream.dtype.itemsize))
    outlets = [_GrowingArray(directory / TABLE, (chunk_rows, d), stream.dtype, (SAMPLE, FEATURE))]
    if stream.has_weights:
        outlets.append(_GrowingArray(directory / WEIGHTS, (chunk_rows,), np.dtype("f8"), (SAMPLE,)))
    n_taken, last = 0, time.monotonic()
    for block in stream.blocks:
        for outlet, values in zip(outlets, block, strict=False):
            outlet.add(values)
        n_taken += len(block[0])
        if time.monotonic() > last + _SECONDS_BETWEEN_LOGS:
            _logger.info("%d rows", n_taken)
            last = time.monotonic()
    n_rows = [outlet.close() for outlet in outlets]
    return n_rows[0]


class _GrowingArray:
    """An array that grows by whole chunks."""

    def __init__(
        self, path: Path, chunk: tuple[int, ...], dtype: np.dtype[Any], dimensions: tuple[str, ...]
    ) -> None:
        self._array = create_array(
            path,
            shape=(0, *chunk[1:]),
            chunks=chunk,
            dtype=dtype,
            dimensions=dimensions,
            fill_value=np.nan,
            compressors=(BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()),
        )
        self._chunk = np.empty(chunk, dtype)
        self._filled = 0

    def add(self, values: Any) -> None:
        """Add rows; chunks that become full are written."""
        taken = 0
        while taken < len(values):
            part = values[taken : taken + len(self._chunk) - self._filled]
            self._chunk[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            taken += len(part)
            if self._filled == len(self._chunk):
                self._flush()

    def close(self) -> int:
        """Write the remaining rows; the number of rows."""
        self._flush()
        return int(self._array.shape[0])

    def _flush(self) -> None:
        start = self._array.shape[0]
        if self._filled:
            self._array.resize((start + self._filled, *self._array.shape[1:]))
            self._array[start:] = self._chunk[: self._filled]
            self._filled = 0
