"""FCS files of flow cytometry: a row for each event, a feature for each channel.

Values are linear: channel numbers of logarithmic amplifiers are taken back, linear gains divided by
(FCS 3.1, $PnE and $PnG; https://doi.org/10.1002/cyto.a.20825), and times multiplied by $TIMESTEP.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo, find_files, find_root
from dgmm.io.sources.format import (
    DatasetMetadata,
    Format,
    check_no_selection,
    column_indices,
)
from dgmm.io.sources.selection import PinnedFile, Selection
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional
from dgmm.text import describe_error, join_names

_SUFFIXES = (".fcs", ".lmd")
_SPILLOVER = ("spillover", "spill")  # of FCS 3.1, and what came before it

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Header:
    """The text of a file.

    Attributes
    ----------
    channels : tuple of str
        $PnN, the short names.
    markers : tuple of str
        $PnS, or the short name where that is empty or not unique.
    n_events : int
    spillover : str
        The matrix as text; empty if there is none.
    """

    channels: tuple[str, ...]
    markers: tuple[str, ...]
    n_events: int
    spillover: str


def _matches(path: AnyPath) -> bool:
    if path.suffix.lower() in _SUFFIXES:
        return True
    return path.is_dir() and any(_is_fcs(file) for file in find_files(path))


def _is_fcs(file: FileInfo) -> bool:
    return file.key.lower().endswith(_SUFFIXES)


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_selection(path, replace(selection, columns=()))
    root, files = find_root(path), tuple(file for file in find_files(path) if _is_fcs(file))
    if not files:
        raise DataError(f"{path} holds no FCS files. Check the path of the input.")
    headers = [_header(root / file.key) for file in files]
    for file, header in zip(files, headers, strict=True):
        _check_channels(root / file.key, header, root / files[0].key, headers[0])
    if selection.compensate:
        for file, header in zip(files, headers, strict=True):
            _spillover(root / file.key, header)
    channels = _choose_channels(path, selection.columns, headers[0])
    counts = [header.n_events for header in headers]
    markers = dict(zip(headers[0].channels, headers[0].markers, strict=True))
    compensated = ", compensated" if selection.compensate else ""
    n_rows = sum(counts)
    return DatasetMetadata(
        shape=(n_rows, len(channels)),
        dtype=np.dtype(np.float64),
        storage_chunks=(max(counts),),
        files=files,
        description=f"FCS, {len(files)} file(s) of up to {max(counts)} events{compensated}",
        selection=replace(
            selection,
            columns=channels,
            files=tuple(PinnedFile(f.key, f.size, n) for f, n in zip(files, counts, strict=True)),
        ),
        feature_names=tuple(markers[name] for name in channels),
        bounds=(0, *accumulate(n for n in counts if n)),
        coordinates=(
            Coordinate("file", ("sample",), (n_rows,), "str"),
            Coordinate("event", ("sample",), (n_rows,), "int64"),
        ),
    )


def _header(path: AnyPath) -> _Header:
    found = _parse(path, only_text=True)
    channels, markers = tuple(found.pnn_labels), tuple(found.pns_labels)
    if len(set(channels)) < len(channels):
        raise DataError(f"{path} has two channels of one name; it has {join_names(channels)}.")
    named = tuple(
        marker.strip() if marker.strip() and markers.count(marker) == 1 else channel
        for channel, marker in zip(channels, markers, strict=True)
    )
    if len(set(named)) < len(named):
        named = channels
    spillover = next((found.text[name] for name in _SPILLOVER if name in found.text), "")
    return _Header(channels, named, found.event_count, spillover)


def _check_channels(path: AnyPath, header: _Header, first: AnyPath, known: _Header) -> None:
    if set(header.channels) != set(known.channels):
        differing = sorted({*header.channels} ^ {*known.channels})
        raise DataError(
            f"{path} has other channels than {first}: {join_names(differing)}. Give files of one "
            "panel, or choose others by a pattern."
        )


def _choose_channels(path: AnyPath, columns: Sequence[str], header: _Header) -> tuple[str, ...]:
    """Channels by their short names or markers; without a choice, all except the time."""
    if not columns:
        left = [name for name in header.channels if name.lower() == "time"]
        if left:
            _logger.info("%s: the channel %s is no feature", path, join_names(left))
        return tuple(name for name in header.channels if name not in left)
    by_marker = dict(zip(header.markers, header.channels, strict=True))
    known = {**by_marker, **{name: name for name in header.channels}}
    column_indices(path, columns, tuple(known))
    return tuple(dict.fromkeys(known[name] for name in columns))


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    root, parts = find_root(path), []
    for file, start, stop in _places(selection.files, region[0].start, region[0].stop):
        found = find_files(root / file.key)
        channels, events = _events(root / file.key, found, selection.compensate)
        places = [channels.index(name) for name in selection.columns]
        parts.append(events[start:stop, places])
    return np.concatenate(parts)


def _places(
    files: Sequence[PinnedFile], start: int, stop: int
) -> list[tuple[PinnedFile, int, int]]:
    """The files in which consecutive rows lie, and which of their events these are."""
    found, first = [], 0
    for file in files:
        a, b = max(start - first, 0), min(stop - first, file.n_rows)
        if a < b:
            found.append((file, a, b))
        first += file.n_rows
    return found


@lru_cache(maxsize=2)
def _events(
    path: AnyPath, files: tuple[FileInfo, ...], compensate: bool
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Channels and linear values of all events of a file."""
    del files  # a file that has been replaced is read anew
    found = _parse(path, only_text=False)
    events = np.asarray(found.as_array(preprocess=True), np.float64)
    channels = tuple(found.pnn_labels)
    if compensate:
        names, matrix = _spillover(path, _header(path))
        places = [channels.index(name) for name in names]
        events[:, places] = np.linalg.solve(matrix.T, events[:, places].T).T
    return channels, events


def _spillover(path: AnyPath, header: _Header) -> tuple[list[str], NDArray[np.float64]]:
    """The channels of the spillover matrix, and the matrix: row i is what dye i adds to each."""
    parts = [part.strip() for part in header.spillover.split(",")]
    try:
        size = int(parts[0])
        names = parts[1 : 1 + size]
        matrix = np.array(parts[1 + size :], np.float64).reshape(size, size)
    except ValueError as error:
        raise DataError(
            f"{path} has no spillover matrix to compensate by, or a damaged one. Write the matrix "
            "into $SPILLOVER, or read the file without compensation."
        ) from error
    unknown = [name for name in names if name not in header.channels]
    if unknown or not np.linalg.matrix_rank(matrix) == size:
        raise DataError(
            f"The spillover matrix of {path} cannot be inverted, or names channels that are not "
            f"there: {join_names(unknown) or 'none'}."
        )
    return names, matrix


def _parse(path: AnyPath, *, only_text: bool) -> Any:
    library = _library(path)
    try:
        with open_binary(path) as file, warnings.catch_warnings(action="ignore"):
            # of files whose last byte is said to be one behind the last, as many programs write it
            return library.FlowData(file, only_text=only_text, ignore_offset_error=True)
    except library.exceptions.MultipleDataSetsError as error:
        raise DataError(
            f"{path} holds several data sets, expected one. Write each to a file of its own: "
            "flowio.read_multiple_data_sets(path)."
        ) from error
    except (library.exceptions.FCSParsingError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as FCS: {describe_error(error)}. It is damaged, or of "
            "another format. If flowio.FlowData reads it with other options, write_fcs of that "
            "writes a file that is read here."
        ) from error


def _read_coordinate(
    path: AnyPath,  # noqa: ARG001 - the signature of all formats
    selection: Selection,
    coordinate: Coordinate,
    region: Region,
) -> NDArray[Any]:
    places = _places(selection.files, region[0].start, region[0].stop)
    if coordinate.name == "event":
        return np.concatenate([np.arange(start, stop) for _, start, stop in places])
    names = [np.full(stop - start, file.key) for file, start, stop in places]
    return np.concatenate(names).astype(np.dtypes.StringDType())


def _library(path: AnyPath) -> ModuleType:
    need = f"{path} is FCS, and reading it needs flowio"
    import_optional("flowio.exceptions", need, "dgmm[fcs]")
    return import_optional("flowio", need, "dgmm[fcs]")


FORMAT = Format(
    "fcs",
    _matches,
    _describe,
    _read,
    read_coordinate=_read_coordinate,
    may_be_pattern=True,
    accepts=frozenset({"compensate"}),
)
