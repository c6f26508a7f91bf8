"""A block of rows and its checksum, weights and missing values, as tasks use them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.checksum import checksum

Rows = NDArray[np.generic]
Missing = Literal["error", "drop", "marginalize"]
"""What a NaN means: that the data cannot be fitted, that its row is left out, or that it counts by
the values that are there."""

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")
BlockFunction = Callable[[Argument, "Block"], Outcome]
"""``function(argument, block) -> outcome``; outcomes have a ``+``."""

_TILE_ROWS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive rows of a dataset, without those that are left out for missing values.

    Attributes
    ----------
    start : int
        Index of the first row.
    n_rows : int
        Rows, those that are left out included.
    rows : ndarray of shape (m, n_features)
        The rows that count; all of them, unless some lack a value, or all values.
    weights : ndarray of shape (m,), or None
    complete : ndarray of shape (n_rows,), bool, or None
        Which rows count; None if all do.
    checksum : int
        Of all rows, weights and labels as they were read.
    missing : {"error", "drop", "marginalize"}
        With the last, NaN among the rows that count marks a missing value.
    labels : ndarray of shape (m,), or None
        The component of each row, where it is known; -1 or NaN elsewhere.
    """

    start: int
    n_rows: int
    rows: Rows
    weights: Rows | None
    complete: NDArray[np.bool_] | None
    checksum: int
    missing: Missing = "error"
    labels: Rows | None = None

    @classmethod
    def from_rows(
        cls,
        rows: Rows,
        weights: Rows | None = None,
        start: int = 0,
        missing: Missing = "error",
        labels: Rows | None = None,
    ) -> Self:
        """The block of these rows, without those that the rule leaves out."""
        complete = None if missing == "error" else _find_rows_to_count(rows, missing)
        known = checksum(rows, weights, labels)
        whole = cls(start, len(rows), rows, weights, None, known, missing, labels)
        return whole if complete is None else replace(whole._take(complete), complete=complete)

    @property
    def n_missing(self) -> int:
        """Number of rows left out."""
        return self.n_rows - len(self.rows)

    def part(self, first: int, last: int) -> tuple[Rows, Rows | None, NDArray[np.bool_] | None]:
        """Of the rows ``first`` to ``last``: those that count, their weights, and their places."""
        complete = None
        if self.complete is not None:
            complete = self.complete[first:last]
            first, last = (int(np.count_nonzero(self.complete[:n])) for n in (first, last))
        weights = None if self.weights is None else self.weights[first:last]
        return self.rows[first:last], weights, complete

    def without_labels(self) -> Self:
        """The rows whose component is not known; the places of the others are lost."""
        if self.labels is None:
            return self
        return self._take(~(self.labels.astype(np.float64) >= 0))

    def _take(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the rows, for which ``complete`` does not hold any more."""
        weights = None if self.weights is None else self.weights[chosen]
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, rows=self.rows[chosen], weights=weights, labels=labels)

    def index(self, row: int) -> int:
        """The index in the dataset of one of the rows that count."""
        if self.complete is None:
            return self.start + row
        return self.start + int(np.flatnonzero(self.complete)[row])


def checksum_of(_: None, block: Block) -> int:
    """The checksum of a block, for a pass that needs nothing else."""
    return block.checksum


def _find_rows_to_count(rows: Rows, rule: Missing) -> NDArray[np.bool_] | None:
    """Which rows have all values, or at least one to marginalise; None if all."""
    if rows.dtype.kind != "f":
        return None
    fails = np.all if rule == "marginalize" else np.any
    tiles = range(0, len(rows), _TILE_ROWS)
    missing = [fails(np.isnan(rows[i : i + _TILE_ROWS]), axis=1) for i in tiles]
    found = ~np.concatenate(missing) if missing else np.ones(0, dtype=bool)
    return None if found.all() else found
