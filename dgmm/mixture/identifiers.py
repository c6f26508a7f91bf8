"""Features that identify rows rather than measure something: identifiers, an index, a clock."""

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

_NAME = re.compile(r"(^|[_\W])(ids?|index|idx|key|row|uuid|pk)$|[a-z]I[Dd]$|^Unnamed: \d+$")
_FEWEST_ROWS = 100  # of which a measurement is not sorted by chance


@dataclass(frozen=True, slots=True, eq=False)
class RisingIntegers:
    """Which features are integers that rise from row to row; ``+`` joins consecutive blocks.

    Attributes
    ----------
    n_rows : int
    rising : ndarray of shape (n_features,), bool
    first, last : ndarray of shape (n_features,)
        Values of the first and the last row; NaN if there are none.
    """

    n_rows: int
    rising: NDArray[np.bool_]
    first: Array
    last: Array

    @classmethod
    def from_rows(cls, rows: NDArray[Any]) -> Self:
        """The features of the rows of a block."""
        n_rows, n_features = rows.shape
        if n_rows == 0:
            nothing = np.full(n_features, np.nan)
            return cls(0, np.ones(n_features, bool), nothing, nothing)
        rising = _rise(rows[:_FEWEST_ROWS])
        if rising.any() and n_rows > _FEWEST_ROWS:  # few are: the others cost nothing
            rising[rising] = _rise(rows[:, rising])
        return cls(n_rows, rising, rows[0].astype(np.float64), rows[-1].astype(np.float64))

    def __add__(self, other: Self) -> Self:
        if self.n_rows == 0 or other.n_rows == 0:
            return other if self.n_rows == 0 else self
        rising = self.rising & other.rising & (self.last < other.first)
        return type(self)(self.n_rows + other.n_rows, rising, self.first, other.last)


def _rise(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the values of each column are integers, each larger than the one before."""
    if rows.dtype.kind == "b":
        return np.zeros(rows.shape[1], bool)
    with np.errstate(invalid="ignore"):  # what is not finite is refused elsewhere
        rises = np.asarray((rows[1:] > rows[:-1]).all(axis=0))
        if rows.dtype.kind in "iu":
            return rises
        return np.asarray(rises & (np.floor(rows) == rows).all(axis=0))


def find_identifiers(
    known: RisingIntegers, sample: Array, names: tuple[str, ...]
) -> dict[str, str]:
    """Features that look like identifiers, and why.

    Parameters
    ----------
    known : RisingIntegers
        Of all rows.
    sample : ndarray of shape (m, n_features)
        Rows drawn from them.
    names : tuple of str
        Of the features.

    Returns
    -------
    dict of str to str
    """
    found = {}
    for j, name in enumerate(names):
        if known.rising[j] and known.n_rows >= _FEWEST_ROWS:
            found[name] = "integers that rise from row to row"
        elif _NAME.search(name) and _are_distinct_integers(sample[:, j]):
            found[name] = "integers, all different, and called so"
    return found


def _are_distinct_integers(values: Array) -> bool:
    is_whole = bool((np.floor(values) == values).all())
    return is_whole and 1 < len(values) == len(np.unique(values))
