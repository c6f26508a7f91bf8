"""Rates of duplicate rows in samples of different sizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """The numbers of rows and of distinct rows of an older sample.

    Attributes
    ----------
    n_rows : int
        That it was drawn from.
    n_sampled, n_distinct : int
        Rows of the sample, and how many of them differ.
    """

    n_rows: int
    n_sampled: int
    n_distinct: int


@dataclass(frozen=True, slots=True)
class DuplicateRates:
    """Shares of sampled rows that repeat another one, in an older sample and a newer one.

    Attributes
    ----------
    older, newer : float
        The newer as of a sample that is no larger and no denser than the older.
    """

    older: float
    newer: float


def multiplicities(rows: Array) -> Counts:
    """Number of occurrences of each distinct row, shape (n_distinct,).

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float64
        Finite, or NaN where a value is missing; that is the same in every row.
    """
    comparable = np.where(np.isnan(rows), np.inf, rows)  # NaN is no equal of itself
    return np.unique(comparable, axis=0, return_counts=True)[1]


def compare_duplicate_rates(older: SampleCounts, n_rows: int, counts: Counts) -> DuplicateRates:
    """Compare the rates of duplicate rows.

    A larger sample of the same discrete distribution has more repeats, and so has a denser one of
    rows that are all there twice. So the newer sample is thinned until it is neither: of a row
    that is in it c times a share q leaves something with probability 1 - (1 - q)^c, which is summed
    in place of drawing. Where that leaves it smaller or sparser than the older one, fewer of its
    rows repeat others for that alone: damage may then be missed, and none is made up.

    Parameters
    ----------
    older : SampleCounts
        Of at least one row.
    n_rows : int
        That the newer sample was drawn from.
    counts : ndarray of shape (n_distinct,), int64
        Of the newer sample (:func:`multiplicities`), not empty.

    Examples
    --------
    >>> compare_duplicate_rates(SampleCounts(1000, 1000, 990), 1000, np.full(10, 100))
    DuplicateRates(older=0.01, newer=0.99)
    """
    n_sampled = int(counts.sum())
    share = min(1.0, older.n_sampled / n_sampled * min(1.0, n_rows / older.n_rows))
    n_kept = share * n_sampled
    n_distinct = float((1.0 - (1.0 - share) ** counts).sum())
    before = (older.n_sampled - older.n_distinct) / older.n_sampled
    return DuplicateRates(before, (n_kept - n_distinct) / n_kept)
