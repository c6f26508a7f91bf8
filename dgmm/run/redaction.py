"""Redact secrets in everything that is logged and stored."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s@/:]+|[^\s@/:]*:\S*)@")
_SHORTEST_SECRET = 6  # characters; shorter values are common words and numbers


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces values of variables and credentials of URLs in text.

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
    def from_environment(cls, names: Iterable[str], environment: Mapping[str, str]) -> Self:
        """The redactor of variables with their current values."""
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
        """The redacted text."""
        for value, name in self.spellings:
            text = text.replace(value, name)
        return redact_credentials(text)


NO_SECRETS = Redactor()  # redacts only credentials in URLs


def redact_credentials(text: str) -> str:
    """Text without user names and passwords in URLs.

    Examples
    --------
    >>> redact_credentials("s3://key:secret@bucket/x@2026")
    's3://***@2026'
    >>> redact_credentials("s3://key@bucket/x"), redact_credentials("s3://bucket/x@2026")
    ('s3://***@bucket/x', 's3://bucket/x@2026')
    """
    return _CREDENTIALS.sub("***@", text)


def _spellings(value: str) -> set[str]:
    """The spellings of a value in messages: plain, quoted by Python or JSON, on one line."""
    quoted = _quote(value)
    return {
        value,
        *quoted,
        *(twice for once in quoted for twice in _quote(once)),  # as in logs of workers
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        " ".join(value.split()),
    }


def _quote(text: str) -> set[str]:
    """The value between Python's quotes: alone, and in text with quotes of both kinds."""
    return {repr(text)[1:-1], repr(text + "'\"")[1:-4]}
