"""Environment variables in a configuration, and how their values are kept out of sight.

``${NAME}`` stands for the value of a variable, ``${NAME:-default}`` for the default where the
variable is unset or empty, ``$$`` for a dollar. Text is expanded after YAML is read, so a value is
never syntax. What was written is what is stored and shown; what it stood for is only used.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from dgmm.run.yaml import Path

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?=\{))"
)
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s@/:]+|[^\s@/:]*:\S*)@")
_SHORTEST_SECRET = 6  # characters; shorter values are common words and numbers


class Expanded(str):
    """Text that came out of the environment, wholly or in part: numbers may be meant by it."""

    __slots__ = ()


class Expander:
    """Puts the values of variables in the place of their names.

    Parameters
    ----------
    environment : mapping of str to str

    Attributes
    ----------
    names : set of str
        Variables whose values were used.
    paths : set of path
        Where text was written that stands for another.
    problems : list of (path, str)
        What could not be expanded, and why.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.names: set[str] = set()
        self.paths: set[Path] = set()
        self.problems: list[tuple[Path, str]] = []

    def expanded(self, value: object, path: Path = ()) -> object:
        """The value with every text in it expanded."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict):
            return {key: self.expanded(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.expanded(inner, (*path, i)) for i, inner in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> str:
        matches = list(_REFERENCE.finditer(text))
        if not matches:
            return text
        self.paths.add(path)
        try:
            value = _REFERENCE.sub(self._value, text)
        except ValueError as error:
            self.problems.append((path, str(error)))
            return text
        return Expanded(value) if any(match["name"] for match in matches) else value

    def _value(self, match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match["dollar"]:
            return "$"
        if name is None:
            raise ValueError("found ${, expected ${NAME} or ${NAME:-default}; $$ stands for a $")
        value = self._environment.get(name)
        if default is not None and not value:
            return default
        if value is None:
            raise ValueError(
                f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            )
        self.names.add(name)
        return value


def escaped(text: str) -> str:
    """Text that expands to this.

    Examples
    --------
    >>> escaped("a$$b${c}$")
    'a$$$b$${c}$'
    """
    return re.sub(r"\$(?=[${])", "$$", text)


def without_credentials(text: str) -> str:
    """Text whose URLs have lost user and password.

    Examples
    --------
    >>> without_credentials("s3://key:secret@bucket/x@2026")
    's3://***@2026'
    >>> without_credentials("s3://key@bucket/x"), without_credentials("s3://bucket/x@2026")
    ('s3://***@bucket/x', 's3://bucket/x@2026')
    """
    return _CREDENTIALS.sub("***@", text)


@dataclass(frozen=True, slots=True)
class Concealment:
    """Says a text without the values of variables and the credentials of URLs.

    Attributes
    ----------
    names : tuple of str
        Variables that a configuration used.
    spellings : tuple of (str, str)
        What to look for, longest first, and what to write in its place. Values of fewer than six
        characters are not concealed: they are ordinary words, and no secrets.
    """

    names: tuple[str, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, names: Iterable[str], environment: Mapping[str, str]) -> Self:
        """The concealment of variables as they are set now."""
        names = tuple(sorted(names))
        spellings = {
            spelling: f"${{{name}}}"
            for name in names
            for spelling in _spellings(environment.get(name, ""))
            if len(spelling) >= _SHORTEST_SECRET
        }
        longest_first = sorted(spellings.items(), key=lambda pair: (-len(pair[0]), pair[0]))
        return cls(names, tuple(longest_first))

    def __call__(self, text: str) -> str:
        """The text, fit to be seen."""
        for value, name in self.spellings:
            text = text.replace(value, name)
        return without_credentials(text)


NO_SECRETS = Concealment()  # but for credentials in URLs


def _spellings(value: str) -> set[str]:
    """A value as messages may show it: as it is, quoted by Python or JSON, on one line."""
    quoted = _quoted(value)
    return {
        value,
        *quoted,
        *(twice for once in quoted for twice in _quoted(once)),  # errors that Dask's workers log
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        " ".join(value.split()),
    }


def _quoted(text: str) -> set[str]:
    """What Python puts between quotes: by itself, and where there are quotes of both kinds."""
    return {repr(text)[1:-1], repr(text + "'\"")[1:-4]}
