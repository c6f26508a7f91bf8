"""Values that speak of tables: names, versions, conditions on rows, and functions of features."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from dgmm.run.config.field_types import OneOrMany, Path

OPERATORS = ("=", "==", "!=", "<", "<=", ">", ">=", "in", "not in")
FUNCTIONS = ("log", "log1p", "arcsinh", "yeo-johnson", "logicle")
LOGICLE = ("T", "W", "M", "A")


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        expected = "found {name} more than once, expected each name once"
        raise PydanticCustomError("repeated", expected, {"name": repeated})
    return names


def _condition_of(value: object) -> object:
    """A condition: a column, an operator and a value, or a list of values."""
    expected = (
        'expected a condition such as [depth, ">=", 10] or [region, in, [north, south]], with one '
        f"of {', '.join(OPERATORS)}"
    )
    if not (isinstance(value, list | tuple) and len(value) == 3 and value[1] in OPERATORS):
        raise PydanticCustomError("condition", "{expected}", {"expected": expected})
    column, operator, wanted = value
    is_list = isinstance(wanted, list | tuple)
    values = wanted if is_list else [wanted]
    known = all(isinstance(each, str | int | float | bool) for each in values)
    if not (isinstance(column, str) and known and is_list == operator.endswith("in")):
        raise PydanticCustomError("condition", "{expected}", {"expected": expected})
    return column, operator, tuple(wanted) if is_list else wanted


def _are_functions(value: object) -> object:
    """A function of all features, or a mapping from features to functions."""
    if value is None or _is_function(value):
        return value
    if isinstance(value, Mapping) and value and all(map(_is_function, value.values())):
        return value
    expected = (
        f"expected {', '.join(FUNCTIONS)} or such as {{arcsinh: 150}} or {{logicle: {{T: 262144, "
        "W: 0.5}}, of all features, or a mapping from features to functions"
    )
    raise PydanticCustomError("function", "{expected}", {"expected": expected})


def _is_function(value: object) -> bool:
    if not isinstance(value, Mapping):
        return isinstance(value, str) and value in FUNCTIONS
    if [*value] == ["arcsinh"]:
        return _is_number(value["arcsinh"]) and 0 < value["arcsinh"] < math.inf
    given = value.get("logicle") if len(value) == 1 else None
    return (
        isinstance(given, Mapping)
        and {*given} <= {*LOGICLE}
        and all(map(_is_number, given.values()))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_version(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        expected = "expected a number, or text: a time, a branch or a tag"
        raise PydanticCustomError("version", "{expected}", {"expected": expected})
    return value


_FUNCTION_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(FUNCTIONS)},
        {
            "type": "object",
            "properties": {"arcsinh": {"type": "number", "exclusiveMinimum": 0}},
            "required": ["arcsinh"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "logicle": {
                    "type": "object",
                    "properties": {name: {"type": "number"} for name in LOGICLE},
                    "additionalProperties": False,
                }
            },
            "required": ["logicle"],
            "additionalProperties": False,
        },
    ]
}

Version = Annotated[
    Any, AfterValidator(_is_version), WithJsonSchema({"type": ["integer", "string", "null"]})
]

RowCondition = Annotated[
    tuple[Any, ...],
    BeforeValidator(_condition_of, json_schema_input_type=list[Any]),
    WithJsonSchema(
        {
            "type": "array",
            "prefixItems": [
                {"type": "string"},
                {"enum": list(OPERATORS)},
                {"type": ["string", "number", "boolean", "array"]},
            ],
            "minItems": 3,
            "maxItems": 3,
        }
    ),
]

Names = Annotated[OneOrMany[Path], AfterValidator(_check_distinct)]

FeatureFunctions = Annotated[
    Any,
    AfterValidator(_are_functions),
    WithJsonSchema(
        {
            "anyOf": [
                *_FUNCTION_SCHEMA["anyOf"],
                {"type": "object", "additionalProperties": _FUNCTION_SCHEMA, "minProperties": 1},
                {"type": "null"},
            ]
        }
    ),
]
