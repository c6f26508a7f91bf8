"""Parquet files as they are opened: their footers, and that they have not changed since."""

import importlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from dgmm.errors import (
    DataError,
    DgmmError,
    InputChangedError,
    StorageError,
)
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.selection import PinnedFile
from dgmm.io.sources.tables.parquet_columns import find_index_columns
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional
from dgmm.text import describe_error

_FOOTERS_AT_A_TIME = 16
_BUFFER_BYTES = 16 << 20  # of all columns together, so that a file's layout cannot fill memory
_SMALLEST_BUFFER = 1 << 16
_MOST_ROWS = 2**53


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of a file.

    Attributes
    ----------
    file : FileInfo
    types : dict of str to Arrow type
        Of its columns.
    field_ids : dict of int to str
        Columns by the number that table formats give them, where they have one.
    group_rows : tuple of int
        Rows of each row group.
    index : tuple of str
        The columns that pandas kept as an index.
    """

    file: FileInfo
    types: dict[str, Any]
    field_ids: dict[int, str]
    group_rows: tuple[int, ...]
    index: tuple[str, ...]


def read_footers(root: AnyPath, files: Sequence[FileInfo]) -> tuple[Footer, ...]:
    """The footers of files, in their order.

    Raises
    ------
    DataError
        If one is damaged, or has two columns of one name.
    StorageError
        If one cannot be opened.
    """
    library(root)
    with ThreadPoolExecutor(_FOOTERS_AT_A_TIME) as pool:
        return tuple(pool.map(lambda file: _footer(root, file), files))


def _footer(root: AnyPath, file: FileInfo) -> Footer:
    path = root / file.key
    try:
        with _open(path, n_columns=1) as (parquet, size):
            schema, metadata = parquet.schema_arrow, parquet.metadata
            group_rows = group_rows_of(metadata)
            n_rows = metadata.num_rows
    except DgmmError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error}.") from error
    except Exception as error:  # a damaged footer raises errors of any type
        raise DataError(
            f"{path} cannot be opened as Parquet: {describe_error(error)}. It is damaged, "
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
    file = replace(file, size=size)  # logs of tables may be wrong about it
    return Footer(file, types, _field_ids(schema), group_rows, find_index_columns(schema.metadata))


def group_rows_of(metadata: Any) -> tuple[int, ...]:
    """Rows of each row group of a file."""
    return tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))


def _field_ids(schema: Any) -> dict[int, str]:
    marked = ((field.name, (field.metadata or {}).get(b"PARQUET:field_id")) for field in schema)
    return {int(number): name for name, number in marked if number is not None}


@contextmanager
def open_fragment(path: AnyPath) -> Iterator[Any]:
    """A file as a fragment of Arrow's datasets, which makes use of statistics.

    Its metadata have statistics too, but end the process where they are damaged.
    """
    library(path)
    format_ = importlib.import_module("pyarrow.dataset").ParquetFileFormat()
    with open_binary(path) as file:
        yield format_.make_fragment(file)


@contextmanager
def open_pinned(root: AnyPath, file: PinnedFile, n_columns: int) -> Iterator[Any]:
    """Open a file and check that it is as it was when the dataset was opened.

    Parameters
    ----------
    root : Path or StorePath
        What the file's key is relative to.
    file : PinnedFile
    n_columns : int
        That will be read together.

    Raises
    ------
    InputChangedError
        If it is another file now.
    StorageError
        If it cannot be read.
    """
    path = root / file.key
    try:
        with _open(path, n_columns) as (parquet, size):
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
            f"{path} cannot be read: {describe_error(error)}. Is it damaged or gone?"
        ) from error


@contextmanager
def _open(path: AnyPath, n_columns: int) -> Iterator[tuple[Any, int]]:
    """A file, and how many bytes it has."""
    options = {
        "buffer_size": max(_SMALLEST_BUFFER, _BUFFER_BYTES // n_columns),
        "page_checksum_verification": True,  # of pages that have one
    }
    with open_binary(path) as file:
        size = file.seek(0, os.SEEK_END)
        with library(path).ParquetFile(file, **options) as parquet:
            yield parquet, size


def library(path: AnyPath) -> ModuleType:
    """The library that reads Parquet.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    need = f"{path} is Parquet, and reading it needs pyarrow"
    return import_optional("pyarrow.parquet", need, "dgmm[parquet]")
