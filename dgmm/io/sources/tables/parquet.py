"""Parquet: a file, a directory of files or a pattern of them; a feature for each column.

Footers are read once, by the driver, and what tasks need to find their rows is pinned there: files
that come later are not read, and files that change are noticed. Folders such as ``year=2020`` give
the rows below them a column, as Hive does.
"""

import importlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from dgmm.errors import DataError
from dgmm.io.sources.files import FileInfo, find_files, find_root
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.tables.parquet_files import library
from dgmm.io.sources.tables.parquet_rows import read_ids, read_rows
from dgmm.io.sources.tables.parquet_table import (
    SECONDS_PER_PIECE,
    Table,
    TableFile,
    describe_table,
    select_weights,
)
from dgmm.io.sources.tables.table_formats import refuse_table_formats
from dgmm.io.storage.location import AnyPath

_SUFFIXES = (".parquet", ".parq", ".pq")
_MISSING = "__HIVE_DEFAULT_PARTITION__"


def _matches(path: AnyPath) -> bool:
    if path.suffix.lower() in _SUFFIXES:
        return True
    return path.is_dir() and any(file.key.endswith(_SUFFIXES) for file in find_files(path))


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    library(path)
    found = find_files(path)
    refuse_table_formats(path, found)
    files = _table_files(path, found)
    keys, constants = _partition_keys([file.key for file in files])
    live = tuple(TableFile(file, values) for file, values in zip(files, constants, strict=True))
    return describe_table(path, selection, Table(find_root(path), live, "Parquet", keys))


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


def _partition_keys(paths: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The keys in the names of folders: their types, and the values of each file."""
    parts = [
        [part.partition("=") for part in path.split("/")[:-1] if "=" in part] for path in paths
    ]
    texts = [{name: unquote(value) for name, _, value in each} for each in parts]
    names = [name for name in texts[0] if all(name in each for each in texts)]
    types, values = {}, []
    for name in names:
        given = [None if each[name] == _MISSING else each[name] for each in texts]
        types[name], typed = _infer_type(given)
        values.append(typed)
    return types, [dict(zip(names, each, strict=True)) for each in zip(*values, strict=True)] or [
        {} for _ in paths
    ]


def _infer_type(texts: Sequence[str | None]) -> tuple[Any, list[Any]]:
    """Integers if all are, else floats, else the texts themselves, with their Arrow type."""
    arrow = importlib.import_module("pyarrow")
    for convert, type_ in ((int, arrow.int64()), (float, arrow.float64())):
        try:
            return type_, [None if text is None else convert(text) for text in texts]
        except ValueError:
            continue
    return arrow.string(), list(texts)


FORMAT = Format(
    "parquet",
    _matches,
    _describe,
    read_rows,
    select_weights=select_weights,
    seconds_per_piece=SECONDS_PER_PIECE,
    read_coordinate=read_ids,
    accepts=frozenset({"where", "id_columns"}),
    may_be_pattern=True,
)
