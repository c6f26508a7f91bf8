"""Which columns of Parquet files are features, and in which dtype."""

import importlib
import json
import logging
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from dgmm.errors import DataError, Remedy
from dgmm.io.sources.format import column_indices
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names

_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name
_ITEM = re.compile(r"(.*)\[([0-9]+)\]", re.DOTALL)

_logger = logging.getLogger(__name__)

Types = Mapping[str, Any]
"""Arrow's types of the columns of a file, by name."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of a table: a column, or one number of the lists in a column.

    Attributes
    ----------
    column : str
    item : int, or None
        Which number of each list.
    """

    column: str
    item: int | None = None

    @classmethod
    def parse(cls, name: str, lists: Container[str]) -> Self:
        """What a name such as ``embedding[3]`` means, given which columns hold lists.

        Examples
        --------
        >>> Feature.parse("embedding[3]", {"embedding"})
        Feature(column='embedding', item=3)
        >>> Feature.parse("depth[m]", {"embedding"})
        Feature(column='depth[m]', item=None)
        """
        match = _ITEM.fullmatch(name)
        if match is None or match[1] not in lists:
            return cls(name)
        return cls(match[1], int(match[2]))


def choose_columns(
    path: AnyPath,
    selection: Selection,
    types: Mapping[AnyPath, Types],
    index: Sequence[str],
    keys: Container[str] = (),
) -> tuple[str, ...]:
    """The columns that hold features: the selected ones, or all numeric ones except weights.

    Parameters
    ----------
    path : Path or StorePath
        Of the table, for messages.
    selection : Selection
    types : mapping of path to types
        Of every file.
    index : sequence of str
        What pandas kept as an index; it is no feature unless it is asked for.
    keys : container of str
        Partition keys, of which the same is true.

    Raises
    ------
    ConfigurationError
        If there are no such columns.
    DataError
        If they are no numbers, or numbers in some of the files only.
    """
    first = next(iter(types.values()))
    if selection.columns:
        lists = {name for name, type_ in first.items() if is_list(type_)}
        features = (Feature.parse(name, lists) for name in selection.columns)
        chosen = tuple(dict.fromkeys(feature.column for feature in features))
        column_indices(path, chosen, tuple(first))
    else:
        chosen = _numbers(path, selection, types, index, keys)
    for name in chosen:
        _check_types(path, name, types)
    if not selection.columns:
        new = {name for each in types.values() for name in each} - set(first)
        for name in sorted(new):
            if any(is_real(each.get(name)) for each in types.values()):
                _check_types(path, name, types)
    return chosen


def feature_names(
    path: AnyPath, asked: Sequence[str], columns: Sequence[str], sizes: Mapping[str, int]
) -> tuple[str, ...]:
    """Names of the features that columns hold: of lists one for each number.

    Parameters
    ----------
    path : Path or StorePath
        For messages.
    asked : sequence of str
        Columns or features, in the order that is wanted; all of ``columns`` if empty.
    columns : sequence of str
    sizes : mapping of str to int
        How many numbers the lists of a column hold.

    Raises
    ------
    ConfigurationError
        If a list is too short for what is asked for.
    """
    names: list[str] = []
    for name in asked or columns:
        feature = Feature.parse(name, sizes)
        if feature.item is None and name in sizes:
            names += [f"{name}[{i}]" for i in range(sizes[name])]
            continue
        if feature.item is not None:
            known = [f"{feature.column}[{i}]" for i in range(sizes[feature.column])]
            column_indices(path, [name], known)
        names.append(name)
    return tuple(dict.fromkeys(names))


def common_dtype(columns: Sequence[str], types: Mapping[AnyPath, Types]) -> np.dtype[Any]:
    """The float dtype that holds every value of these columns of all files, and NaN."""
    found = {each[name] for each in types.values() for name in columns}
    return np.result_type(np.float32, *(numpy_dtype(type_) for type_ in found))


def find_index_columns(metadata: Mapping[bytes, bytes] | None) -> tuple[str, ...]:
    """The index columns that pandas wrote, by the metadata of a file."""
    try:
        kept = json.loads((metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        return ()
    return tuple(name for name in kept if isinstance(name, str))


def is_plain(type_: Any) -> bool:
    """Whether NumPy has the same dtype."""
    types = importlib.import_module("pyarrow").types
    return bool(types.is_integer(type_) or types.is_floating(type_))


def is_list(type_: Any) -> bool:
    """Whether values of an Arrow type are lists."""
    types = importlib.import_module("pyarrow").types
    return bool(
        types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)
    )


def is_real(type_: Any) -> bool:
    """Whether values of an Arrow type are numbers, or lists of them."""
    types = importlib.import_module("pyarrow").types
    if type_ is not None and is_list(type_):
        return not is_list(type_.value_type) and is_real(type_.value_type)
    return type_ is not None and bool(
        types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_)
    )


def numpy_dtype(type_: Any) -> np.dtype[Any]:
    """Of numbers as NumPy holds them; decimals become float64, what is missing NaN."""
    types = importlib.import_module("pyarrow").types
    if is_list(type_) or types.is_dictionary(type_):
        return numpy_dtype(type_.value_type)
    if types.is_decimal(type_):
        return np.dtype(np.float64)
    if types.is_null(type_):
        return np.dtype(np.float16)
    return np.dtype(type_.to_pandas_dtype())


def _numbers(
    path: AnyPath,
    selection: Selection,
    types: Mapping[AnyPath, Types],
    index: Sequence[str],
    keys: Container[str],
) -> tuple[str, ...]:
    """The numeric columns that are features; logs those left out.

    Weights, labels, identifiers, keys and indices are none.
    """
    first = next(iter(types.values()))
    beside = {place.variable for place in selection.beside.values() if place.path is None}
    aside = {*beside, *selection.id_columns}
    numbers = [
        name
        for name in first
        if name not in aside
        and name not in keys
        and any(is_real(each.get(name)) for each in types.values())
    ]
    indices = [name for name in numbers if not name or name in index or _INDEX.fullmatch(name)]
    listed = [name or "(without a name)" for name in indices]
    chosen = tuple(name for name in numbers if name not in indices)
    left = [f"{name} ({first[name]})" for name in first if name not in (*numbers, *aside)]
    if not chosen:
        found = join_names([*left, *(f"{name} (an index)" for name in listed)])
        raise DataError(f"{path} has no columns of numbers; it has {found}. Convert them.")
    if indices:
        _logger.warning("%s: no features, since they are an index: %s", path, join_names(listed))
    if left:
        _logger.info("%s: no features, since they are no numbers: %s", path, join_names(left))
    return chosen


def _check_types(path: AnyPath, name: str, types: Mapping[AnyPath, Types]) -> None:
    """Refuse a column that is not numeric in some file; log where its type is wider."""
    found = {file: each.get(name) for file, each in types.items()}
    distinct = {str(type_): file for file, type_ in reversed(found.items())}
    wrong = [file for file, type_ in found.items() if not _is_usable(type_)]
    listed = " and ".join(
        f"{'not there' if kind == 'None' else kind} in {file}" for kind, file in distinct.items()
    )
    if wrong and len(distinct) == 1:
        raise DataError(
            f"Column {name!r} of {path} is of type {found[wrong[0]]}, expected numbers. Convert "
            "it, or choose others.",
            remedy=Remedy.CHOOSE_COLUMNS,
        )
    if wrong or len({is_list(type_) for type_ in found.values() if str(type_) != "null"}) > 1:
        raise DataError(
            f"Column {name!r} is {listed}; expected numbers in all files. Write the files again, "
            "or choose columns that are.",
            remedy=Remedy.CHOOSE_COLUMNS,
        )
    if len(distinct) > 1:
        wide = np.result_type(np.float32, *map(numpy_dtype, found.values()))
        _logger.warning("Column %r is %s; it is read as %s", name, listed, wide)


def _is_usable(type_: Any) -> bool:
    """Whether values are numbers, lists of numbers, booleans or all missing."""
    types = importlib.import_module("pyarrow").types
    if type_ is None:
        return False
    if types.is_dictionary(type_):
        return is_real(type_.value_type)
    return is_real(type_) or bool(types.is_boolean(type_) or types.is_null(type_))
