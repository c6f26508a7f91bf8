"""Field types of configurations: sections, sizes, counts, choices, paths."""

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dgmm.mixture.noise.noise_component import NOISE_DENSITIES
from dgmm.registry import ALIASES, CRITERIA, FORMATS, STRUCTURES, canonical_type
from dgmm.run.config.environment import EnvString
from dgmm.run.config.yaml import scalar

CONFLICT = "conflict"  # the type of an error that names its keys and values itself


MAX_CANDIDATES = 10_000

Start = Literal["kmeans", "k-means++", "random_from_data", "random", "agglomerative"]
Assignment = Literal[
    "labels", "responsibilities", "log_density", "uncertainty", "outlier", "clusters"
]

ADDRESS = r"^((tcp|tls|ws|wss)://)?[^\s/]+:[0-9]{1,5}$"  # of a Dask scheduler
_URL = r"^https?://[^\s/]+[^\s]*$"
_LINE = r"^[^\x00-\x1f\x7f]+$"
_WALLTIME = r"^([0-9]+-)?[0-9]+(:[0-9]{2}){0,2}$"
EXPECTED_BY_PATTERN = {
    ADDRESS: 'expected an address such as "tcp://host:8786"',
    _URL: 'expected an address such as "https://host"',
    _LINE: "expected one line of text",
    _WALLTIME: 'expected a time as the batch system writes it, such as "02:30:00"',
}

_SIZE = r"^([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kKMGTP]?)(i?)B?$"
_RANGE = r"^[0-9]{1,9}:[0-9]{1,9}$"


class Section(BaseModel):
    """Keys with values: strict types, no unknown keys, immutable.

    Attributes
    ----------
    LATER : frozenset of str
        Keys that earlier versions did not have. They are not dumped where they have their defaults,
        so that digests of configurations, and names of runs with them, stay the same.

    Examples
    --------
    >>> class Nightly(Section):
    ...     keep: int = 7
    >>> Nightly(keep=3).keep
    3
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="wrap")
    @classmethod
    def _read_environment_text(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Values of variables are text; read them as YAML where text is not accepted."""
        try:
            return handler(values)
        except ValidationError as error:
            wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
            if not isinstance(values, dict):
                raise
            read = {
                key: _read_yaml(value) if key in wrong else value for key, value in values.items()
            }
            if read == values:
                raise
            return handler(read)

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unset = {name for name in self.LATER if found[name] == fields[name].default}
        return {name: value for name, value in found.items() if name not in unset}


def _read_yaml(value: object) -> object:
    """Text from variables as the YAML core schema reads it; other values unchanged."""
    if isinstance(value, list):
        return [_read_yaml(item) for item in value]
    if not isinstance(value, EnvString):
        return value
    try:
        read = scalar(value)
    except ValueError:  # an integer too long to be meant
        return value
    return value if read is None else read


def _parse_bytes(value: object) -> object:
    """The number of bytes of a text such as ``64MiB`` or ``1.5GB``; other values unchanged."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_SIZE, value)
    if match is None:
        raise PydanticCustomError("size", 'expected bytes, an integer or such as "64MiB"')
    number, prefix, binary = match.groups()
    power = " KMGTP".index(prefix.upper() or " ")
    return int(float(number) * (1024 if binary else 1000) ** power)


def _parse_counts(value: object) -> object:
    """The integers of an inclusive range such as ``1:20``; other values as a tuple."""
    if not isinstance(value, str):
        return _to_tuple(value)
    if re.fullmatch(_RANGE, value) is None:
        expected = 'expected an integer, a list of integers, or a range such as "1:20"'
        raise PydanticCustomError("counts", expected)
    first, last = map(int, value.split(":"))
    if not 1 <= first <= last < first + MAX_CANDIDATES:
        expected = f"expected FIRST:LAST with 1 <= FIRST <= LAST, at most {MAX_CANDIDATES:,} values"
        raise PydanticCustomError("counts", expected)
    return tuple(range(first, last + 1))


def _to_tuple(value: object) -> object:
    """A list as a tuple, and a single value as the tuple of it."""
    if value == []:
        raise PydanticCustomError("empty", "expected at least one")
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class _OneOrMany:
    """Accepts a list, or its only item without brackets."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_to_tuple, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        many = {**handler(schema), "minItems": 1}
        return {"anyOf": [many["items"], many]}


class _Choice:
    """A name in registries; the names are looked up when they are needed."""

    def __init__(self, *registries: Iterable[str]) -> None:
        self._registries = registries

    @property
    def names(self) -> list[str]:
        return [name for registry in self._registries for name in registry]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": self.names, "type": "string"}

    def _check(self, value: object) -> str:
        if not (isinstance(value, str) and value in self.names):
            *others, last = map(repr, self.names)
            expected = f"expected {', '.join(others)} or {last}"
            raise PydanticCustomError("choice", "{expected}", {"expected": expected})
        return str(value)


def _remove_duplicates(values: Iterable[object]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(values))


def _check_no_nul(path: str) -> str:
    if "\0" in path:
        raise PydanticCustomError("path", "expected a path without NUL characters")
    return path


def _is_scalar(value: object) -> object:
    if not isinstance(value, str | int | float | bool):
        raise PydanticCustomError("scalar", "expected text, a number, true or false")
    return value


def _is_axes(value: object) -> object:
    is_count = type(value) is int and 1 <= value <= 10**9
    is_share = isinstance(value, float) and 0 < value <= 1
    if not (is_count or is_share):
        expected = "expected a number of components, or a share of the variance such as 0.99"
        raise PydanticCustomError("axes", expected)
    return value


def _is_noise(value: object) -> object:
    is_density = isinstance(value, int | float) and math.isfinite(value)
    if isinstance(value, bool) or not (is_density or value in NOISE_DENSITIES):
        expected = f"expected {', '.join(NOISE_DENSITIES)} or a log density, a finite number"
        raise PydanticCustomError("noise", "{expected}", {"expected": expected})
    return value


Item = TypeVar("Item")
OneOrMany = Annotated[tuple[Item, ...], _OneOrMany()]
Many = Annotated[OneOrMany[Item], AfterValidator(_remove_duplicates)]
CovarianceType = Annotated[str, _Choice(STRUCTURES, ALIASES), AfterValidator(canonical_type)]
Criterion = Annotated[str, _Choice(CRITERIA)]
InputFormat = Annotated[str, _Choice(("auto",), FORMATS)]
Path = Annotated[str, Field(min_length=1), AfterValidator(_check_no_nul)]
Address = Annotated[str, Field(pattern=ADDRESS)]
Url = Annotated[str, Field(pattern=_URL)]
Line = Annotated[str, Field(pattern=_LINE)]
Lines = OneOrMany[Line]
Scalar = Annotated[
    Any,
    AfterValidator(_is_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Walltime = Annotated[str, Field(pattern=_WALLTIME)]
Size = Annotated[
    int,
    Field(gt=0, le=2**63 - 1),
    BeforeValidator(
        _parse_bytes,
        json_schema_input_type=Annotated[int, Field(gt=0)] | Annotated[str, Field(pattern=_SIZE)],
    ),
]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Axes = Annotated[
    Any,
    AfterValidator(_is_axes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ]
        }
    ),
]
NoiseDensity = Annotated[
    Any,
    AfterValidator(_is_noise),
    WithJsonSchema({"anyOf": [{"enum": list(NOISE_DENSITIES)}, {"type": "number"}]}),
]
Counts = Annotated[
    tuple[Count, ...],
    AfterValidator(_remove_duplicates),
    BeforeValidator(
        _parse_counts,
        json_schema_input_type=Count
        | Annotated[list[Count], Field(min_length=1)]
        | Annotated[str, Field(pattern=_RANGE)],
    ),
]


def validation_error(text: str) -> PydanticCustomError:
    """An error for validators that states what was found and what was expected.

    Examples
    --------
    >>> from pydantic import field_validator
    >>> class Nightly(Section):
    ...     keep: int = 7
    ...
    ...     @field_validator("keep")
    ...     @classmethod
    ...     def _check_keep(cls, keep: int) -> int:
    ...         if keep < 1:
    ...             raise validation_error(f"found {keep}, expected at least 1 run to keep")
    ...         return keep
    >>> try:
    ...     Nightly(keep=0)
    ... except ValueError as error:
    ...     print(error.errors()[0]["msg"])
    found 0, expected at least 1 run to keep
    """
    return PydanticCustomError(CONFLICT, "{text}", {"text": text})
