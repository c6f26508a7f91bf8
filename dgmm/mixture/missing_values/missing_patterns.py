"""Rows grouped by which of their values are missing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = 8  # bytes
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, vol. 3, sec. 6.4)
_HALF = np.uint64(32)


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


def group_by_pattern(rows: NDArray[np.generic]) -> list[PatternRows]:
    """The rows of each pattern of missing values, in an order that depends on the rows alone.

    Sorting sixteen bits takes a time that is proportional to the number of rows. Rarely, patterns
    share them: the rows of one pattern are then in more than one group.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        NaN marks what is missing.
    """
    n_rows, d = rows.shape
    if n_rows == 0:
        return []
    missing = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, np.bool_)
    if not missing.any():
        return [PatternRows(np.ones(d, np.bool_), np.arange(n_rows))]
    words = pattern_words(missing)
    order = np.argsort(_hash(words), kind="stable")
    ordered = words[order]
    stops = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    return [PatternRows(~missing[places[0]], places) for places in np.split(order, stops)]


def pattern_words(missing: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The bytes of each row's marks, shape (n_rows, n_words)."""
    n_rows, d = missing.shape
    if d % _WORD == 0:
        return np.ascontiguousarray(missing).view(np.uint64)
    padded = np.zeros((n_rows, d + _WORD - d % _WORD), np.bool_)
    padded[:, :d] = missing
    return padded.view(np.uint64)


def _hash(words: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Sixteen bits for each pattern."""
    found = np.zeros(len(words), np.uint64)
    for column in words.T:
        found ^= column
        found *= _MULTIPLIER
        found ^= found >> _HALF
    return (found >> np.uint64(48)).astype(np.uint16)
