"""Locations of datasets and outputs: file systems, installed packages, object stores."""

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union, cast

from dgmm.errors import ConfigurationError, InputNotFoundError, MissingExtraError

if TYPE_CHECKING:  # object stores are optional
    from dgmm.io.storage.object_store import StorePath

_PACKAGE = "package://"
_FILE = "file://"
_READ_AHEAD = 1 << 16  # bytes

AnyPath = Union[Path, "StorePath"]
"""Something that can be opened on this machine: a file, a directory, or their like in a store."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """How to reach a kind of object store.

    Attributes
    ----------
    module : str
        What fsspec needs for it.
    extra : str
        The extra of dgmm that installs it.
    options : mapping
        What is passed to it unless something else is asked for: no listings of an earlier moment,
        and an end of waiting for an endpoint that does not answer.
    """

    module: str
    extra: str
    options: Mapping[str, Any] = field(default_factory=dict)


_S3 = _Provider(
    "s3fs",
    "s3",
    {
        "use_listings_cache": False,
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 10,
            "retries": {"mode": "standard", "total_max_attempts": 3},
        },
    },
)
_GCS = _Provider("gcsfs", "gcs", {"use_listings_cache": False})
_AZURE = _Provider(
    "adlfs", "azure", {"use_listings_cache": False, "connection_timeout": 5, "read_timeout": 30}
)
_PROVIDERS = {
    "s3": _S3,
    "gs": _GCS,
    "gcs": _GCS,
    "az": _AZURE,
    "abfs": _AZURE,
    "memory": _Provider("fsspec", "s3"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """A path or URL in a form that means the same in every process.

    Attributes
    ----------
    text : str
        An absolute path, ``package://...`` or the URL of an object store.
    options : mapping
        How its store is reached, as fsspec takes it; never a secret.
    """

    text: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return self.text


def absolute_location(
    location: "str | os.PathLike[str] | AnyPath", options: Mapping[str, Any] | None = None
) -> Location:
    """The location in a form that means the same in every process.

    Parameters
    ----------
    location : str or path
        A path, ``package://PACKAGE[.SUBPACKAGE...]/FILE``, or the URL of an object store:
        ``s3://``, ``gs://``, ``az://``, ``abfs://``, ``memory://``.
    options : mapping, optional
        How the store is reached, such as ``endpoint_url``; those of a path of universal_pathlib are
        its own.

    Raises
    ------
    ConfigurationError
        If it is a URL of another kind, or has credentials in it.
    """
    text = os.fspath(location) if isinstance(location, os.PathLike) else str(location)
    if text.startswith(_PACKAGE):
        return Location(text)
    text = text.removeprefix(_FILE)
    if "://" not in text:
        return Location(os.path.abspath(os.path.expanduser(text)))
    check_url(text)
    given = getattr(location, "storage_options", {}) if options is None else options
    return Location(text.rstrip("/"), {**given})


def check_url(text: str) -> None:
    """Refuse URLs that dgmm cannot open, or that hold credentials.

    Raises
    ------
    ConfigurationError
        If its scheme is unknown, or if it names a user.
    """
    protocol, _, rest = text.partition("://")
    if protocol not in _PROVIDERS:
        known = ", ".join(f"{name}://" for name in _PROVIDERS)
        raise ConfigurationError(
            f"dgmm reads and writes no {protocol}:// URLs; expected a path, "
            f"package://PACKAGE/FILE, or one of {known}."
        )
    if re.search("[@:]", rest.partition("/")[0]):
        raise ConfigurationError(
            f"A {protocol}:// URL names a user, and perhaps a password. Leave out all until the @: "
            "credentials come from the environment or the provider's own files."
        )


def resolve_path(location: Location) -> AnyPath:
    """The path of a location on this machine, whether or not it exists.

    ``package://`` is resolved on each machine for itself, and without importing the package: only
    its top-level name is looked up, the rest is a path below it, which must not lead out.

    Raises
    ------
    InputNotFoundError
        If it lies in a package that is not installed.
    MissingExtraError
        If it lies in an object store for which no package is installed.
    """
    if location.text.startswith(_PACKAGE):
        return _package_file(location.text)
    protocol, separator, _ = location.text.partition("://")
    if not separator:
        return Path(location.text)
    provider = _PROVIDERS[protocol]
    for module in ("upath", provider.module):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(
                f"{location} is in an object store, and reaching it needs {module}: "
                f'pip install "dgmm[{provider.extra}]"'
            )
    from dgmm.io.storage.object_store import StorePath  # here, because object stores are optional

    return StorePath(location.text, **_merge_options(provider.options, location.options))


def output_path(
    location: str | os.PathLike[str] | AnyPath, options: Mapping[str, Any] | None = None
) -> AnyPath:
    """The path of an output, which need not exist.

    Raises
    ------
    ConfigurationError
        If it is in a package, or a URL that dgmm cannot open.
    MissingExtraError
        If it is in an object store for which no package is installed.
    """
    found = absolute_location(location, options)
    if found.text.startswith(_PACKAGE):
        raise ConfigurationError(
            f"The output {found} is in a package, where no results are kept. Choose a directory."
        )
    return resolve_path(found)


def input_path(location: Location) -> AnyPath:
    """The path of an input.

    Raises
    ------
    InputNotFoundError
        If nothing is there, or if it lies in a package that is not installed.
    StorageError
        If its object store cannot be asked.
    """
    place = resolve_path(location)
    if not place.exists() and not is_pattern(place):
        raise InputNotFoundError(f"There is nothing at {location}. Check the path of the input.")
    return place


def open_binary(place: AnyPath) -> BinaryIO:
    """Open a file for reading; in a store little but the requested parts is read."""
    if isinstance(place, Path):
        return place.open("rb")
    return cast(BinaryIO, place.fs.open(place.path, "rb", block_size=_READ_AHEAD))


def _merge_options(defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options over defaults, recursively."""
    merged = {**defaults, **options}
    for name, default in defaults.items():
        if isinstance(default, Mapping) and isinstance(merged[name], Mapping):
            merged[name] = _merge_options(default, merged[name])
    return merged


def is_pattern(place: AnyPath) -> bool:
    """Whether this is a pattern of files: ``*``, ``?``, ``[...]``, ``**``."""
    return any(sign in str(place) for sign in "*?[") and not place.exists()


def is_csv(location: str) -> bool:
    """Whether this is the name of a CSV file, plain or compressed."""
    return not {".csv", ".tsv"}.isdisjoint(
        suffix.lower() for suffix in Path(location).suffixes[-2:]
    )


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
