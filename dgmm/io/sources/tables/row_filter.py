"""Which rows of a table meet conditions on its columns.

As in SQL, a missing value meets no condition, ``not in`` included; NaN is a value, which equals
none. The statistics of a row group say whether it needs to be read at all.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from dgmm.errors import ConfigurationError
from dgmm.io.sources.selection import Condition
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names

_COMPARISONS = {
    "=": "equal",
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_BY_STATISTICS = ("=", "==", "<", "<=", ">", ">=", "in")  # which know nothing of NaN


def check_conditions(
    path: AnyPath, where: Sequence[Condition], types: Mapping[str, Any]
) -> tuple[Condition, ...]:
    """Raise ConfigurationError if a column is not there, or cannot be compared with its value.

    Parameters
    ----------
    path : Path or StorePath
        Of the table, for messages.
    where : sequence of Condition
    types : mapping of str to Arrow type
        Of all columns.
    """
    for condition in where:
        if condition.column not in types:
            raise ConfigurationError(
                f"{path} has no column {condition.column!r}, which a condition names. It has "
                f"{join_names(list(types))}."
            )
        _literal(condition, types[condition.column])
    return tuple(where)


def filter_batch(batch: Any, where: Sequence[Condition]) -> Any:
    """The rows of a batch that meet all conditions, in their order."""
    compute = importlib.import_module("pyarrow.compute")
    for condition in where:
        column = decode(batch.column(batch.schema.get_field_index(condition.column)))
        met = _meets(column, condition, column.type)
        batch = batch.filter(compute.fill_null(met, False))
    return batch


def meets(value: Any, type_: Any, condition: Condition) -> bool:
    """Whether one value of an Arrow type meets a condition."""
    arrow = importlib.import_module("pyarrow")
    return bool(_meets(arrow.array([value], type_), condition, type_)[0].as_py())


def candidate_groups(
    fragment: Any, where: Sequence[Condition], names: Mapping[str, str]
) -> list[int]:
    """The row groups of a file that may have rows which meet all conditions.

    Parameters
    ----------
    fragment : pyarrow.dataset.ParquetFileFragment
    where : sequence of Condition
        On columns of the file.
    names : mapping of str to str
        What columns are called in the file, where that is another name.
    """
    dataset, schema = importlib.import_module("pyarrow.dataset"), fragment.physical_schema
    for condition in where:
        name = names.get(condition.column, condition.column)
        type_ = schema.field(name).type
        if condition.operator in _BY_STATISTICS and _is_ordered(type_):
            met = _meets(dataset.field(name), condition, type_)
            fragment = fragment.subset(filter=met, schema=schema)
    return [group.id for group in fragment.row_groups]


def decode(column: Any) -> Any:
    """A column whose values are kept in a dictionary, as the values themselves."""
    types = importlib.import_module("pyarrow").types
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _is_ordered(type_: Any) -> bool:
    """Whether statistics of a type are compared as its values are."""
    types = importlib.import_module("pyarrow").types
    return bool(
        types.is_integer(type_)
        or types.is_float32(type_)
        or types.is_float64(type_)
        or types.is_string(type_)
        or types.is_date32(type_)
    )


def _meets(column: Any, condition: Condition, type_: Any) -> Any:
    """Truth values; null where a value is missing."""
    compute = importlib.import_module("pyarrow.compute")
    literal = _literal(condition, type_)
    if condition.operator in _COMPARISONS:
        return getattr(compute, _COMPARISONS[condition.operator])(column, literal)
    inside = compute.is_in(column, value_set=literal)
    inside = compute.and_(inside, compute.is_valid(column))
    if condition.operator == "in":
        return inside
    return compute.and_(compute.invert(inside), compute.is_valid(column))


def _literal(condition: Condition, type_: Any) -> Any:
    """The value of a condition as Arrow compares it with a column of a type."""
    arrow = importlib.import_module("pyarrow")
    types = arrow.types
    if types.is_dictionary(type_):
        type_ = type_.value_type
    try:
        if condition.operator not in _COMPARISONS:
            return arrow.array([_cast(each, type_).as_py() for each in condition.value], type_)
        return _cast(condition.value, type_)
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's errors are such
        raise ConfigurationError(
            f"The condition {condition} compares {condition.value!r} with a column of type "
            f"{type_}: {error}. Expected a value of that type."
        ) from error


def _cast(value: Any, type_: Any) -> Any:
    """A value as Arrow compares it; a number keeps its fraction beside integers."""
    arrow = importlib.import_module("pyarrow")
    types = arrow.types
    is_number = types.is_integer(type_) or types.is_floating(type_)
    if is_number and isinstance(value, float) and not isinstance(value, bool):
        return arrow.scalar(value, arrow.float64())
    if isinstance(value, bool) != types.is_boolean(type_):
        raise TypeError("one of them is a truth value")
    if is_number and not isinstance(value, int):
        raise TypeError("one of them is no number")
    if isinstance(value, int | float) and types.is_decimal(type_):
        value = str(value)
    if isinstance(value, int | float) and not (is_number or types.is_boolean(type_)):
        raise TypeError("one of them is a number")
    return arrow.scalar(value).cast(type_)
