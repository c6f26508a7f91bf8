"""Rows grouped by which of their values are missing."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels import loops_numpy
from dgmm.mixture.kernels.tiling import loops_for

_COMPILED_TYPES = (np.dtype(np.float64), np.dtype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class PatternRows:
    """Rows that lack the same values.

    Attributes
    ----------
    observed : ndarray of shape (n_features,), bool
        Which values are there.
    places : ndarray of shape (m,), int
        Of the rows, rising.
    """

    observed: NDArray[np.bool_]
    places: NDArray[np.intp]

    @property
    def is_complete(self) -> bool:
        """Whether no value is missing."""
        return bool(self.observed.all())

    @property
    def is_empty(self) -> bool:
        """Whether every value is missing."""
        return not self.observed.any()

    @property
    def features(self) -> NDArray[np.intp]:
        """The features whose values are there."""
        return np.flatnonzero(self.observed)


def group_by_pattern(
    rows: NDArray[np.generic], loops: ModuleType | None = None
) -> list[PatternRows]:
    """The rows of each pattern of missing values, in the order of their first rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        NaN marks what is missing.
    loops : module, optional
        Unless given, :func:`dgmm.mixture.kernels.tiling.loops_for` the rows.
    """
    n_rows, d = rows.shape
    if n_rows == 0:
        return []
    if rows.dtype.kind != "f":
        return [PatternRows(np.ones(d, np.bool_), np.arange(n_rows))]
    loops = loops_for(n_rows, 1) if loops is None else loops
    if not (rows.flags.carray and rows.dtype in _COMPILED_TYPES):
        loops = loops_numpy
    places, counts = np.empty((2, n_rows), np.int64)
    n_groups = loops.group_rows(rows, places, counts)
    groups = np.split(places, np.cumsum(counts[: n_groups - 1]))
    return [PatternRows(~np.isnan(rows[group[0]]), group) for group in groups]
