"""Many NetCDF files, or Zarr groups, as one dataset along a dimension, such as time.

Nothing is joined in the driver: it opens the metadata of each file, and tasks read from the files
in which their rows lie.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, InputNotFoundError, Remedy
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import find_matches, find_root
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.labelled import xarray
from dgmm.io.sources.labelled.labelled_rows import read_coordinate
from dgmm.io.sources.labelled.time_units import convert_times
from dgmm.io.sources.labelled.xarray_files import is_netcdf, open_dataset
from dgmm.io.sources.selection import PinnedFile, Selection
from dgmm.io.storage.location import AnyPath, is_pattern

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file of the series.

    Attributes
    ----------
    key : str
        Its path relative to the root of the pattern.
    stored : DatasetMetadata
    """

    key: str
    stored: DatasetMetadata


def _matches(path: AnyPath) -> bool:
    return is_pattern(path) and (is_netcdf(path) or path.suffix == ".zarr")


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    dim = selection.concat_dim
    if dim is None or dim not in selection.sample_dims:
        found = "none is named" if dim is None else f"{dim!r} is none of the samples'"
        raise ConfigurationError(
            f"{path} is a pattern of labelled files, which are one dataset along a dimension, but "
            f"{found}.",
            remedy=Remedy.CHOOSE_CONCAT_DIM,
        )
    root, alone = find_root(path), replace(selection, concat_dim=None, files=())
    parts = []
    for key in find_matches(path):
        stored = xarray.FORMAT.describe(root / key, alone)
        alone = replace(alone, variables=stored.selection.variables)  # those of the first
        parts.append(_Part(key, stored))
    if not parts:
        raise InputNotFoundError(f"Nothing matches {path}. Check the path of the input.")
    axis, first = selection.sample_dims.index(dim), parts[0].stored
    for part in parts[1:]:
        _check_alike(root, parts[0], part, axis)
    extents = [part.stored.shape[axis] for part in parts]
    total = sum(extents)
    pinned = tuple(
        PinnedFile(part.key, sum(file.size for file in part.stored.files), extent)
        for part, extent in zip(parts, extents, strict=True)
    )
    return DatasetMetadata(
        shape=(*first.shape[:axis], total, *first.shape[axis + 1 :]),
        dtype=np.result_type(*(part.stored.dtype for part in parts)),
        storage_chunks=first.storage_chunks,
        files=tuple(_files(parts)),
        description=f"{len(parts)} files along {dim}, each {first.description}",
        selection=replace(first.selection, concat_dim=dim, files=pinned),
        feature_names=first.feature_names,
        feature_groups=first.feature_groups,
        dims=first.dims,
        coordinates=tuple(_coordinates(root, parts, dim, total)),
    )


def _files(parts: Sequence[_Part]) -> Iterator[Any]:
    for part in parts:
        for file in part.stored.files:
            same = file.key == part.key.rpartition("/")[2]
            yield replace(file, key=part.key if same else f"{part.key}/{file.key}")


def _check_alike(root: AnyPath, first: _Part, part: _Part, axis: int) -> None:
    """Raise DataError if a file does not continue the first one."""
    for what, a, b in (
        ("features", first.stored.feature_names, part.stored.feature_names),
        (
            "extents",
            (*first.stored.shape[:axis], *first.stored.shape[axis + 1 :]),
            (*part.stored.shape[:axis], *part.stored.shape[axis + 1 :]),
        ),
    ):
        if a != b:
            raise DataError(
                f"{root / part.key} has other {what} than {root / first.key}: {b}, expected {a}. "
                "Give files of one kind, or choose others by the pattern."
            )
    dim = first.stored.dims[axis]
    known = {each.name: each for each in part.stored.coordinates}
    for each in first.stored.coordinates:
        if each.dims == (each.name,) and each.name != dim and each.name in known:
            wanted = _whole(root / first.key, first.stored, each)
            if not np.array_equal(wanted, _whole(root / part.key, part.stored, each)):
                raise DataError(
                    f"{root / part.key} has other labels along {each.name} than "
                    f"{root / first.key}. Interpolate it to the same ones first."
                )


def _whole(path: AnyPath, stored: DatasetMetadata, coordinate: Coordinate) -> NDArray[Any]:
    region = tuple(slice(0, extent) for extent in coordinate.shape)
    return _read_one_coordinate(path, stored.selection, coordinate, region)


def _coordinates(
    root: AnyPath, parts: Sequence[_Part], dim: str, total: int
) -> Iterator[Coordinate]:
    """Coordinates of the first file; along the dimension, those that all files have.

    Times are in the units of the first file.
    """
    for each in parts[0].stored.coordinates:
        if dim not in each.dims:
            yield each
            continue
        others = [
            next((c for c in part.stored.coordinates if c.name == each.name), None)
            for part in parts
        ]
        joined = _join_coordinates([other for other in others if other is not None])
        if None in others or joined is None:
            _logger.warning(
                "The coordinate %s is left out of the result: its units, type or dimensions differ "
                "between the files in %s",
                each.name,
                root,
            )
            continue
        place = each.dims.index(dim)
        yield replace(joined, shape=(*each.shape[:place], total, *each.shape[place + 1 :]))


def _join_coordinates(found: Sequence[Coordinate]) -> Coordinate | None:
    """One coordinate for those of all files, or None if they cannot be joined."""
    first = found[0]
    if len({(each.dims, each.dtype, _units(each)) for each in found}) == 1:
        return first
    wanted = dict(first.attributes)
    are_times = all(convert_times(dict(each.attributes), wanted) for each in found)
    if are_times and len({each.dims for each in found}) == 1:
        return replace(first, dtype="float64")
    return None


def _units(coordinate: Coordinate) -> object:
    return dict(coordinate.attributes).get("units")


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    axis = selection.sample_dims.index(str(selection.concat_dim))
    alone = replace(selection, concat_dim=None, files=())
    tables = []
    for key, part in _parts(selection, region, axis):
        rows = xarray.FORMAT.read(find_root(path) / key, alone, part)
        extents = [place.stop - place.start for place in part]
        tables.append(rows.reshape(*extents, rows.shape[1]))
    joined = np.concatenate(tables, axis=axis)
    return joined.reshape(-1, joined.shape[-1])


def _parts(selection: Selection, region: Region, axis: int) -> Iterator[tuple[str, Region]]:
    """The files in which a region lies, and where in each of them."""
    ends = accumulate(file.n_rows for file in selection.files)
    for file, end in zip(selection.files, ends, strict=True):
        begin = end - file.n_rows
        start, stop = max(region[axis].start, begin), min(region[axis].stop, end)
        if start < stop:
            here = slice(start - begin, stop - begin)
            yield file.key, (*region[:axis], here, *region[axis + 1 :])


def _read_coordinate(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    root, dim = find_root(path), str(selection.concat_dim)
    if dim not in coordinate.dims:
        key = selection.files[0].key
        return _read_one_coordinate(root / key, selection, coordinate, region)
    axis = coordinate.dims.index(dim)
    found = [
        _read_joined_coordinate(root / key, coordinate, part)
        for key, part in _parts(selection, region, axis)
    ]
    joined = np.concatenate(found, axis=axis)
    return joined if coordinate.dtype == "str" else joined.astype(coordinate.dtype, copy=False)


def _read_joined_coordinate(path: AnyPath, coordinate: Coordinate, region: Region) -> NDArray[Any]:
    """A coordinate of one file, times in the units of the first."""
    dataset, wanted = open_dataset(path), dict(coordinate.attributes)
    values = read_coordinate(dataset, coordinate, region)
    attributes = dataset.variables[coordinate.name].attrs
    if attributes.get("units") == wanted.get("units"):
        return values
    conversion = convert_times(attributes, wanted)
    if conversion is None:
        raise DataError(
            f"The units of {coordinate.name} in {path} have changed since it was opened."
        )
    return conversion.apply(values)


def _read_one_coordinate(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    read = xarray.FORMAT.read_coordinate
    if read is None:
        raise LookupError(coordinate.name)
    return read(path, selection, coordinate, region)


FORMAT = Format(
    "series",
    _matches,
    _describe,
    _read,
    select_weights=xarray.FORMAT.select_weights,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
    may_be_pattern=True,
    accepts=frozenset({"concat_dim"}),
)
