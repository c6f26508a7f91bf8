"""CSV as a stream of blocks; it is ingested and not fitted, since rows have no place in a text."""

import importlib
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dgmm.errors import DataError, DgmmError, MissingExtraError, StorageError
from dgmm.io.ingest.table_writer import Block, Stream
from dgmm.io.sources.format import column_indices, join_names
from dgmm.io.storage.location import AnyPath, open_binary

_BLOCK_BYTES = 8 << 20

_logger = logging.getLogger(__name__)


def open_csv(
    path: AnyPath, delimiter: str | None = None, columns: tuple[str, ...] = (), weights: str = ""
) -> Stream:
    """A CSV file, plain or compressed, whose first line names the columns.

    Parameters
    ----------
    path : Path or StorePath
    delimiter : str, optional
        Between values; None takes a tab for ``.tsv`` and a comma else.
    columns : tuple of str
        Features, in this order; without them, all columns whose first values are numbers.
    weights : str
        The column of weights; empty if there is none.

    Raises
    ------
    ConfigurationError
        If there are no columns of these names.
    DataError
        If the file is empty, has no names or no numbers.
    MissingExtraError
        If pyarrow is not installed.
    """
    if delimiter is None:
        delimiter = "\t" if ".tsv" in path.suffixes else ","
    with _opened(path, delimiter, None) as reader:
        types = _types(path, reader.schema)
    names = columns or tuple(
        name for name, type_ in types.items() if name != weights and _is_number(type_)
    )
    wanted = (*names, weights) if weights else names
    column_indices(path, wanted, tuple(types))
    left = [f"{name} ({types[name]})" for name in types if name not in wanted]
    if not names:
        raise DataError(f"{path} has no columns of numbers; it has {join_names(left)}.")
    if left and not columns:
        _logger.info("%s: no features, since they are no numbers: %s", path, join_names(left))
    blocks = _blocks(path, delimiter, names, weights)
    return Stream(names, np.dtype(np.float64), blocks, bool(weights))


def _types(path: AnyPath, schema: Any) -> dict[str, Any]:
    """The types of the columns, as far as the first block tells them."""
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise DataError(f"{path} has more than one column {twice[0]!r}. Rename them.")
    if all(_is_text_of_number(name) for name in schema.names):
        raise DataError(
            f"The first line of {path} holds numbers, expected names of the columns. Put a line "
            "with names before it."
        )
    return dict(zip(schema.names, schema.types, strict=True))


def _is_text_of_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_number(type_: Any) -> bool:
    types = importlib.import_module("pyarrow").types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_null(type_))


def _blocks(path: AnyPath, delimiter: str, names: tuple[str, ...], weights: str) -> Iterator[Block]:
    wanted = dict.fromkeys((*names, weights) if weights else names)
    with _opened(path, delimiter, list(wanted)) as reader:
        while (batch := _next(path, reader)) is not None:
            columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in wanted}
            rows = np.column_stack([columns[name] for name in names])
            yield rows, columns[weights] if weights else None


def _next(path: AnyPath, reader: Any) -> Any:
    """The next batch; None at the end."""
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except Exception as error:  # of a line that is not like the others
        raise _unreadable(path, error) from error


def _opened(path: AnyPath, delimiter: str, numbers: list[str] | None) -> Any:
    csv = _library(path)
    types = None if numbers is None else dict.fromkeys(numbers, "float64")
    try:
        return csv.open_csv(
            str(path) if isinstance(path, Path) else open_binary(path),
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=numbers),
        )
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: AnyPath, error: Exception) -> DgmmError:
    if isinstance(error, OSError):
        return StorageError(f"{path} cannot be read: {error}.")
    return DataError(f"{path} cannot be read as CSV: {error}. Correct it, or choose columns.")


def _library(path: AnyPath) -> ModuleType:
    try:
        return importlib.import_module("pyarrow.csv")  # here, because pyarrow is optional
    except ImportError as error:
        raise MissingExtraError(
            f'{path} is CSV, and reading it needs pyarrow: pip install "dgmm[csv]"'
        ) from error
