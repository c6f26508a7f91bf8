"""Parquet files as one table: what is known of it before any row is read."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.grid import Coordinate
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.format import DatasetMetadata, column_indices
from dgmm.io.sources.selection import Condition, PinnedFile, Selection, Weights
from dgmm.io.sources.tables.parquet_columns import (
    choose_columns,
    common_dtype,
    feature_names,
    is_list,
    numpy_dtype,
)
from dgmm.io.sources.tables.parquet_files import Footer, read_footers
from dgmm.io.sources.tables.parquet_rows import count_rows, first_list_size, has_gaps
from dgmm.io.sources.tables.row_filter import check_conditions, meets
from dgmm.io.storage.location import AnyPath

SECONDS_PER_PIECE = 24e-6


def _as_stored(footer: Footer) -> Mapping[str, str]:
    return {name: name for name in footer.types}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A live file of a table.

    Attributes
    ----------
    info : FileInfo
        Its key is relative to the table.
    constants : mapping of str to object
        Values of partition keys.
    deleted : bytes
        See `dgmm.io.sources.selection.PinnedFile`.
    """

    info: FileInfo
    constants: Mapping[str, Any] = field(default_factory=dict)
    deleted: bytes = b""


@dataclass(frozen=True, slots=True)
class Table:
    """Live files that are one table.

    Attributes
    ----------
    root : Path or StorePath
        What keys of files are relative to.
    files : tuple of TableFile
        In the order of the rows.
    description : str
        For a person.
    keys : mapping of str to Arrow type
        Partition keys.
    columns_of : callable
        ``columns_of(footer) -> mapping``: what the table's columns are called in a file, in their
        order; an empty name for one that the file lacks.
    defaults : mapping of str to Arrow scalar
        What columns hold in files that lack them, where it is not a missing value.
    """

    root: AnyPath
    files: tuple[TableFile, ...]
    description: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    columns_of: Callable[[Footer], Mapping[str, str]] = _as_stored
    defaults: Mapping[str, Any] = field(default_factory=dict)


def describe_table(path: AnyPath, selection: Selection, table: Table) -> DatasetMetadata:
    """What a table is, by the footers of its files; see `dgmm.io.sources.format.Format`.

    With conditions, or deleted rows, the rows of every row group that belong to the table are
    counted here: the columns of the conditions are read once, where statistics do not exclude them.

    Parameters
    ----------
    path : Path or StorePath
        For messages.
    selection : Selection
        With the version, where there are several.
    table : Table

    Raises
    ------
    ConfigurationError
        If there is no such column, or no value of a column's type to compare with.
    DataError
        If no rows are left, or files do not fit together.
    """
    files = [file for file in table.files if _may_meet(file, table.keys, selection.where)]
    if not files:
        raise _no_rows(path, selection)
    footers = read_footers(table.root, [file.info for file in files])
    called = [table.columns_of(footer) for footer in footers]
    types = {
        table.root / footer.file.key: _types(footer, names, table)
        for footer, names in zip(footers, called, strict=True)
    }
    files = [_with_defaults(file, names, table) for file, names in zip(files, called, strict=True)]
    columns = choose_columns(path, selection, types, footers[0].index, table.keys)
    known = {name: type_ for each in types.values() for name, type_ in each.items()}
    check_conditions(path, selection.where, known)
    pinned = tuple(map(_pin, files, footers, called))
    if selection.where or any(file.deleted for file in pinned):
        defaults = {name: default.type for name, default in table.defaults.items()}
        pinned = tuple(
            count_rows(table.root, stored, selection.where)
            if _may_meet(file, defaults, selection.where)
            else replace(stored, group_rows=(0,))
            for file, stored in zip(files, pinned, strict=True)
        )
    sizes = _list_sizes(path, table.root, pinned, columns, types)
    features = feature_names(path, selection.columns, columns, sizes)
    groups = [
        rows
        for file, footer in zip(pinned, footers, strict=True)
        for rows in file.group_rows or footer.group_rows
        if rows
    ]
    if selection.where and not groups:
        raise _no_rows(path, selection)
    dtype, largest, n_rows = common_dtype(columns, types), max(groups, default=0), sum(groups)
    counts = f"{len(pinned)} file(s) with row groups of up to {largest} rows"
    return DatasetMetadata(
        shape=(n_rows, len(features)),
        dtype=dtype,
        storage_chunks=(largest,),
        files=tuple(footer.file for footer in footers),
        description=f"{table.description}, {counts}",
        selection=replace(
            selection,
            columns=features,
            files=pinned,
            dtype=dtype.str,
            list_sizes=tuple(sizes.items()),
        ),
        feature_names=features,
        n_pieces=len(groups) * len(features),
        bounds=(0, *accumulate(groups)),
        coordinates=_ids(path, table.root, selection.id_columns, types, pinned, n_rows),
    )


def select_weights(selection: Selection, weights: Weights) -> Selection:
    """What to read as weights of a table's rows; see `dgmm.io.sources.format.Format`."""
    columns = () if weights.variable is None else (weights.variable,)
    return replace(selection, columns=columns, weights=None, id_columns=())


def _no_rows(path: AnyPath, selection: Selection) -> DataError:
    wanted = " and ".join(map(str, selection.where))
    return DataError(f"No row of {path} meets the condition {wanted}.")


def _may_meet(file: TableFile, types: Mapping[str, Any], where: Sequence[Condition]) -> bool:
    """Whether the constants of a file that have these types meet the conditions on them."""
    return all(
        meets(file.constants[condition.column], types[condition.column], condition)
        for condition in where
        if condition.column in types and condition.column in file.constants
    )


def _with_defaults(file: TableFile, names: Mapping[str, str], table: Table) -> TableFile:
    """A file with the values of the columns that it lacks, where they have one."""
    found = {
        name: default.as_py()
        for name, default in table.defaults.items()
        if not names.get(name, name)
    }
    return replace(file, constants={**file.constants, **found})


def _types(footer: Footer, names: Mapping[str, str], table: Table) -> dict[str, Any]:
    """Types of the table's columns in a file."""
    null = importlib.import_module("pyarrow").null()
    absent = {name: default.type for name, default in table.defaults.items()}
    stored = {
        name: footer.types.get(called, absent.get(name, null)) for name, called in names.items()
    }
    return {**stored, **table.keys}


def _pin(file: TableFile, footer: Footer, names: Mapping[str, str]) -> PinnedFile:
    return PinnedFile(
        footer.file.key,
        footer.file.size,
        sum(footer.group_rows),
        deleted=file.deleted,
        constants=tuple(file.constants.items()),
        names=tuple(pair for pair in names.items() if pair[0] != pair[1]),
    )


def _list_sizes(
    path: AnyPath,
    root: AnyPath,
    files: Sequence[PinnedFile],
    columns: Sequence[str],
    types: Mapping[AnyPath, Mapping[str, Any]],
) -> dict[str, int]:
    """How many numbers the lists of columns hold: by their type, or by the first of them."""
    sizes = {}
    for name in columns:
        found = [each[name] for each in types.values() if is_list(each[name])]
        if not found:
            continue
        size = getattr(found[0], "list_size", None)
        if size is None:
            measured = (first_list_size(root, file, name) for file in files)
            size = next((each for each in measured if each is not None), None)
        if not size:
            raise DataError(
                f"The lists of column {name!r} of {path} are empty or missing. Choose other "
                "columns as features."
            )
        sizes[name] = int(size)
    return sizes


def _ids(
    path: AnyPath,
    root: AnyPath,
    names: Sequence[str],
    types: Mapping[AnyPath, Mapping[str, Any]],
    files: Sequence[PinnedFile],
    n_rows: int,
) -> tuple[Coordinate, ...]:
    """Columns of identifiers: numbers as they are, everything else and what has gaps as text."""
    column_indices(path, names, tuple(next(iter(types.values()))))
    found = []
    for name in names:
        dtype = _id_dtype(path, name, [each[name] for each in types.values()])
        if dtype.kind in "iu" and any(has_gaps(root, file, name) for file in files):
            dtype = np.dtype(object)
        text = "str" if dtype.kind == "O" else dtype.name
        found.append(Coordinate(name, ("sample",), (n_rows,), text))
    return tuple(found)


def _id_dtype(path: AnyPath, name: str, kinds: Sequence[Any]) -> np.dtype[Any]:
    """That of numbers; object for what is to be text."""
    types = importlib.import_module("pyarrow").types
    if any(types.is_nested(kind) and not types.is_dictionary(kind) for kind in kinds):
        raise ConfigurationError(
            f"The identifiers {name!r} of {path} are of type {kinds[0]}; expected text or numbers."
        )
    is_number = all(types.is_integer(kind) or types.is_floating(kind) for kind in kinds)
    return np.result_type(*map(numpy_dtype, kinds)) if is_number else np.dtype(object)
