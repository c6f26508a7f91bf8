"""CSV as a stream of blocks; it can be ingested only, because rows of a text have no address."""

import codecs
import importlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError, DgmmError, Remedy, StorageError
from dgmm.io.ingest.csv_columns import check_text, is_nameless, is_text_of_number
from dgmm.io.ingest.table_writer import Block, Stream
from dgmm.io.sources.format import column_indices
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional
from dgmm.text import join_names

_BLOCK_BYTES = 8 << 20
_UTF8 = "utf8"
_BOMS = (
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)  # which those of UTF-32 begin with, or not at all
_DELIMITERS = ",;\t|"
_MOST_OF_A_LINE = 1 << 20

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How numbers are written.

    Attributes
    ----------
    delimiter : str, optional
        Between values; None takes a tab for ``.tsv`` and a comma else.
    decimal : str
        Between the whole and the fraction of a number.
    encoding : str
        Of the text, as Python names it.
    has_header : bool, optional
        Whether the first line names the columns; None takes it for names unless all are numbers,
        which is refused.
    na_values : tuple of str
        What stands for no value, beside nothing, NA, NaN, NULL and the like.
    """

    delimiter: str | None = None
    decimal: str = "."
    encoding: str = _UTF8
    has_header: bool | None = None
    na_values: tuple[str, ...] = ()


def open_csv(
    path: AnyPath,
    dialect: CsvDialect = CsvDialect(),
    columns: tuple[str, ...] = (),
    weights: str = "",
) -> Stream:
    """Open a CSV file, plain or compressed.

    Parameters
    ----------
    path : Path or StorePath
    dialect : CsvDialect
    columns : tuple of str
        Features, in this order; without them, all columns whose first values are numbers. Columns
        without a name, such as an index, are none of them.
    weights : str
        The column of weights; empty if there is none.

    Raises
    ------
    ConfigurationError
        If there are no columns of these names.
    DataError
        If the file is empty, has no names or no numbers, or if most values of a column are numbers
        and one is not.
    MissingExtraError
        If pyarrow is not installed.
    """
    table = _CsvTable(path, dialect)
    _check_beginning(table)
    with table.open_reader({}) as reader:
        places = table.places(reader.schema)
        types = {name: reader.schema.field(place).type for name, place in places.items()}
        first = table.next_batch(reader)
    numbers = {name for name in types if _is_number(types[name]) and not is_nameless(name)}
    names = columns or tuple(name for name in types if name in numbers and name != weights)
    wanted = (*names, weights) if weights else names
    column_indices(path, wanted, tuple(types))
    for name in types:
        if first is not None and (not columns or name in wanted):
            _check_values(path, name, first.column(places[name]), is_wanted=name in wanted)
    if not names:
        found = join_names([f"{name} ({type_})" for name, type_ in types.items()])
        raise DataError(f"{path} has no columns of numbers; it has {found}.")
    _log_ignored_columns(path, types, {*wanted}, is_chosen=bool(columns))
    read_as = {
        places[name]: "bool" if _is_bool(types[name]) else "float64"
        for name in dict.fromkeys(wanted)
    }
    blocks = table.blocks([places[name] for name in wanted], read_as, has_weights=bool(weights))
    return Stream(names, np.dtype(np.float64), blocks, bool(weights))


def _check_values(path: AnyPath, name: str, values: Any, *, is_wanted: bool) -> None:
    types = importlib.import_module("pyarrow").types
    kind = values.type
    if types.is_string(kind) or types.is_binary(kind):
        check_text(path, name, values.to_pylist(), is_wanted=is_wanted)


def _log_ignored_columns(
    path: AnyPath, types: Mapping[str, Any], wanted: set[str], *, is_chosen: bool
) -> None:
    """Log the columns that are not features, unless the user asked for that."""
    left = [name for name in types if name not in wanted]
    if is_chosen or not left:
        return
    if nameless := [name for name in left if is_nameless(name)]:
        places = ", ".join(str(list(types).index(name) + 1) for name in nameless)
        _logger.warning("%s: no features, since they have no name: column(s) %s", path, places)
    if others := [f"{name} ({types[name]})" for name in left if not is_nameless(name)]:
        _logger.info("%s: no features, since they are no numbers: %s", path, join_names(others))


@dataclass(frozen=True, slots=True)
class _CsvTable:
    """A file and how it is written."""

    path: AnyPath
    dialect: CsvDialect

    @property
    def delimiter(self) -> str:
        return self.dialect.delimiter or ("\t" if ".tsv" in self.path.suffixes else ",")

    def places(self, schema: Any) -> dict[str, int]:
        """Where the columns of these names are."""
        n_columns = len(schema.types)
        if self.dialect.has_header is False:
            return {f"x{i}": i for i in range(n_columns)}
        try:
            names = [name.strip() for name in schema.names]
        except UnicodeDecodeError as error:
            raise self._encoding_error("first line") from error
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"{self.path} has more than one column {twice[0]!r}. Rename them.")
        if self.dialect.has_header is None and all(map(is_text_of_number, names)):
            raise DataError(
                f"The first line of {self.path} holds nothing but numbers, {join_names(names)}: "
                "names, such as wavelengths or years, or the first row.",
                remedy=Remedy.CHOOSE_HEADER,
            )
        return {name: i for i, name in enumerate(names)}

    def blocks(
        self, wanted: list[int], read_as: dict[int, str], *, has_weights: bool
    ) -> Iterator[Block]:
        """The numbers of these columns, of which the last is that of weights."""
        with self.open_reader(read_as) as reader:
            order = list(read_as)
            while (batch := self.next_batch(reader)) is not None:
                columns = {place: _as_floats(batch.column(i)) for i, place in enumerate(order)}
                rows = np.column_stack([columns[place] for place in wanted])
                yield (rows[:, :-1], rows[:, -1]) if has_weights else (rows, None)

    def open_reader(self, read_as: dict[int, str]) -> Any:
        """A reader of these columns with these dtypes; without any, of all columns as inferred."""
        csv = _library(self.path)
        is_named = self.dialect.has_header is not False
        options = csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            encoding=self.dialect.encoding,
            autogenerate_column_names=not is_named,
        )
        convert = csv.ConvertOptions(decimal_point=self.dialect.decimal)
        convert.null_values = [*convert.null_values, *self.dialect.na_values]
        try:
            if read_as:
                with self._open(options, convert) as reader:
                    names = reader.schema.names
                convert.include_columns = [names[place] for place in read_as]
                convert.column_types = {names[place]: kind for place, kind in read_as.items()}
            return self._open(options, convert)
        except DgmmError:
            raise
        except Exception as error:
            raise self._unreadable(error) from error

    def next_batch(self, reader: Any) -> Any:
        """The next batch; None at the end."""
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except Exception as error:  # of a line that is not like the others
            raise self._unreadable(error) from error

    def _open(self, options: Any, convert: Any) -> Any:
        csv = _library(self.path)
        place = str(self.path) if isinstance(self.path, Path) else open_binary(self.path)
        return csv.open_csv(place, options, csv.ParseOptions(delimiter=self.delimiter), convert)

    def _unreadable(self, error: Exception) -> DgmmError:
        if isinstance(error, UnicodeError):
            return self._encoding_error("text")
        if isinstance(error, OSError):
            return StorageError(f"{self.path} cannot be read: {error}.")
        return DataError(
            f"{self.path} cannot be read as CSV: {error}. Correct it, or choose columns.",
            remedy=Remedy.CHOOSE_COLUMNS,
        )

    def _encoding_error(self, what: str) -> DataError:
        return DataError(
            f"The {what} of {self.path} is not in the encoding {self.dialect.encoding}.",
            remedy=Remedy.CHOOSE_ENCODING,
        )


def _check_beginning(table: _CsvTable) -> None:
    """Refuse an encoding or a delimiter that the first line does not have."""
    path, encoding = table.path, table.dialect.encoding
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise DataError(
            f"The encoding {encoding!r} is unknown; expected one such as latin-1.",
            remedy=Remedy.CHOOSE_ENCODING,
        ) from error
    with open_binary(path) as file:
        line = file.readline(_MOST_OF_A_LINE)
    if line[:2] in _BOMS and encoding == _UTF8:
        raise DataError(f"{path} begins as UTF-16 does.", remedy=Remedy.CHOOSE_ENCODING)
    text = line.decode(encoding, errors="replace")
    is_plain = path.suffix.lower() in (".csv", ".tsv", ".txt")
    if is_plain and table.delimiter not in text and any(sign in text for sign in _DELIMITERS):
        raise DataError(
            f"The first line of {path}, {text.strip()[:80]!r}, has no {table.delimiter!r} in it; "
            "expected one between columns.",
            remedy=Remedy.CHOOSE_DELIMITER,
        )


def _as_floats(column: Any) -> NDArray[np.float64]:
    """Numbers of a column; NaN where there is none."""
    return np.asarray(column.cast("float64").to_numpy(zero_copy_only=False), np.float64)


def _is_number(type_: Any) -> bool:
    """Whether pyarrow reads a column as numbers, or has seen no value of it."""
    types = importlib.import_module("pyarrow").types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_null(type_))


def _is_bool(type_: Any) -> bool:
    """Whether pyarrow reads a column as booleans."""
    return bool(importlib.import_module("pyarrow").types.is_boolean(type_))


def _library(path: AnyPath) -> ModuleType:
    return import_optional(
        "pyarrow.csv", f"{path} is CSV, and reading it needs pyarrow", "dgmm[csv]"
    )
