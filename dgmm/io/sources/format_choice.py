"""Which format a dataset is of."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

from dgmm.errors import ConfigurationError, DataError, InputNotFoundError, Remedy
from dgmm.io.sources.format import Format
from dgmm.io.storage.location import AnyPath, Location, input_path, is_csv, is_pattern
from dgmm.registry import FORMATS
from dgmm.text import join_names

_ARCHIVES = {".7z", ".bz2", ".gz", ".npz", ".tar", ".tgz", ".xz", ".zip", ".zst"}
_MOST_MEMBERS = 10_000  # of a folder that are counted for a message


def choose_format(location: Location, name: str, *, named_dims: bool) -> Format:
    """The format of this name, or the first that matches a place.

    Parameters
    ----------
    location : Location
    name : str
        Of a format, or ``"auto"``.
    named_dims : bool
        Whether formats whose dimensions have names are preferred.

    Raises
    ------
    DgmmError
        If there is no such format, or none matches.
    """
    known = ", ".join(FORMATS)
    if name in FORMATS:
        chosen: Format = FORMATS[name]
        _refuse_pattern(location, input_path(location), chosen)
        return chosen
    if name != "auto":
        raise ConfigurationError(f"There is no input format {name!r}; known are auto, {known}.")
    path = input_path(location)
    ordered = sorted(FORMATS.values(), key=lambda entry: named_dims and not entry.has_named_dims)
    matching = next((entry for entry in ordered if entry.matches(path)), None)
    if matching is not None:
        _refuse_pattern(location, path, matching)
        return matching
    if path.is_dir():
        _refuse_folder(location, path)
    if is_csv(location.text):
        raise DataError(
            f"{location} is CSV, whose rows cannot be found without reading it all.",
            remedy=Remedy.CONVERT,
        )
    if path.suffix.lower() in _ARCHIVES:
        raise DataError(
            f"{location} is an archive or compressed; expected what is in it. Unpack it; of a .npz "
            "file, store one array with numpy.save."
        )
    raise DataError(
        f"The format of {location} cannot be told from its name; known are {known}.",
        remedy=Remedy.CHOOSE_FORMAT,
    )


def _refuse_folder(location: Location, path: AnyPath) -> NoReturn:
    """Raise DataError that says what is in a folder of no known format."""
    members = Counter(entry.suffix or entry.name for entry in _members(path))
    if not members:
        raise InputNotFoundError(f"The folder {location} is empty. Check the path of the input.")
    found = join_names([f"{name} ({count})" for name, count in members.most_common()], 5)
    raise DataError(
        f"{location} is a folder of no known format; it holds {found}. Give the path of what is "
        f"in it, or a pattern such as {location}/*.nc: patterns join files of Parquet or FCS, and "
        "NetCDF files or Zarr groups along a dimension of the samples."
    )


def _refuse_pattern(location: Location, path: AnyPath, chosen: Format) -> None:
    if is_pattern(path) and not chosen.may_be_pattern:
        raise ConfigurationError(
            f"{location} is a pattern, which is for Parquet; the format {chosen.name} is one "
            "dataset. NetCDF files and Zarr groups are joined along a dimension of the samples."
        )


def _members(path: AnyPath) -> Iterator[AnyPath]:
    members: Iterator[AnyPath] = path.iterdir()
    return islice(members, _MOST_MEMBERS)
