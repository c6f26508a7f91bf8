"""Mean and scatter of any set of rows, without cancellation."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

_TILE_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class PooledMoments:
    """Mean and scatter of some rows; those of a union are the ``+`` of theirs.

    Attributes
    ----------
    total_weight : float
    mean, mean_low : ndarray of shape (n_features,)
        Weighted; their exact sum is the mean to twice the digits of float64, which pooling blocks
        of far data needs.
    scatter : ndarray of shape (n_features, n_features)
        Weighted sum of outer products about the mean.
    """

    total_weight: float
    mean: Array
    mean_low: Array
    scatter: Array

    @classmethod
    def zero(cls, n_features: int) -> Self:
        """The moments of no rows."""
        zeros = np.zeros(n_features)
        return cls(0.0, zeros, zeros, np.zeros((n_features, n_features)))

    @classmethod
    def of(cls, rows: NDArray[np.generic], weights: Array | None = None) -> "PooledMoments":
        """The moments of rows, tile by tile.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            Of any real or boolean dtype.
        weights : ndarray of shape (n_rows,), optional
        """
        n_rows, n_features = rows.shape
        slab, found = np.empty((min(_TILE_ROWS, n_rows), n_features)), cls.zero(n_features)
        for start in range(0, n_rows, _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            # in C order whatever the rows' own, because BLAS adds in the order of the layout
            x = slab[: len(rows[tile])]
            x[...] = rows[tile]
            found = found + cls._of_tile(x, None if weights is None else weights[tile])
        return found

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")  # overflow is the caller's to refuse
    def _of_tile(cls, x: Array, weights: Array | None) -> Self:
        """The moments of a tile, which is overwritten.

        Deviations from a pivot near the mean lose no digits.
        """
        w = np.ones(len(x)) if weights is None else weights
        total = float(w.sum())
        if total == 0:
            return cls.zero(x.shape[1])
        pivot = w @ x / total
        x -= pivot
        low = w @ x / total
        scatter = (x if weights is None else x * w[:, None]).T @ x
        mean = pivot + low
        return cls(total, mean, (pivot - mean) + low, scatter - np.outer(low, low) * total)

    @np.errstate(over="ignore", invalid="ignore")
    def __add__(self, other: "PooledMoments") -> "PooledMoments":
        """The moments of a union (Chan, Golub & LeVeque 1983)."""
        if other.total_weight == 0:
            return self
        if self.total_weight == 0:
            return other
        total = self.total_weight + other.total_weight
        difference = (other.mean - self.mean) + (other.mean_low - self.mean_low)
        step = self.mean_low + difference * (other.total_weight / total)
        mean = self.mean + step
        between = np.outer(difference, difference) * (
            self.total_weight * other.total_weight / total
        )
        scatter = self.scatter + other.scatter + between
        return PooledMoments(total, mean, (self.mean - mean) + step, scatter)
