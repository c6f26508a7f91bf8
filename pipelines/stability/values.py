"""The values of a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Axes:
    """The candidates: every covariance type with every number of components, ascending."""

    covariance_types: tuple[str, ...]
    n_components: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of covariance types and of numbers of components."""
        return len(self.covariance_types), len(self.n_components)

    def place(self, covariance_type: str, n_components: int) -> tuple[int, int]:
        """The index of a candidate."""
        return self.covariance_types.index(covariance_type), self.n_components.index(n_components)


@dataclass(frozen=True, slots=True, eq=False)
class FitOfSubset:
    """The numbers of every candidate in one subset.

    Attributes
    ----------
    criterion, log_likelihood : ndarray of shape (n_types, n_counts)
        Per row; NaN where the fit was not sound.
    labels : ndarray of shape (n_types, n_counts, n_rows), int16
        Of the rows that are held out.
    """

    criterion: Array
    log_likelihood: Array
    labels: Labels

    @classmethod
    def empty(cls, axes: Axes, n_rows: int) -> Self:
        """No numbers yet, to be filled."""
        return cls(
            np.full(axes.shape, np.nan),
            np.full(axes.shape, np.nan),
            np.full((*axes.shape, n_rows), -1, np.int16),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The numbers of every candidate in all subsets, each of shape (n_subsets, n_types, n_counts).

    Attributes
    ----------
    criterion, log_likelihood : ndarray
        Per row; NaN where the fit was not sound.
    agreement : ndarray
        The mean adjusted Rand index of a fit's labels with those of the other subsets; NaN where
        there is none.
    """

    criterion: Array
    log_likelihood: Array
    agreement: Array

    @classmethod
    def from_fits(cls, fits: Sequence[FitOfSubset]) -> Self:
        """Combine the fits of some subsets."""
        criterion = np.array([fit.criterion for fit in fits])
        labels = np.array([fit.labels for fit in fits])
        return cls(
            criterion,
            np.array([fit.log_likelihood for fit in fits]),
            _agreement(labels, np.isfinite(criterion)),
        )


def mean_of(values: Array) -> Array:
    """The mean over the first axis of what is not NaN; NaN where fewer than two are known."""
    return _moments(values)[0]


def deviation_of(values: Array) -> Array:
    """The standard deviation (n - 1), likewise."""
    return _moments(values)[1]


def error_of(values: Array) -> Array:
    """The standard error of the mean, likewise.

    Examples
    --------
    >>> error_of(np.array([[1.0, 2.0], [3.0, np.nan]]))
    array([ 1., nan])
    """
    return deviation_of(values) / np.sqrt(np.maximum(np.isfinite(values).sum(axis=0), 1))


def _moments(values: Array) -> tuple[Array, Array]:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    n = np.maximum(count, 2)
    mean = np.where(known, values, 0.0).sum(axis=0) / n
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    enough = count >= 2
    return np.where(enough, mean, np.nan), np.where(enough, np.sqrt(squares / (n - 1)), np.nan)


def _agreement(labels: Labels, is_sound: NDArray[np.bool_]) -> Array:
    """Hubert and Arabie 1985, J. Classif. 2, over all pairs of subsets."""
    from sklearn.metrics import adjusted_rand_score

    total, count = np.zeros(is_sound.shape), np.zeros(is_sound.shape)
    for kind, place in np.ndindex(is_sound.shape[1:]):
        for i, j in combinations(np.flatnonzero(is_sound[:, kind, place]), 2):
            index = adjusted_rand_score(labels[i, kind, place], labels[j, kind, place])
            for each in (i, j):
                total[each, kind, place] += index
                count[each, kind, place] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
