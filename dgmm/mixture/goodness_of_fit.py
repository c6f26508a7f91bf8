"""How well each component fits its rows: their distances against those that a Gaussian has."""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.kernels.assignment_kernel import AssignedTile
from dgmm.mixture.types import Array, Indices

_N_EVEN = 64

PROBABILITIES = np.array([*(i / _N_EVEN for i in range(1, _N_EVEN)), 0.99, 0.999, 0.9999, 0.99999])
"""Of the chi-squared distribution, below each of the bounds between two bins; finer in the tail."""

NOTABLE_DISCREPANCY = 0.05
"""Share of its rows that a component may have at other distances than a Gaussian has."""

_KOLMOGOROV_1_PERCENT = 1.63  # times 1 / sqrt(n): exceeded once in a hundred samples


_N_CELLS = 2048


@cache
def _bins(n_features: int) -> tuple[Array, Indices, int, float]:
    """Bounds between bins; a table of cells of equal width, in which they are found.

    Of each cell the bin of its lower end; by how many bins its upper end is later, at most; cells
    per unit.
    """
    halves = scipy.special.gammaincinv(0.5 * n_features, PROBABILITIES)
    bounds = np.asarray(2.0 * halves)  # of chi-squared
    width = bounds[-1] / (_N_CELLS - 1)
    lower = width * np.arange(_N_CELLS) * (1 - 1e-12)  # below what rounding puts into the cell
    cells = np.searchsorted(bounds, lower, side="right").astype(np.int64)
    upper = np.append(width * np.arange(1, _N_CELLS) * (1 + 1e-12), np.inf)
    steps = (np.searchsorted(bounds, upper, side="right") - cells).max()
    return bounds, cells, int(steps), float(1 / width)


@dataclass(frozen=True, slots=True, eq=False)
class DistanceStatistics:
    """Weighted sums over some rows; those of a union of rows are the ``+`` of theirs.

    Every row counts in every component by its responsibility. Under the model squared Mahalanobis
    distances then have the chi-squared distribution exactly, however much components overlap.

    Attributes
    ----------
    histogram : ndarray of shape (n_components, n_bins)
        Of squared distances, between chi-squared quantiles of ``PROBABILITIES``.
    fourth_powers : ndarray of shape (n_components,)
        Sums of the squares of squared distances.
    """

    histogram: Array
    fourth_powers: Array

    @classmethod
    def zero(cls, n_components: int) -> Self:
        """The sums of no rows."""
        return cls(np.zeros((n_components, len(PROBABILITIES) + 1)), np.zeros(n_components))

    def add(self, tile: AssignedTile, shares: Array, n_features: int) -> None:
        """Add the rows of a tile, in place.

        Parameters
        ----------
        tile : AssignedTile
        shares : ndarray of shape (n_components, T)
            Weight times responsibility.
        n_features : int
            Of the mixture.
        """
        tile.loops.add_distances(
            tile.distances, shares, *_bins(n_features), self.histogram, self.fourth_powers
        )

    def __add__(self, other: "DistanceStatistics") -> "DistanceStatistics":
        return DistanceStatistics(
            self.histogram + other.histogram, self.fourth_powers + other.fourth_powers
        )


@dataclass(frozen=True, slots=True, eq=False)
class GoodnessOfFit:
    """How far each component is from its rows; NaN where it has none.

    Attributes
    ----------
    discrepancy : ndarray of shape (n_components,)
        Largest difference between the distribution of squared Mahalanobis distances and the
        chi-squared one, at ``PROBABILITIES``: a share of the component's rows, from 0 to 1.
    kurtosis : ndarray of shape (n_components,)
        Mardia's (1970, Biometrika 57), as a multiple of a Gaussian's d (d + 2): above 1 tails are
        heavier, below 1 lighter.
    beyond : ndarray of shape (n_components, n_bounds)
        Share of the rows beyond each of the chi-squared quantiles of ``PROBABILITIES``.
    """

    discrepancy: Array
    kurtosis: Array
    beyond: Array

    @classmethod
    def from_sums(cls, sums: DistanceStatistics, n_features: int) -> Self:
        """What sums over rows say.

        Parameters
        ----------
        sums : DistanceStatistics
        n_features : int
            Of the mixture.
        """
        sizes = sums.histogram.sum(axis=1)
        sizes = np.where(sizes > 0, sizes, np.nan)
        below = np.cumsum(sums.histogram, axis=1)[:, :-1] / sizes[:, None]
        expected = n_features * (n_features + 2)
        return cls(
            discrepancy=np.abs(below - PROBABILITIES).max(axis=1),
            kurtosis=sums.fourth_powers / sizes / expected,
            beyond=1.0 - below,
        )

    def notable(self, sizes: Array) -> NDArray[np.intp]:
        """Components whose rows are not those of a Gaussian, by an amount that matters.

        Both: the discrepancy is above ``NOTABLE_DISCREPANCY``, and above what chance makes of so
        many independent rows once in a hundred times (Kolmogorov's limit).

        Parameters
        ----------
        sizes : ndarray of shape (n_components,)
            Rows of each.
        """
        chance = _KOLMOGOROV_1_PERCENT / np.sqrt(np.maximum(sizes, 1.0))
        return np.flatnonzero(self.discrepancy > np.maximum(chance, NOTABLE_DISCREPANCY))
