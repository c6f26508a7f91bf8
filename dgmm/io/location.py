"""Where a dataset is: a path, or a file that an installed package brings along."""

import importlib.util
import os
from pathlib import Path

from dgmm.errors import InputNotFoundError

_PACKAGE = "package://"

Place = Path
"""Something that can be opened on this machine."""


def absolute_location(location: str | os.PathLike[str]) -> str:
    """The location in a form that means the same in every process.

    Parameters
    ----------
    location : str or path
        A path, or ``package://PACKAGE[.SUBPACKAGE...]/FILE``.

    Raises
    ------
    InputNotFoundError
        If it is a URL; datasets are read from file systems.
    """
    text = os.fspath(location)
    if text.startswith(_PACKAGE):
        return text
    if "://" in text:
        raise InputNotFoundError(
            f"{text} is a URL. Give a path on a file system that every worker sees, "
            "or package://PACKAGE/FILE."
        )
    return os.path.abspath(os.path.expanduser(text))


def place_of(location: str) -> Place:
    """Where the file of an absolute location lies on this machine.

    ``package://`` is resolved on each machine for itself, and without importing the package: only
    its top-level name is looked up, the rest is a path below it, which must not lead out.

    Raises
    ------
    InputNotFoundError
        If nothing is there, or if the package is not installed.
    """
    path = _package_file(location) if location.startswith(_PACKAGE) else Path(location)
    if not path.exists() and not is_pattern(path):
        raise InputNotFoundError(f"There is nothing at {location}. Check the path of the input.")
    return path


def is_pattern(place: Place) -> bool:
    """Whether this is no file but stands for all that match it: ``*``, ``?``, ``[...]``, ``**``."""
    return any(sign in str(place) for sign in "*?[") and not place.exists()


def _package_file(location: str) -> Path:
    dotted, _, name = location.removeprefix(_PACKAGE).partition("/")
    package, *subpackages = dotted.split(".")
    if not name or not all(part.isidentifier() for part in (package, *subpackages)):
        raise InputNotFoundError(
            f"{location} is not of the form package://PACKAGE[.SUBPACKAGE...]/FILE."
        )
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputNotFoundError(f"{location}: there is no installed package {package!r}.")
    root = Path(spec.submodule_search_locations[0]).resolve()
    path = root.joinpath(*subpackages, name).resolve()
    if not path.is_relative_to(root):
        raise InputNotFoundError(f"{location} leads out of the package {package!r}.")
    return path
