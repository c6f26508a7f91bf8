"""The least likely rows of a mixture, kept while all rows are summed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.types import Array, Indices

_FEWEST_ROWS = 1 << 15
_MOST_ROWS, _MOST_BYTES = 1 << 12, 1 << 22  # that are kept: of a mixture, and of all


def n_least_likely(n_rows: int, n_models: int, n_features: int) -> int:
    """How many of the least likely rows of each mixture a pass keeps; few rows are seen closely."""
    if n_rows < _FEWEST_ROWS:
        return 0
    return min(_MOST_ROWS, max(1, _MOST_BYTES // (8 * (n_features + 3) * n_models)))


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

    @classmethod
    def union(cls, parts: Sequence[Self]) -> Self:
        """Those of several sets of rows."""
        first, *others = parts
        if not any(len(other.rows) for other in others):
            return first
        log_densities, numbers, rows, weights = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("log_densities", "numbers", "rows", "weights")
        )
        order = np.lexsort((numbers, log_densities))[: first.most]
        return cls(first.most, log_densities[order], numbers[order], rows[order], weights[order])

    def __add__(self, other: Self) -> Self:
        return self.union([self, other])

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


class LeastLikelyCollector:
    """Collects the least likely rows of each mixture.

    What is found is put together when it has grown to as many rows as are kept: to sort them after
    each few rows of the data would take as long as an E-step.

    Parameters
    ----------
    request : LeastLikelyRequest
    origin : ndarray of shape (n_features,)
        Subtracted from the rows that are kept.
    """

    def __init__(self, request: LeastLikelyRequest, origin: Array) -> None:
        self._most = request.most
        self._limits = request.limits.tolist()
        self._origin = origin
        nothing = LeastLikelyRows.none(request.most, len(origin))
        self._parts = [[nothing] for _ in self._limits]

    def add(self, log_densities: Array, first: int, rows: Array, weights: Array) -> None:
        """Add some rows.

        Parameters
        ----------
        log_densities : ndarray of shape (n_models, n_rows)
        first : int
            Number of the first of these rows.
        rows : ndarray of shape (n_rows, n_features)
        weights : ndarray of shape (n_rows,)
        """
        for model, log_density in enumerate(log_densities):
            parts = self._parts[model]
            limit = min(self._limits[model], parts[0].limit)
            chosen = np.flatnonzero((log_density <= limit) & (weights > 0))
            if len(chosen) > self._most:
                values = log_density[chosen]
                chosen = chosen[values <= np.partition(values, self._most - 1)[self._most - 1]]
            if not len(chosen):
                continue
            found = log_density[chosen], first + chosen, rows[chosen] - self._origin
            parts.append(LeastLikelyRows(self._most, *found, weights[chosen]))
            if sum(len(part.rows) for part in parts[1:]) >= self._most:
                self._parts[model] = [LeastLikelyRows.union(parts)]

    @property
    def rows(self) -> tuple[LeastLikelyRows, ...]:
        """The least likely of all that were added, for each mixture."""
        return tuple(map(LeastLikelyRows.union, self._parts))
