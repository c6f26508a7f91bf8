"""Which columns of Parquet files are features, and in which dtype."""

import importlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgmm.errors import DataError, Remedy
from dgmm.io.sources.format import column_indices
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names

_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name

_logger = logging.getLogger(__name__)

Types = Mapping[str, Any]
"""Arrow's types of the columns of a file, by name."""


def choose_columns(
    path: AnyPath, selection: Selection, types: Mapping[AnyPath, Types], index: Sequence[str]
) -> tuple[str, ...]:
    """The columns to read: the selected ones, or all numeric ones except weights.

    Parameters
    ----------
    path : Path or StorePath
        Of the table, for messages.
    selection : Selection
    types : mapping of path to types
        Of every file.
    index : sequence of str
        What pandas kept as an index; it is no feature unless it is asked for.

    Raises
    ------
    ConfigurationError
        If there are no such columns.
    DataError
        If they are no numbers, or numbers in some of the files only.
    """
    first = next(iter(types.values()))
    if selection.columns:
        column_indices(path, selection.columns, tuple(first))
        chosen = selection.columns
    else:
        chosen = _numbers(path, selection, types, index)
    for name in chosen:
        _check_types(path, name, types)
    if not selection.columns:
        new = {name for each in types.values() for name in each} - set(first)
        for name in sorted(new):
            if any(is_real(each.get(name)) for each in types.values()):
                _check_types(path, name, types)
    return chosen


def common_dtype(columns: Sequence[str], types: Mapping[AnyPath, Types]) -> np.dtype[Any]:
    """The float dtype that holds every value of these columns of all files, and NaN."""
    found = {each[name] for each in types.values() for name in columns}
    return np.result_type(np.float32, *(_numpy_dtype(type_) for type_ in found))


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


def is_real(type_: Any) -> bool:
    """Whether values of an Arrow type are numbers."""
    types = importlib.import_module("pyarrow").types
    return type_ is not None and bool(
        types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_)
    )


def _numbers(
    path: AnyPath, selection: Selection, types: Mapping[AnyPath, Types], index: Sequence[str]
) -> tuple[str, ...]:
    """All numeric columns except weights and indices; logs the columns left out."""
    first, weights = next(iter(types.values())), selection.weights
    known = weights.variable if weights is not None and weights.path is None else None
    numbers = [
        name
        for name in first
        if name != known and any(is_real(each.get(name)) for each in types.values())
    ]
    indices = [name for name in numbers if name in index or _INDEX.fullmatch(name)]
    chosen = tuple(name for name in numbers if name not in indices)
    left = [f"{name} ({first[name]})" for name in first if name not in (*numbers, known)]
    if not chosen:
        found = join_names([*left, *(f"{name} (an index)" for name in indices)])
        raise DataError(f"{path} has no columns of numbers; it has {found}. Convert them.")
    if indices:
        _logger.warning("%s: no features, since they are an index: %s", path, join_names(indices))
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
    if wrong:
        raise DataError(
            f"Column {name!r} is {listed}; expected numbers in all files. Write the files again, "
            "or choose columns that are.",
            remedy=Remedy.CHOOSE_COLUMNS,
        )
    if len(distinct) > 1:
        wide = np.result_type(np.float32, *map(_numpy_dtype, found.values()))
        _logger.warning("Column %r is %s; it is read as %s", name, listed, wide)


def _is_usable(type_: Any) -> bool:
    """Whether values are numbers, booleans or all missing."""
    types = importlib.import_module("pyarrow").types
    if type_ is None:
        return False
    return is_real(type_) or bool(types.is_boolean(type_) or types.is_null(type_))


def _numpy_dtype(type_: Any) -> np.dtype[Any]:
    """Of numbers as NumPy holds them; decimals become float64, what is missing NaN."""
    types = importlib.import_module("pyarrow").types
    if types.is_decimal(type_):
        return np.dtype(np.float64)
    if types.is_null(type_):
        return np.dtype(np.float16)
    return np.dtype(type_.to_pandas_dtype())
