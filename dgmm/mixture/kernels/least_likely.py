"""The least likely rows of a mixture, kept while all rows are summed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.types import Array, Indices


@dataclass(frozen=True, slots=True, eq=False)
class LeastLikelyRows:
    """The rows of least log density under a mixture; the earlier of two that are equal.

    Those of a union of rows are the least likely ones of the parts.

    Attributes
    ----------
    most : int
        How many are kept.
    log_densities : ndarray of shape (m,)
        In nats.
    numbers : ndarray of shape (m,), int
        Places of the rows in the data.
    rows : ndarray of shape (m, n_features)
        Relative to the frame's origin.
    weights : ndarray of shape (m,)
        Positive.
    """

    most: int
    log_densities: Array
    numbers: Indices
    rows: Array
    weights: Array

    @classmethod
    def none(cls, most: int, n_features: int) -> Self:
        """Those of no rows."""
        nothing = np.empty(0)
        return cls(most, nothing, np.empty(0, np.int64), np.empty((0, n_features)), nothing)

    def __add__(self, other: "LeastLikelyRows") -> "LeastLikelyRows":
        if not len(other.rows):
            return self
        pairs = [
            (getattr(self, name), getattr(other, name))
            for name in ("log_densities", "numbers", "rows", "weights")
        ]
        log_densities, numbers, rows, weights = (np.concatenate(pair) for pair in pairs)
        order = np.lexsort((numbers, log_densities))[: self.most]
        return LeastLikelyRows(
            self.most, log_densities[order], numbers[order], rows[order], weights[order]
        )

    @property
    def limit(self) -> float:
        """The log density above which no row can be among them any more."""
        is_full = len(self.rows) == self.most > 0
        return float(self.log_densities[-1]) if is_full else np.inf


@dataclass(frozen=True, slots=True, eq=False)
class LeastLikelyRequest:
    """How many of the least likely rows of each mixture a pass is to keep.

    Attributes
    ----------
    most : int
    limits : ndarray of shape (n_models,)
        Log densities above which rows are not kept, in nats.
    """

    most: int
    limits: Array

    def zero(self, n_features: int) -> tuple[LeastLikelyRows, ...]:
        """Those of no rows, for each mixture."""
        return (LeastLikelyRows.none(self.most, n_features),) * len(self.limits)

    def add(
        self,
        kept: Sequence[LeastLikelyRows],
        log_densities: Array,
        first: int,
        rows: Array,
        weights: Array,
    ) -> tuple[LeastLikelyRows, ...]:
        """What is kept, with some more rows.

        Parameters
        ----------
        kept : sequence of LeastLikelyRows
            Of each mixture.
        log_densities : ndarray of shape (n_models, n_rows)
        first : int
            Number of the first of these rows.
        rows : ndarray of shape (n_rows, n_features)
            Relative to the frame's origin.
        weights : ndarray of shape (n_rows,)
        """
        return tuple(
            self._add(*pair, first, rows, weights)
            for pair in zip(kept, log_densities, self.limits.tolist(), strict=True)
        )

    def _add(
        self,
        kept: LeastLikelyRows,
        log_density: Array,
        limit: float,
        first: int,
        rows: Array,
        weights: Array,
    ) -> LeastLikelyRows:
        limit = min(limit, kept.limit)
        chosen = np.flatnonzero((log_density <= limit) & (weights > 0))
        if len(chosen) > self.most:
            values = log_density[chosen]
            chosen = chosen[values <= np.partition(values, self.most - 1)[self.most - 1]]
        if not len(chosen):
            return kept
        found = log_density[chosen], first + chosen, rows[chosen], weights[chosen]
        return kept + LeastLikelyRows(self.most, *found)
