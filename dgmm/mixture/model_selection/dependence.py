"""How much rows depend on their neighbours, by the spread of groups of consecutive rows."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy

from dgmm.mixture.types import Array

N_GROUPS = 32
"""Most groups of consecutive rows whose log-likelihoods are kept apart."""

FEWEST_GROUPS = 8
"""With fewer groups the design effect is not known to a factor of three."""

_CONFIDENCE = 0.95
_ONE_SIDED_5_PERCENT = 1.645  # standard deviations


@dataclass(frozen=True, slots=True)
class Dependence:
    """How many times the variance of sums over rows is that of independent rows.

    Attributes
    ----------
    n_groups : int
        Groups of consecutive rows, in the order of storage.
    design_effect : float
        Kish's (1965): above 1 where neighbours are alike.
    low, high : float
        Bounds of a 95 % confidence interval of it, by chi-squared with ``n_groups - 1`` degrees of
        freedom.
    lag_correlation : float
        Between a group and the next.
    """

    n_groups: int
    design_effect: float
    low: float
    high: float
    lag_correlation: float

    @property
    def is_long(self) -> bool:
        """Whether dependence goes beyond a group, so that the design effect is a lower bound."""
        return self.lag_correlation > _ONE_SIDED_5_PERCENT / math.sqrt(self.n_groups)

    def effective(self, total_weight: float) -> float:
        """How many independent rows say as much; never more than there are.

        Parameters
        ----------
        total_weight : float
            Number of rows, or the sum of their weights.
        """
        return total_weight / max(1.0, self.design_effect)

    @classmethod
    def from_groups(cls, weights: Array, sums: Array, variances: Array) -> Self | None:
        """Measure it, by the median over some quantities.

        Parameters
        ----------
        weights : ndarray of shape (n_groups,)
            Of the groups.
        sums : ndarray of shape (n_quantities, n_groups)
            Of each quantity over the rows of each group, such as the difference of two models' log
            densities.
        variances : ndarray of shape (n_quantities,)
            Of each quantity for single rows.

        Returns
        -------
        Dependence or None
            None if there are too few groups, or no quantity varies.
        """
        kept = weights > 0
        weights, sums = weights[kept], sums[:, kept]
        n_groups, varies = len(weights), variances > 0
        if n_groups < FEWEST_GROUPS or not varies.any():
            return None
        residuals = standardized_residuals(weights, sums[varies])
        free = n_groups - 1
        effects = (residuals**2).sum(axis=1) / free / variances[varies]
        effect = float(np.median(effects))
        tail = (1 - _CONFIDENCE) / 2
        low, high = (
            effect * free / (2.0 * scipy.special.gammaincinv(0.5 * free, p))
            for p in (1 - tail, tail)
        )
        products = (residuals[:, 1:] * residuals[:, :-1]).sum(axis=1)
        squares = (residuals**2).sum(axis=1)
        lags = products / np.where(squares > 0, squares, 1.0)
        return cls(n_groups, effect, float(low), float(high), float(np.median(lags)))


def standardized_residuals(weights: Array, sums: Array) -> Array:
    """How far groups are from their share of the whole, shape (n_quantities, n_groups).

    Each in units in which the variance is that of a single row, if rows are independent.

    Parameters
    ----------
    weights : ndarray of shape (n_groups,)
    sums : ndarray of shape (n_quantities, n_groups)
    """
    share = weights / weights.sum()
    residuals: Array = (sums - share * sums.sum(axis=1, keepdims=True)) / np.sqrt(weights)
    return residuals


def standard_error(weights: Array, sums: Array) -> Array:
    """Standard error of the mean of each quantity, whatever the dependence within groups.

    The jackknife that leaves out one group at a time (Kunsch 1989, Ann. Stat. 17).

    Parameters
    ----------
    weights : ndarray of shape (n_groups,)
        Of the groups; positive.
    sums : ndarray of shape (n_quantities, n_groups)

    Returns
    -------
    ndarray of shape (n_quantities,)
        NaN with fewer than two groups, or where one has all weight that float64 can tell.
    """
    n_groups, others = len(weights), weights.sum() - weights
    if n_groups < 2 or not (others > 0).all():
        return np.full(len(sums), np.nan)
    whole = sums.sum(axis=1, keepdims=True)
    without = (whole - sums) / others
    spread = ((without - without.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error: Array = np.sqrt(spread * (n_groups - 1) / n_groups)
    return error
