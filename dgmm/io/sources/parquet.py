"""Parquet: a file, a directory of files or a pattern of them; a feature for each column.

Footers are read once, by the driver, and what tasks need to find their rows is pinned there: files
that come later are not read, and files that change are noticed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import (
    DataError,
    DgmmError,
    InputChangedError,
    StorageError,
)
from dgmm.io.grid import Region
from dgmm.io.sources.files import FileInfo, find_files, find_root
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.parquet_columns import (
    choose_columns,
    common_dtype,
    find_index_columns,
    is_plain,
)
from dgmm.io.sources.selection import PinnedFile, Selection, Weights
from dgmm.io.sources.table_formats import refuse_table_formats
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional

_SUFFIXES = (".parquet", ".parq", ".pq")
_FOOTERS_AT_A_TIME = 16
_BATCH_ROWS = 65_536
_BUFFER_BYTES = 16 << 20  # of all columns together, so that a file's layout cannot fill memory
_SMALLEST_BUFFER = 1 << 16
_MOST_ROWS = 2**53


@dataclass(frozen=True, slots=True)
class _Footer:
    """The footer of a file."""

    file: FileInfo
    types: dict[str, Any]
    group_rows: tuple[int, ...]
    index: tuple[str, ...]


def _matches(path: AnyPath) -> bool:
    if path.suffix.lower() in _SUFFIXES:
        return True
    return path.is_dir() and any(file.key.endswith(_SUFFIXES) for file in find_files(path))


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    found = find_files(path)
    refuse_table_formats(path, found)
    root, files = find_root(path), _table_files(path, found)
    _library(path)
    with ThreadPoolExecutor(_FOOTERS_AT_A_TIME) as pool:
        footers = tuple(pool.map(lambda file: _footer(root, file), files))
    types = {root / footer.file.key: footer.types for footer in footers}
    columns = choose_columns(path, selection, types, footers[0].index)
    dtype = common_dtype(columns, types)
    group_rows = [rows for footer in footers for rows in footer.group_rows if rows]
    largest = max(group_rows, default=0)
    pinned = tuple(PinnedFile(f.file.key, f.file.size, sum(f.group_rows)) for f in footers)
    return DatasetMetadata(
        shape=(sum(group_rows), len(columns)),
        dtype=dtype,
        storage_chunks=(largest,),
        files=files,
        description=f"Parquet, {len(files)} file(s) with row groups of up to {largest} rows",
        selection=replace(selection, columns=columns, files=pinned, dtype=dtype.str),
        feature_names=columns,
        n_pieces=len(group_rows) * len(columns),
        bounds=(0, *accumulate(group_rows)),
    )


def _table_files(path: AnyPath, found: Sequence[FileInfo]) -> tuple[FileInfo, ...]:
    """The files of a table, without files that readers ignore."""
    shown = [
        file
        for file in found
        if not any(part.startswith((".", "_")) for part in file.key.split("/"))
    ]
    if path.is_dir():  # and other files, unless none has a suffix of Parquet
        shown = [file for file in shown if file.key.endswith(_SUFFIXES)] or shown
    if not shown:
        raise DataError(f"{path} holds no Parquet files. Check the path of the input.")
    return tuple(shown)


def _footer(root: AnyPath, file: FileInfo) -> _Footer:
    path = root / file.key
    try:
        with _open(path, n_columns=1) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
            group_rows = _group_rows(metadata)
            n_rows = metadata.num_rows
    except DgmmError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error}.") from error
    except Exception as error:  # a damaged footer raises errors of any type
        raise DataError(
            f"{path} cannot be opened as Parquet: {type(error).__name__}: {error}. It is damaged, "
            "still being written, or of another format."
        ) from error
    if sum(group_rows) != n_rows or min(group_rows, default=0) < 0 or n_rows > _MOST_ROWS:
        raise DataError(
            f"{path} declares {n_rows} rows, and {sum(group_rows)} in its row groups. Its footer "
            "is damaged; write the file again."
        )
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path} has more than one column {twice[0]!r}; expected different names. Rename them."
        )
    types = dict(zip(schema.names, schema.types, strict=True))
    return _Footer(file, types, group_rows, find_index_columns(schema.metadata))


def _group_rows(metadata: Any) -> tuple[int, ...]:
    """Rows of each row group."""
    return tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    start, stop = region[0].start, region[0].stop
    root, columns = find_root(path), list(selection.columns)
    rows = np.empty((stop - start, len(columns)), np.dtype(selection.dtype))
    first = 0
    for file in selection.files:
        a, b = max(start - first, 0), min(stop - first, file.n_rows)
        if a < b:
            with _open_pinned(root, file, len(columns)) as parquet:
                _fill(rows[max(first - start, 0) :][: b - a], parquet, columns, a)
        first += file.n_rows
    return rows


def _fill(rows: NDArray[Any], parquet: Any, columns: list[str], start: int) -> None:
    """Read consecutive rows of one file, from ``start`` on."""
    ends = list(accumulate(_group_rows(parquet.metadata)))
    first = next(i for i, end in enumerate(ends) if end > start)
    groups = [
        i
        for i, end in enumerate(ends)
        if i >= first and (i == first or ends[i - 1] < start + len(rows))
    ]
    skipped = start - (ends[first - 1] if first else 0)
    done = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, groups, columns, use_threads=False):
        part = batch.slice(min(skipped, len(batch)), len(rows) - done)
        skipped = max(0, skipped - len(batch))
        for j, name in enumerate(columns):
            values = part.column(part.schema.get_field_index(name))
            if not is_plain(values.type):
                values = values.cast("float64")
            rows[done : done + len(part), j] = values.to_numpy(zero_copy_only=False)
        done += len(part)
        if done == len(rows):
            return
    raise EOFError(f"{done} rows were found where {len(rows)} are declared")


@contextmanager
def _open_pinned(root: AnyPath, file: PinnedFile, n_columns: int) -> Iterator[Any]:
    """Open a file and check that it is as it was when the dataset was opened."""
    path = root / file.key
    try:
        size = path.stat().st_size
        with _open(path, n_columns) as parquet:
            n_rows = parquet.metadata.num_rows
            if (size, n_rows) != (file.size, file.n_rows):
                raise InputChangedError(
                    f"{path} has {n_rows} rows and {size} bytes, and had {file.n_rows} rows and "
                    f"{file.size} bytes when it was opened. Find what writes to it."
                )
            yield parquet
    except DgmmError:
        raise
    except Exception as error:  # codecs and file systems raise errors of any type
        raise StorageError(
            f"{path} cannot be read: {type(error).__name__}: {error}. Is it damaged or gone?"
        ) from error


@contextmanager
def _open(path: AnyPath, n_columns: int) -> Iterator[Any]:
    options = {
        "buffer_size": max(_SMALLEST_BUFFER, _BUFFER_BYTES // n_columns),
        "page_checksum_verification": True,  # of pages that have one
    }
    with open_binary(path) as file, _library(path).ParquetFile(file, **options) as parquet:
        yield parquet


def _library(path: AnyPath) -> ModuleType:
    need = f"{path} is Parquet, and reading it needs pyarrow"
    return import_optional("pyarrow.parquet", need, "dgmm[parquet]")


def _select_weights(selection: Selection, weights: Weights) -> Selection:
    if weights.variable is None:
        return replace(selection, columns=(), weights=None)
    return replace(selection, columns=(weights.variable,), weights=None)


FORMAT = Format(
    "parquet",
    _matches,
    _describe,
    _read,
    select_weights=_select_weights,
    seconds_per_piece=24e-6,
    may_be_pattern=True,
)
