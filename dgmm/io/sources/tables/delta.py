"""Delta Lake: the live rows of a version of a table, by its log."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.tables.delta_log import LOG, table_on_disk
from dgmm.io.sources.tables.parquet_files import Footer, library
from dgmm.io.sources.tables.parquet_rows import read_ids, read_rows
from dgmm.io.sources.tables.parquet_table import (
    SECONDS_PER_PIECE,
    Table,
    TableFile,
    describe_table,
    select_weights,
)
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional
from dgmm.text import describe_error

_PHYSICAL = b"delta.columnMapping.physicalName"
_NUMBER = b"delta.columnMapping.id"
_UNDERSTOOD = {
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
}


def _matches(path: AnyPath) -> bool:
    return (path / LOG).is_dir()


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    library(path)
    with table_on_disk(path, is_latest=selection.version is None) as folder:
        return _describe_version(path, folder, selection)


def _describe_version(path: AnyPath, folder: Path, selection: Selection) -> DatasetMetadata:
    """What a table is, by the log in a folder."""
    table = _open_table(path, folder, selection.version)
    schema = importlib.import_module("pyarrow").schema(table.schema().to_arrow())
    keys = {name: schema.field(name).type for name in table.metadata().partition_columns}
    columns = [field for field in schema if field.name not in keys]

    def columns_of(footer: Footer) -> Mapping[str, str]:
        return {field.name: _stored_name(field, footer) for field in columns}

    version = table.version()
    names_of_keys = {_physical_name(schema.field(name)): name for name in keys}
    live = _live_files(path, folder, table, names_of_keys)
    if not live:
        raise DataError(f"Version {version} of {path} has no rows.")
    chosen = Table(path, live, f"Delta Lake version {version}", keys, columns_of)
    return describe_table(path, replace(selection, version=version), chosen)


def _open_table(path: AnyPath, folder: Path, version: int | str | None) -> Any:
    """The table as of a version: its number, or a time; the latest if None."""
    deltalake = _library(path)
    try:
        table = deltalake.DeltaTable(str(folder))
        latest = table.version()
        if version is not None:
            version = int(version) if str(version).isdecimal() else version
            table.load_as_version(version)
    except (deltalake.exceptions.DeltaError, ValueError) as error:
        if version is None:
            raise DataError(
                f"{path} is no Delta Lake table that can be read: {describe_error(error)}."
            ) from error
        raise ConfigurationError(
            f"{path} has no version {version!r}: {describe_error(error)}. Expected the number of "
            "a version, or a time such as 2026-01-31T00:00:00Z."
        ) from error
    if isinstance(version, int) and version > latest:
        raise ConfigurationError(f"{path} has no version {version}; its latest is {latest}.")
    unknown = {*(table.protocol().reader_features or ())} - _UNDERSTOOD
    if unknown:
        raise DataError(
            f"{path} needs the reader feature {', '.join(sorted(unknown))} of Delta Lake, which "
            "dgmm does not have. Write its rows to a new Parquet file."
        )
    return table


def _live_files(
    path: AnyPath, folder: Path, table: Any, names_of_keys: Mapping[str, str]
) -> tuple[TableFile, ...]:
    """The files of a version, those that were added later last."""
    arrow = importlib.import_module("pyarrow")
    actions = arrow.table(table.get_add_actions()).to_pylist()
    deleted = _deletion_vectors(path, table)
    live = []
    for action in sorted(actions, key=lambda each: (each["modification_time"], each["path"])):
        key = unquote(action["path"]).removeprefix("file://")
        if "://" in key:
            raise DataError(
                f"{key} is not below the table {path}: it is a shallow clone, which is not read. "
                "Write its rows to a new Parquet file."
            )
        info = FileInfo(key, action["size_bytes"], action["modification_time"])
        values = action.get("partition") or {}
        constants = {names_of_keys.get(name, name): value for name, value in values.items()}
        live.append(TableFile(info, constants, deleted.get(str(folder / key), b"")))
    return tuple(live)


def _deletion_vectors(path: AnyPath, table: Any) -> dict[str, bytes]:
    """Deleted rows of the files that have some, by the files' paths."""
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return {}
    arrow = importlib.import_module("pyarrow")
    read = getattr(table, "deletion_vectors", None)
    if read is None:
        raise DataError(
            f"{path} has deletion vectors, which this version of deltalake does not read; expected "
            "1.6 or later."
        )
    found = arrow.table(read())
    return {
        unquote(name).removeprefix("file://"): np.packbits(~np.asarray(kept, bool)).tobytes()
        for name, kept in zip(
            found.column("filepath").to_pylist(),
            (each.values.to_numpy(zero_copy_only=False) for each in found.column(1)),
            strict=True,
        )
    }


def _physical_name(field: Any) -> str:
    """What a column is called in files, which need not know of its later names."""
    return str((field.metadata or {}).get(_PHYSICAL, field.name.encode()).decode())


def _stored_name(field: Any, footer: Footer) -> str:
    """What a column is called in one file; empty if the file is older than the column."""
    physical = _physical_name(field)
    if physical in footer.types:
        return physical
    number = (field.metadata or {}).get(_NUMBER)
    return footer.field_ids.get(int(number), "") if number is not None else ""


def _library(path: AnyPath) -> ModuleType:
    need = f"{path} is a Delta Lake table, and reading it needs deltalake"
    import_optional("deltalake.exceptions", need, "dgmm[delta]")
    return import_optional("deltalake", need, "dgmm[delta]")


FORMAT = Format(
    "delta",
    _matches,
    _describe,
    read_rows,
    select_weights=select_weights,
    seconds_per_piece=SECONDS_PER_PIECE,
    read_coordinate=read_ids,
    accepts=frozenset({"where", "id_columns", "version"}),
)
