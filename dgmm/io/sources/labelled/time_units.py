"""Times as numbers since a date, in the units of another file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TimeConversion:
    """From one number of a time to another: ``scale * number + offset``.

    Attributes
    ----------
    scale, offset : float
    """

    scale: float
    offset: float

    def apply(self, numbers: NDArray[Any]) -> NDArray[np.float64]:
        """The numbers in the other units."""
        return np.asarray(self.scale * numbers + self.offset, np.float64)


def convert_times(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> TimeConversion | None:
    """How times with some attributes become times with others.

    Parameters
    ----------
    found, wanted : mapping
        Attributes of both; ``units`` such as ``days since 2026-01-01``, and ``calendar``.

    Returns
    -------
    TimeConversion, or None
        None if one of them is no time, or its calendar is not that of dates in NumPy.
    """
    ours, theirs = _origin_and_step(found), _origin_and_step(wanted)
    if ours is None or theirs is None:
        return None
    (origin, step), (first, unit) = ours, theirs
    return TimeConversion(float(step / unit), float((origin - first) / unit))


def _origin_and_step(attributes: Mapping[str, Any]) -> tuple[np.datetime64, np.timedelta64] | None:
    import xarray

    known = {name: attributes[name] for name in ("units", "calendar") if name in attributes}
    if " since " not in str(known.get("units", "")):
        return None
    try:
        decoded = xarray.decode_cf(xarray.Dataset({"time": ("time", [0, 1], known)}))
    except (ValueError, ImportError, OverflowError):  # no date, or a calendar for cftime
        return None
    origin, following = decoded["time"].values
    if not isinstance(origin, np.datetime64):
        return None
    return origin, following - origin
