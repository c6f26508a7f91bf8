"""OME-Zarr images (https://ngff.openmicroscopy.org, 0.1 to 0.5): a row for each pixel.

Channels are features; all other axes, in whatever order, are the grid of the samples. Values are
as they are stored: zero is a number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import (
    DatasetMetadata,
    Format,
    check_no_weights,
    column_indices,
    n_chunks,
)
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.zarr import check_file_count, read_region
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import open_recording_store
from dgmm.text import describe_error, join_names

_AXES_BEFORE_NAMES = ("t", "c", "z", "y", "x")  # before 0.3
_CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class _Image:
    """What the metadata of an image say.

    Attributes
    ----------
    axes : tuple of str
        In the order of the arrays.
    channel : int or None
        The place of the channels' axis.
    units : tuple of str
        Of the axes; empty where they have none.
    levels : mapping of str to mapping
        Paths of the arrays, those of most pixels first, and what the metadata say of them.
    transforms : list of mapping
        Of the coordinates of all levels.
    channels : tuple of str
        Their names; empty if they have none.
    """

    axes: tuple[str, ...]
    channel: int | None
    units: tuple[str, ...]
    levels: Mapping[str, Mapping[str, Any]]
    transforms: list[Any]
    channels: tuple[str, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        """The axes of the samples."""
        return tuple(name for place, name in enumerate(self.axes) if place != self.channel)


def _matches(path: AnyPath) -> bool:
    return _attributes(path) is not None


def _attributes(path: AnyPath) -> Mapping[str, Any] | None:
    """The metadata of an image, or of a plate of images; None if a path is neither."""
    for name in ("zarr.json", ".zattrs"):
        try:
            found = json.loads((path / name).read_bytes())
        except (OSError, ValueError):
            continue
        found = found.get("attributes", found) if isinstance(found, Mapping) else {}
        found = found.get("ome", found) if isinstance(found, Mapping) else {}
        if isinstance(found, Mapping) and ("multiscales" in found or "plate" in found):
            return found
    return None


def _image(path: AnyPath) -> _Image:
    attributes = _attributes(path) or {}
    try:
        return _parse(attributes)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        what = "a plate of images" if "plate" in attributes else "no image that can be read"
        raise DataError(
            f"{path} is OME-Zarr, but {what} ({describe_error(error)}). Give the path of "
            "one image, such as A/1/0 below it."
        ) from error


def _parse(attributes: Mapping[str, Any]) -> _Image:
    scales = attributes["multiscales"][0]
    named = scales.get("axes", _AXES_BEFORE_NAMES)
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in named]
    names = tuple(str(axis["name"]) for axis in axes)
    kinds = [axis.get("type", _CHANNEL if axis["name"] == "c" else "") for axis in axes]
    labelled = attributes.get("omero", {}).get("channels", [])
    channels = tuple(str(channel.get("label", "")) for channel in labelled)
    return _Image(
        names,
        kinds.index(_CHANNEL) if _CHANNEL in kinds else None,
        tuple(str(axis.get("unit", "")) for axis in axes),
        {level["path"].strip("/"): level for level in scales["datasets"]},
        scales.get("coordinateTransformations", []),
        channels if all(channels) and len(set(channels)) == len(channels) else (),
    )


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_weights(path, selection)
    image = _image(path)
    level = _choose_level(path, image, selection.variable)
    if selection.sample_dims and {*selection.sample_dims} != {*image.dims}:
        raise ConfigurationError(
            f"{path} is an image with samples along {join_names(image.dims)}, but "
            f"{join_names(selection.sample_dims)} were asked for. Leave them out."
        )
    array = _array(path, level)
    if array.ndim != len(image.axes):
        raise DataError(
            f"{path / level} has {array.ndim} dimensions, and its image the axes "
            f"{join_names(image.axes)}. Its metadata are damaged."
        )
    names = _channel_names(image, array.shape)
    if selection.columns:
        column_indices(path, selection.columns, names)
    chunks = array.shards or array.chunks
    return DatasetMetadata(
        shape=(*_of_samples(image, array.shape), len(selection.columns or names)),
        dtype=np.dtype(array.dtype),
        storage_chunks=_of_samples(image, chunks),
        files=list_files(path / level),
        description=f"OME-Zarr image, level {level}, axes {', '.join(image.axes)}, chunks {chunks}",
        selection=replace(selection, variables=(level,), sample_dims=()),
        feature_names=selection.columns or names,
        dims=image.dims,
        n_pieces=n_chunks(array.shape, array.chunks),
        coordinates=_coordinates(image, array.shape),
    )


def _choose_level(path: AnyPath, image: _Image, wanted: str | None) -> str:
    known = [*image.levels]
    level = known[0] if wanted is None else wanted.strip("/")
    if level not in known:
        raise ConfigurationError(
            f"{path} is an image with the levels {join_names(known)}, but {level!r} was asked for. "
            "For an array that is none of them, say that the format is zarr."
        )
    return level


def _array(path: AnyPath, level: str) -> zarr.Array[Any]:
    return zarr.open_array(open_recording_store(path), path=level, mode="r")


def _of_samples(image: _Image, extents: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(extent for place, extent in enumerate(extents) if place != image.channel)


def _channel_names(image: _Image, shape: tuple[int, ...]) -> tuple[str, ...]:
    if image.channel is None:
        return ("intensity",)
    n_channels = shape[image.channel]
    if len(image.channels) == n_channels:
        return image.channels
    return tuple(f"channel[{i}]" for i in range(n_channels))


def _coordinates(image: _Image, shape: tuple[int, ...]) -> tuple[Coordinate, ...]:
    found = zip(image.axes, shape, image.units, strict=True)
    return tuple(
        Coordinate(name, (name,), (extent,), "float64", (("units", unit),) if unit else ())
        for name, extent, unit in found
        if name in image.dims
    )


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    image, level = _image(path), str(selection.variable)
    array, samples = _array(path, level), iter(region)
    whole = tuple(
        slice(0, array.shape[place]) if place == image.channel else next(samples)
        for place in range(array.ndim)
    )
    may_lack_chunks = selection.missing_chunks == "fill"
    values = read_region(array, path, whole, may_lack_chunks=may_lack_chunks)
    values = values[..., None] if image.channel is None else np.moveaxis(values, image.channel, -1)
    rows = values.reshape(-1, values.shape[-1])
    if not selection.columns:
        return rows
    return rows[:, column_indices(path, selection.columns, _channel_names(image, array.shape))]


def _read_coordinate(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    image, (places,) = _image(path), region
    axis = image.axes.index(coordinate.name)
    level = image.levels[str(selection.variable)]
    values = np.arange(places.start, places.stop, dtype=np.float64)
    for step in (*level.get("coordinateTransformations", []), *image.transforms):
        if step.get("type") == "scale":
            values = values * step["scale"][axis]
        elif step.get("type") == "translation":
            values = values + step["translation"][axis]
    return values


def _refuse_missing(path: AnyPath, stored: DatasetMetadata) -> None:
    if stored.selection.missing_chunks == "error":
        check_file_count(path, _array(path, str(stored.selection.variable)), stored.files)


FORMAT = Format(
    "ome-zarr",
    _matches,
    _describe,
    _read,
    _refuse_missing,
    seconds_per_piece=2e-4,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
)
