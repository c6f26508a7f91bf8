"""The values of a configuration file and of ``--set`` options, before validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgmm.run.config.diagnostics import ConfigIssue
from dgmm.run.config.environment import EnvExpander
from dgmm.run.config.yaml import MAX_DEPTH, KeyPath, Problem, quote_name, read, read_mapping


@dataclass(frozen=True, slots=True)
class RawConfig:
    """Values, with their texts and places, and the errors of reading them.

    Attributes
    ----------
    values : dict
        With variables expanded.
    written : dict
        The same values before that, which may be shown and stored.
    expanded : frozenset of path
        The texts in ``written`` that stand for others.
    variables : frozenset of str
        Names of the environment variables whose values were used.
    places : mapping of path to str
        ``"line 3"`` or ``"--set"``.
    mistakes : tuple of ConfigIssue
    is_readable : bool
        Whether ``values`` are what was written, so that judging them makes sense.
    """

    values: dict[str, object]
    written: dict[str, object]
    expanded: frozenset[KeyPath]
    variables: frozenset[str]
    places: Mapping[KeyPath, str]
    mistakes: tuple[ConfigIssue, ...]
    is_readable: bool

    def place(self, path: KeyPath) -> str:
        """The place of ``path`` in the text, or of the nearest key around it."""
        return _place(self.places, path)

    def written_value(self, path: KeyPath) -> object:
        """The text at ``path``, or at the nearest existing key around it."""
        value: Any = self.written
        for key in path:
            inside = dict(enumerate(value)) if isinstance(value, list) else value
            if not isinstance(inside, dict) or key not in inside:
                break
            value = inside[key]
        return value


def merge_overrides(
    text: str, overrides: Sequence[str], environment: Mapping[str, str]
) -> RawConfig:
    """Read a configuration, apply ``KEY=VALUE`` overrides, and expand variables.

    A key is dotted (``model.n_components``); a value is YAML; it replaces the whole value of its
    key, a mapping too. Of several overrides the last is on top.
    """
    document = read_mapping(text)
    values = document.value if isinstance(document.value, dict) else {}
    places = {path: f"line {line}" for path, line in document.lines.items()}
    mistakes = [ConfigIssue(p.text, place=_line(p)) for p in document.problems]
    is_readable = bool(values) or not mistakes
    for override in overrides:
        dotted, separator, written = override.partition("=")
        if not separator:
            mistakes.append(
                ConfigIssue(f"found {quote_name(override)}, expected KEY=VALUE", place="--set")
            )
            continue
        path = tuple(dotted.split("."))
        if len(path) > MAX_DEPTH:
            text = f"found a key of {len(path)} levels, expected at most {MAX_DEPTH}"
            mistakes.append(ConfigIssue(text, place="--set"))
            continue
        new = read(written)
        mistakes.extend(ConfigIssue(problem.text, path, "--set") for problem in new.problems)
        _replace(values, path, new.value)
        places = {key: place for key, place in places.items() if key[: len(path)] != path}
        for length in range(1, len(path)):
            places.setdefault(path[:length], "--set")
        places[path] = "--set"
    expander = EnvExpander(environment)
    expanded = {key: expander.expand(value, (key,)) for key, value in values.items()}
    mistakes += [ConfigIssue(why, path, _place(places, path)) for path, why in expander.problems]
    return RawConfig(
        values=expanded,
        written=values,
        expanded=frozenset(expander.paths),
        variables=frozenset(expander.names),
        places=places,
        mistakes=tuple(mistakes),
        is_readable=is_readable,
    )


def _place(places: Mapping[KeyPath, str], path: KeyPath) -> str:
    while path and path not in places:
        path = path[:-1]
    return places.get(path, "")


def _replace(values: dict[str, object], path: Sequence[str], value: object) -> None:
    *sections, key = path
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            inner = values[section] = {}
        values = inner
    values[key] = value


def _line(problem: Problem) -> str:
    return "" if problem.line is None else f"line {problem.line}"
