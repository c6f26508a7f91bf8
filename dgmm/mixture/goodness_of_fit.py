"""How well each component fits its rows: their distances against those that a Gaussian has."""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_TILE_ROWS = 2048
_N_EVEN = 64

PROBABILITIES = np.array([*(i / _N_EVEN for i in range(1, _N_EVEN)), 0.99, 0.999, 0.9999, 0.99999])
"""Of the chi-squared distribution, below each of the bounds between two bins; finer in the tail."""

NOTABLE_DISCREPANCY = 0.05
"""Share of its rows that a component may have at other distances than a Gaussian has."""

_FARTHEST = 1e150  # whose square is a number still
_KOLMOGOROV_1_PERCENT = 1.63  # times 1 / sqrt(n): exceeded once in a hundred samples


@cache
def _bounds(n_features: int) -> Array:
    return chi2.ppf(PROBABILITIES, n_features)


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

    @classmethod
    def from_assignment(
        cls, assignment: RowPosteriors, weights: NDArray[np.generic] | None, mixture: Parameters
    ) -> Self:
        """The sums over rows that are all there: a logarithm for each component.

        Parameters
        ----------
        assignment : RowPosteriors
        weights : ndarray of shape (T,), or None
        mixture : Parameters
            That assigned them.
        """
        sums, bounds = cls.zero(mixture.n_components), _bounds(mixture.n_features)
        n_bins, peaks = len(bounds) + 1, mixture.log_peaks
        for start in range(0, len(assignment.log_density), _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            r = assignment.responsibilities[tile].T.copy()
            density = assignment.log_density[tile]
            # log r = log(w_k N(x | k)) - log p(x), and log(w_k N(x | k)) = peak - distance / 2
            logs = np.log(r, out=np.zeros_like(r), where=r > 0)
            distances = np.clip(2.0 * (peaks[:, None] - density - logs), 0.0, _FARTHEST)
            distances[r == 0] = 0.0
            if weights is not None:
                r *= weights[tile].astype(np.float64)
            for k, (share, distance) in enumerate(zip(r, distances, strict=True)):
                place = np.searchsorted(bounds, distance, side="right")
                sums.histogram[k] += np.bincount(place, share, n_bins)
                sums.fourth_powers[k] += share @ distance**2
        return sums

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
