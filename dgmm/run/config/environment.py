"""Environment variables in a configuration, and how their values are kept out of sight.

``${NAME}`` stands for the value of a variable, ``${NAME:-default}`` for the default where the
variable is unset or empty, ``$$`` for a dollar. Text is expanded after YAML is read, so a value is
never syntax. Results and messages show the text as written, never the values of variables.
"""

import re
from collections.abc import Mapping

from dgmm.run.config.yaml import KeyPath

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?=\{))"
)


class EnvString(str):
    """Text that contains values of variables; it may stand for a number."""

    __slots__ = ()


class EnvExpander:
    """Replaces names of variables by their values.

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
        self.paths: set[KeyPath] = set()
        self.problems: list[tuple[KeyPath, str]] = []

    def expand(self, value: object, path: KeyPath = ()) -> object:
        """The value with every text in it expanded."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict):
            return {key: self.expand(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner, (*path, i)) for i, inner in enumerate(value)]
        return value

    def _text(self, text: str, path: KeyPath) -> str:
        matches = list(_REFERENCE.finditer(text))
        if not matches:
            return text
        self.paths.add(path)
        try:
            value = _REFERENCE.sub(self._value, text)
        except ValueError as error:
            self.problems.append((path, str(error)))
            return text
        return EnvString(value) if any(match["name"] for match in matches) else value

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


def escape(text: str) -> str:
    """Text that expands to this text.

    Examples
    --------
    >>> escape("a$$b${c}$")
    'a$$$b$${c}$'
    """
    return re.sub(r"\$(?=[${])", "$$", text)
