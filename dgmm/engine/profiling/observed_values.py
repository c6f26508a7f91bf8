"""Which values of rows are there, and the moments of what is there."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.block import Rows
from dgmm.mixture.missing_values.missing_patterns import group_by_pattern
from dgmm.mixture.pooled_moments import PooledMoments
from dgmm.mixture.types import Array

MOST_PATTERNS = 1 << 12
"""Patterns that are told apart; of more it is known only that there are more."""

_TILE_ROWS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseMoments:
    """Moments of each pair of features over the rows that have both; the ``+`` is of all rows.

    Attributes
    ----------
    weight : ndarray of shape (n_features, n_features)
        Of the rows that have both.
    mean, mean_low : ndarray of shape (n_features, n_features)
        Of the feature of the row of the matrix; their exact sum is the mean to twice the digits of
        float64.
    scatter : ndarray of shape (n_features, n_features)
        Weighted sums of products of deviations from these means.
    """

    weight: Array
    mean: Array
    mean_low: Array
    scatter: Array

    @classmethod
    def from_rows(cls, rows: Rows, weights: Array) -> Self:
        """Moments of rows some of whose values are NaN, by deviations from near the means.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        weights : ndarray of shape (n_rows,)
        """
        d = rows.shape[1]
        counts = np.maximum(np.count_nonzero(~np.isnan(rows), axis=0), 1)
        pivot = np.nansum(rows, axis=0, dtype=np.float64) / counts
        weight, total, product = np.zeros((3, d, d))
        for start in range(0, len(rows), _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            deviations = np.subtract(rows[tile], pivot, order="C")
            present = (~np.isnan(deviations)).astype(np.float64)
            deviations[np.isnan(deviations)] = 0.0
            weighted = weights[tile][:, None]
            weight += (present * weighted).T @ present
            total += (deviations * weighted).T @ present
            product += (deviations * weighted).T @ deviations
        low = total / np.where(weight > 0, weight, 1.0)
        mean = pivot[:, None] + low
        return cls(weight, mean, (pivot[:, None] - mean) + low, product - weight * low * low.T)

    @classmethod
    def from_complete(cls, found: PooledMoments) -> Self:
        """Those of rows that lack nothing."""
        each = np.ones_like(found.scatter)
        mean, mean_low = found.mean[:, None] * each, found.mean_low[:, None] * each
        return cls(found.total_weight * each, mean, mean_low, found.scatter)

    @property
    def covariance(self) -> Array:
        """Maximum-likelihood covariances of the pairs; 0 where no row has both.

        Variances are of all values of a feature. Eigenvalues of the matrix may be negative.
        """
        return self.scatter / np.where(self.weight > 0, self.weight, 1.0)

    def of_features(self, total_weight: float) -> PooledMoments:
        """The means of features, and the scatter of so much weight that has these covariances."""
        mean, mean_low = np.diagonal(self.mean).copy(), np.diagonal(self.mean_low).copy()
        return PooledMoments(total_weight, mean, mean_low, self.covariance * total_weight)

    def __add__(self, other: "PairwiseMoments") -> "PairwiseMoments":
        """The moments of a union, without cancellation (Chan, Golub & LeVeque 1983)."""
        weight = self.weight + other.weight
        share = other.weight / np.where(weight > 0, weight, 1.0)
        difference = (other.mean - self.mean) + (other.mean_low - self.mean_low)
        difference[(self.weight == 0) | (other.weight == 0)] = 0.0
        start = np.where(self.weight > 0, self.mean, other.mean)
        start_low = np.where(self.weight > 0, self.mean_low, other.mean_low)
        step = start_low + difference * share
        mean = start + step
        between = difference * difference.T * (self.weight * share)
        return PairwiseMoments(
            weight, mean, (start - mean) + step, self.scatter + other.scatter + between
        )


@dataclass(frozen=True, slots=True, eq=False)
class ObservedValues:
    """What is there of the values of some rows; the ``+`` is of all.

    Attributes
    ----------
    n_observed : ndarray of shape (n_features,), int64
        Rows that have each feature.
    patterns : ndarray of shape (n_patterns, n_octets), uint8
        The different sets of features that rows have, a bit for each feature, in order; at most
        one more than ``MOST_PATTERNS``.
    moments : PairwiseMoments
    """

    n_observed: NDArray[np.int64]
    patterns: NDArray[np.uint8]
    moments: PairwiseMoments

    @classmethod
    def from_rows(cls, rows: Rows, values: Rows, weights: Array) -> Self:
        """What is there of rows, of which every one has a value.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        values : ndarray of shape (n_rows, n_features)
            The same after functions of single features.
        weights : ndarray of shape (n_rows,)
        """
        groups = group_by_pattern(rows)
        observed = np.array([group.observed for group in groups]).reshape(-1, rows.shape[1])
        sizes = np.array([len(group.places) for group in groups], np.int64)
        moments = PairwiseMoments.from_rows(values, weights)
        return cls(sizes @ observed.astype(np.int64), _distinct(np.packbits(observed, 1)), moments)

    @classmethod
    def complete(cls, n_rows: int, moments: PooledMoments) -> Self:
        """Of rows that lack nothing, with these moments."""
        d = len(moments.mean)
        patterns = np.packbits(np.ones((min(n_rows, 1), d), np.bool_), axis=1)
        pairs = PairwiseMoments.from_complete(moments)
        return cls(np.full(d, n_rows, np.int64), patterns, pairs)

    @property
    def n_patterns(self) -> int:
        """How many different sets of features rows have, or one more than ``MOST_PATTERNS``."""
        return len(self.patterns)

    def __add__(self, other: "ObservedValues") -> "ObservedValues":
        return ObservedValues(
            self.n_observed + other.n_observed,
            _distinct(np.concatenate([self.patterns, other.patterns])),
            self.moments + other.moments,
        )


def _distinct(patterns: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Different patterns in order, so that the first ones do not depend on how rows are cut."""
    return np.ascontiguousarray(np.unique(patterns, axis=0)[: MOST_PATTERNS + 1])
