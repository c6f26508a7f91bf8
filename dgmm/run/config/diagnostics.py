"""Error messages for a configuration: found, expected, and the nearest key."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dgmm.run.config.field_types import CONFLICT, EXPECTED_BY_PATTERN
from dgmm.run.config.yaml import KeyPath

_MAX_LISTED = 50

_MAX_SHOWN = 60
_TAGGED = "cluster"  # pydantic puts the kind of a discriminated union into an error's location
_EXPECTED = {
    "model_type": "expected keys with values",
    "model_attributes_type": "expected keys with values",
    "union_tag_not_found": "expected keys with values",
    "string_type": "expected text",
    "string_too_short": "expected text that is not empty",
    "string_unicode": "expected text in Unicode",
    "int_type": "expected an integer",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
}


@dataclass(frozen=True, slots=True)
class ConfigIssue:
    """One mistake in a configuration.

    Attributes
    ----------
    text : str
        What was found and what was expected.
    path : tuple of str and int
        The key it is about; empty for the whole configuration.
    place : str
        ``"line 3"``, ``"--set"``, or empty where nothing is written.
    """

    text: str
    path: KeyPath = ()
    place: str = ""


def describe_issues(name: str, mistakes: Sequence[ConfigIssue]) -> str:
    """The message of an error for all mistakes: one line, or a heading and a line each."""
    lines = [_sentence(mistake) for mistake in mistakes]
    if len(lines) == 1:
        return f"{name}: {lines[0]}"
    listed = lines[:_MAX_LISTED]
    if len(lines) > _MAX_LISTED:
        listed.append(f"... and {len(lines) - _MAX_LISTED} more")
    return "\n  ".join([f"{name}: {len(lines)} mistakes", *listed])


def from_validation_error(
    error: ValidationError, model: type[BaseModel], written: Callable[[KeyPath], object]
) -> Iterator[ConfigIssue]:
    """The mistakes that ``model`` found, with paths and values as in the configuration.

    Parameters
    ----------
    error : ValidationError
    model : type
    written : callable
        ``written(path)``: the value before variables were expanded, which may be shown.
    """
    keys = tuple(_keys(model, ()))
    for detail in error.errors(include_url=False):
        found = tuple(detail["loc"])
        path = _strip_tags(found)
        kind = detail["type"]
        if kind == "extra_forbidden":
            yield ConfigIssue(f"unknown key; {_remedy(found, keys)}", path)
        elif kind == "missing":
            yield ConfigIssue("missing, expected a value", path)
        elif kind == "union_tag_invalid":
            path, expected = (*path, "kind"), detail["ctx"]["expected_tags"]
            yield ConfigIssue(f"found {_to_json(written(path))}, expected one of {expected}", path)
        elif kind == CONFLICT:
            yield ConfigIssue(detail["msg"], path)
        else:
            yield ConfigIssue(
                f"found {_to_json(written(path))}, {_describe_expected(detail)}", path
            )


def _describe_expected(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return EXPECTED_BY_PATTERN[detail["ctx"]["pattern"]]
    return _EXPECTED.get(detail["type"]) or detail["msg"].replace("Input should be", "expected")


def _strip_tags(path: KeyPath) -> KeyPath:
    """A path of pydantic without the kind of a cluster."""
    for place in (1, 2):
        if path[place - 1 : place] == (_TAGGED,):
            return (*path[:place], *path[place + 1 :])
    return path


def _keys(model: type[BaseModel], prefix: KeyPath) -> Iterator[KeyPath]:
    """Every path in a model, as pydantic writes it."""
    for name, field in model.model_fields.items():
        yield (*prefix, name)
        for part in get_args(field.annotation) or (field.annotation,):
            if isinstance(part, type) and issubclass(part, BaseModel):
                kinds = get_args(part.model_fields["kind"].annotation) if name == _TAGGED else ()
                yield from _keys(part, (*prefix, name, *kinds))


def _remedy(path: KeyPath, keys: Sequence[KeyPath]) -> str:
    """What to write instead of an unknown key."""
    *section, name = path
    if path == ("run",):
        return "in the file of a pipeline use `dgmm nightly`, or `dgmm validate --for nightly`"
    siblings = [str(key[-1]) for key in keys if [*key[:-1]] == section]
    alike = (key for key in keys if len(key) == len(path))
    if any(_strip_tags(path) == _strip_tags(key) for key in alike):
        return f"it belongs to another kind of cluster, {section[-1]} has {', '.join(siblings)}"
    close = get_close_matches(str(name), siblings, n=1)
    if close:
        return f"did you mean {_join_keys((*_strip_tags(tuple(section)), close[0]))}?"
    elsewhere = dict.fromkeys(_join_keys(_strip_tags(key)) for key in keys if key[-1] == name)
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere)}?"
    return f"expected one of {', '.join(siblings)}"


def _sentence(mistake: ConfigIssue) -> str:
    return ": ".join(filter(None, (mistake.place, _join_keys(mistake.path), mistake.text)))


def _join_keys(path: KeyPath) -> str:
    return ".".join(
        str(key) if re.fullmatch(r"[\w-]{1,40}", str(key)) else _to_json(key) for key in path
    )


def _to_json(value: Any) -> str:
    """A value as JSON, on one line and short."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
