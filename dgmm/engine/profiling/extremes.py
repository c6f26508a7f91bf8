"""The smallest and the largest value of each feature."""

import numpy as np

from dgmm.engine.block import Rows
from dgmm.mixture.types import Array

_FOLDED = 64  # rows side by side


def find_extremes(rows: Rows) -> tuple[Array, Array]:
    """Smallest and largest value of each feature, NaN left out; NaN without rows."""
    d = rows.shape[1]
    if not len(rows):
        return np.full(d, np.nan), np.full(d, np.nan)
    if rows.flags.c_contiguous and len(rows) >= _FOLDED:  # NumPy is fast along long rows
        whole = len(rows) - len(rows) % _FOLDED
        folded = rows[:whole].reshape(-1, _FOLDED * d)
        parts = (np.fmin.reduce(folded, axis=0), np.fmax.reduce(folded, axis=0))
        rows = np.concatenate([*(part.reshape(_FOLDED, d) for part in parts), rows[whole:]])
    return (
        np.fmin.reduce(rows, axis=0).astype(np.float64),
        np.fmax.reduce(rows, axis=0).astype(np.float64),
    )
