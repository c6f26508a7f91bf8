"""Areas of the cells of a grid of latitudes and longitudes."""

import numpy as np

from dgmm.errors import DataError
from dgmm.mixture.types import Array

_TOLERANCE = 1e-6  # degrees by which rounding may carry a bound beyond a pole


def relative_areas(latitudes: Array, bounds: Array | None = None) -> Array:
    """Areas of the cells of each latitude, relative to the mean of them.

    Between the latitudes a and b, and over any range of longitudes, the area of a sphere is
    proportional to |sin b - sin a|, by Archimedes' theorem that a zone of a sphere has the area of
    the cylinder around it. Cells are taken to be equally wide in longitude.

    Parameters
    ----------
    latitudes : ndarray of shape (n,)
        Degrees, rising or falling.
    bounds : ndarray of shape (n, 2), optional
        Degrees; by default they lie halfway to the neighbours, and as far beyond the first and the
        last, but not beyond the poles.

    Returns
    -------
    ndarray of shape (n,)
        Their mean is 1, so that the weights of a whole grid add up to the number of its cells.

    Raises
    ------
    DataError
        If these are no latitudes, or bounds are needed.

    Examples
    --------
    >>> relative_areas(np.array([-60.0, 0.0, 60.0])).round(3)
    array([0.75, 1.5 , 0.75])
    """
    steps = np.diff(latitudes)
    if not (np.isfinite(latitudes).all() and np.abs(latitudes).max(initial=0.0) <= 90 + _TOLERANCE):
        raise DataError("Latitudes must be finite and between -90 and 90 degrees.")
    if bounds is None:
        if len(latitudes) < 2:
            raise DataError("One latitude alone needs bounds: a variable named by its `bounds`.")
        if not ((steps > 0).all() or (steps < 0).all()):
            raise DataError("Latitudes must rise or fall all along, unless they have bounds.")
        between = latitudes[:-1] + steps / 2
        ends = latitudes[[0, -1]] + [-steps[0] / 2, steps[-1] / 2]
        edges = np.clip(np.concatenate([ends[:1], between, ends[1:]]), -90, 90)
        bounds = np.stack([edges[:-1], edges[1:]], axis=1)
    if bounds.shape != (len(latitudes), 2) or not (np.abs(bounds) <= 90 + _TOLERANCE).all():
        raise DataError(
            f"Bounds of latitudes must be between -90 and 90 degrees, of shape "
            f"({len(latitudes)}, 2); theirs is {bounds.shape}."
        )
    areas = np.abs(np.diff(np.sin(np.deg2rad(bounds)), axis=1)[:, 0])
    mean = areas.mean()
    if not mean > 0:
        raise DataError("Bounds of latitudes must be apart.")
    return areas / mean
