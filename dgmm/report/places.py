"""Where samples are, for maps: dimensions of a grid, or coordinates of scattered samples."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from dgmm.io.results.result import Result
from dgmm.mixture.types import Array

_PAIRS = (
    ("latitude", "longitude"),
    ("lat", "lon"),
    ("nav_lat", "nav_lon"),
    ("y", "x"),
    ("Y", "X"),
    ("northing", "easting"),
)
_SINCE = re.compile(r"(day|hour|minute|second)s? since (\d{4}-\d\d?-\d\d?)[ T]?([\d:]*)")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One of the two axes of a map.

    Attributes
    ----------
    name, units : str
    values : ndarray of shape (n,)
        Of each row or column of a grid, or of each scattered sample.
    is_numeric : bool
        Whether they are of a coordinate, and not mere counts.
    """

    name: str
    units: str
    values: Array
    is_numeric: bool

    @property
    def label(self) -> str:
        """What an axis says."""
        return f"{self.name}, {self.units}" if self.units else self.name

    @property
    def edges(self) -> tuple[float, float]:
        """Where the first cell of a grid begins, and the last one ends."""
        half = (self.values[-1] - self.values[0]) / (2 * max(1, len(self.values) - 1)) or 0.5
        return float(self.values[0] - half), float(self.values[-1] + half)

    @property
    def goes_up(self) -> bool:
        """Whether values grow."""
        return self.is_numeric and bool(self.values[0] < self.values[-1])

    @property
    def extent(self) -> float:
        """From the smallest value to the largest."""
        low, high = np.nanmin(self.values), np.nanmax(self.values)
        return float(high - low) or 1.0


def find_places(result: Result, labels: zarr.Array[Any]) -> tuple[Place | None, Place | None]:
    """The axes of a map, down and across; None where samples have no places in a plane.

    Parameters
    ----------
    result : Result
    labels : zarr.Array
        On a grid of two dimensions or more, of which the last two are taken, or of samples in a
        row, which need coordinates with names such as lat and lon.
    """
    if labels.ndim > 1:
        down, across = dimensions(labels)[-2:]
        return (
            _of_dimension(result, down, labels.shape[-2]),
            _of_dimension(result, across, labels.shape[-1]),
        )
    by_name = {
        name: array
        for name, array in result.coordinates.items()
        if array.ndim == 1 and array.dtype.kind in "iuf" and array.shape == labels.shape
    }
    for down, across in _PAIRS:
        if down in by_name and across in by_name:
            return _of_coordinate(down, by_name[down]), _of_coordinate(across, by_name[across])
    return None, None


def name_place(result: Result, labels: zarr.Array[Any], place: int) -> str:
    """What a place along the first dimension is called, by its coordinate if it has one."""
    name = dimensions(labels)[0]
    array = result.coordinates.get(name)
    if array is None or array.ndim != 1:
        return f"{name} {place}"
    value, units = np.asarray(array[place]).item(), str(array.attrs.get("units", ""))
    return f"{name} {_format_value(value, units)}"


def dimensions(array: zarr.Array[Any]) -> list[str]:
    """Names of the dimensions of an array, or their numbers."""
    names = getattr(array.metadata, "dimension_names", None) or (None,) * array.ndim
    return [str(name or f"dimension {i}") for i, name in enumerate(names)]


def _of_dimension(result: Result, name: str, extent: int) -> Place:
    """By its coordinate if that is numeric, else counts."""
    array = result.coordinates.get(name)
    if array is None or array.ndim != 1 or array.dtype.kind not in "iuf":
        return Place(name, "", np.arange(extent, dtype=np.float64), False)
    return _of_coordinate(name, array)


def _of_coordinate(name: str, array: zarr.Array[Any]) -> Place:
    units = str(array.attrs.get("units", "")).replace("_", " ")
    units = "degrees" if units.startswith("degree") else units
    return Place(name, units, np.asarray(array[...], np.float64), True)


def _format_value(value: Any, units: str) -> str:
    """A value with its units; a time since a date as a date.

    Examples
    --------
    >>> _format_value(31, "days since 2000-01-01"), _format_value(2.5, "m"), _format_value("a", "")
    ('2000-02-01', '2.5 m', 'a')
    """
    found = _SINCE.match(units)
    if found and isinstance(value, int | float):
        unit, date, clock = found.groups()
        year, month, day = (int(part) for part in date.split("-"))
        start = np.datetime64(f"{year:04}-{month:02}-{day:02}T{clock or '00:00'}")
        seconds = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}[unit] * float(value)
        text = str(start.astype("datetime64[s]") + np.timedelta64(round(seconds), "s"))
        return text.removesuffix("T00:00:00").replace("T", " ")
    is_number = isinstance(value, int | float)
    return f"{value:g} {units}".strip() if is_number else str(value)
