"""What a configuration file and ``--set`` options say together, before anybody judges it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dgmm.run.yaml import Path, Problem, read, read_mapping


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right.

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
    path: Path = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Values as written, where each stands, and what could not be read.

    Attributes
    ----------
    values : dict
    places : mapping of path to str
        ``"line 3"`` or ``"--set"``.
    mistakes : tuple of Mistake
    is_readable : bool
        Whether ``values`` are what was written, so that judging them makes sense.
    """

    values: dict[str, object]
    places: Mapping[Path, str]
    mistakes: tuple[Mistake, ...]
    is_readable: bool

    def place(self, path: Path) -> str:
        """Where ``path`` is written, or the nearest key around it that is."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "")


def gather(text: str, overrides: Sequence[str]) -> Settings:
    """Read a configuration and lay ``KEY=VALUE`` overrides over it, the last one on top.

    A key is dotted (``model.n_components``); a value is YAML; it replaces the whole value of its
    key, a mapping too.
    """
    document = read_mapping(text)
    values = document.value if isinstance(document.value, dict) else {}
    places = {path: f"line {line}" for path, line in document.lines.items()}
    mistakes = [Mistake(p.text, place=_line(p)) for p in document.problems]
    is_readable = bool(values) or not mistakes
    for override in overrides:
        dotted, separator, written = override.partition("=")
        if not separator:
            mistakes.append(Mistake(f"found {override}, expected KEY=VALUE", place="--set"))
            continue
        path = tuple(dotted.split("."))
        new = read(written)
        mistakes.extend(Mistake(problem.text, path, "--set") for problem in new.problems)
        _replace(values, path, new.value)
        places = {key: place for key, place in places.items() if key[: len(path)] != path}
        for length in range(1, len(path)):
            places.setdefault(path[:length], "--set")
        places[path] = "--set"
    return Settings(values, places, tuple(mistakes), is_readable)


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
