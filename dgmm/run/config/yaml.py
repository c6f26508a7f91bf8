"""A safe parser of YAML 1.2 that reports every problem with its line.

Only what a configuration needs is accepted: one document of mappings, lists and the scalars of the
core schema (YAML 1.2.2, section 10.3.2). Anchors, aliases, merge keys and tags are refused, so the
text says what it means and reading it takes time in proportion to its length.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

MAX_BYTES = 64 * 1024  # the worst text of this length takes the parser a second
MAX_DEPTH = 20

KeyPath = tuple[str | int, ...]
Event = Any  # one of ruamel.yaml.events; its types do not say which has which attribute
_Mark = Any  # where an event is in the text

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_WORD = re.compile(r"[\w.,:/!<&*-]{1,60}")
_MAX_SHOWN = 60
_MAX_DIGITS = 400  # more than any float holds; int() itself refuses some thousands of digits


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text, and the line (counted from 1) if known."""

    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a text.

    Attributes
    ----------
    value : object
        Plain dict, list, str, int, float, bool or None; what could be read, if there are problems.
    lines : mapping of path to int
        The line, counted from 1, of each key and list item; a path is the keys and indices to it.
    problems : tuple of Problem
        In the order of the text.
    """

    value: object
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]


def read_mapping(text: str) -> Document:
    """Read a text whose top level is a mapping; ``value`` is always a dict."""
    document = read(text)
    if isinstance(document.value, dict):
        return document
    problem = Problem(f"found {_kind(document.value)} at the top level, expected keys with values")
    # If parsing stopped early, report that and not the missing rest.
    problems = document.problems or (problem,)
    return Document({}, {}, problems)


def read(text: str) -> Document:
    """Read a text that may hold any one value; an empty text is null."""
    n_bytes = len(text.encode(errors="surrogatepass"))
    if n_bytes > MAX_BYTES:
        problem = Problem(f"found {n_bytes:,} bytes, expected at most {MAX_BYTES:,}")
        return Document(None, {}, (problem,))
    runner = _Reader(YAML(typ="safe", pure=True).parse(text))
    value = None
    try:
        value = runner.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        runner.report(f"not YAML: {error.problem or error.context}", mark)
    except (YAMLError, OverflowError, ValueError) as error:  # the parser's own, from "\\UFFFFFFFF"
        runner.report(f"not YAML: {str(error).splitlines()[0]}")
    except _TooDeepError as error:
        runner.report(str(error), error.mark)
    return Document(value, runner.lines, tuple(runner.problems))


def scalar(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar in the core schema.

    Raises
    ------
    ValueError
        If it is an integer too long to be meant.

    Examples
    --------
    >>> scalar("1e-3"), scalar("no"), scalar("0o17"), scalar("2026-01-31")
    (0.001, 'no', 15, '2026-01-31')
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _DECIMAL.fullmatch(text) or _PREFIXED.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise ValueError(f"found an integer of {len(text)} digits")
        return int(text) if _DECIMAL.fullmatch(text) else int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text) or text in _NAN:
        return float(text.replace(".", ""))
    return text


class _TooDeepError(Exception):
    """The text is nested too deeply; reading stops there."""

    def __init__(self, mark: _Mark) -> None:
        super().__init__(f"found more than {MAX_DEPTH} levels of nesting")
        self.mark = mark


class _Reader:
    """Builds values from the events of a parser, noting lines and problems on the way."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def report(self, text: str, mark: _Mark = None) -> None:
        self.problems.append(Problem(text, None if mark is None else _line(mark)))

    def document(self) -> object:
        next(self._events)  # the start of the stream
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            return None
        if start.version not in (None, (1, 2)) or start.tags:
            self.report("found a directive, expected YAML 1.2 without any", start.start_mark)
        value = self._node(next(self._events), ())
        next(self._events)  # the end of the document
        following = next(self._events)
        if not isinstance(following, StreamEndEvent):
            self.report("found a second document, expected one", following.start_mark)
        return value

    def _node(self, event: Event, path: KeyPath) -> object:
        self._refuse_references(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return None
        if len(path) >= MAX_DEPTH:
            raise _TooDeepError(event.start_mark)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        return self._sequence(path)  # the last kind of node there is

    def _refuse_references(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self.report(
                f"found the alias {quote_name(f'*{event.anchor}')}, expected a value",
                event.start_mark,
            )
        elif event.anchor is not None:
            self.report(
                f"found the anchor {quote_name(f'&{event.anchor}')}, expected none",
                event.start_mark,
            )
        elif event.tag is not None:
            self.report(f"found the tag {quote_name(event.tag)}, expected none", event.start_mark)

    def _scalar(self, event: Event) -> object:
        is_plain = event.implicit[0]
        if not is_plain:
            return _join_surrogates(event.value)
        try:
            return scalar(event.value)
        except ValueError as error:
            self.report(str(error), event.start_mark)
            return None

    def _sequence(self, path: KeyPath) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            here = (*path, len(items))
            self.lines.setdefault(here, _line(event.start_mark))
            items.append(self._node(event, here))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, object]:
        mapping: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            is_new = key not in mapping
            if is_new:
                self.lines.setdefault(here, _line(event.start_mark))
            else:
                first = self.lines[here]
                again = f"found the key {quote_name(key)} again, after line {first}"
                self.report(again, event.start_mark)
            value = self._node(next(self._events), here)
            if is_new:
                mapping[key] = value
        return mapping

    def _key(self, event: Event, path: KeyPath) -> str:
        if not isinstance(event, ScalarEvent):
            self._node(event, (*path, "?"))
            self.report("found a key that is no word", event.start_mark)
            return "?"
        self._refuse_references(event)
        if event.value == "<<":
            self.report("found the merge key <<, expected the keys themselves", event.start_mark)
        return _join_surrogates(str(event.value))


def _join_surrogates(text: str) -> str:
    """Text with surrogate pairs, as JSON writes them, joined to characters."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:  # half a pair
        return text


def quote_name(text: str) -> str:
    """A name from a configuration for a message: on one line, shortened."""
    if _WORD.fullmatch(text):
        return text
    return json.dumps(text) if len(text) <= _MAX_SHOWN else f"{json.dumps(text[:_MAX_SHOWN])}..."


def _line(mark: _Mark) -> int:
    return int(mark.line) + 1


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else "a single value"
