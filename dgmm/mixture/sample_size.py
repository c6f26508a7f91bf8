"""How many rows criteria count, which weights leave open."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:  # configurations are checked without NumPy
    from dgmm.mixture.types import Array

Normalization = Literal["counts", "rows", "kish"]
"""What weights are scaled to before criteria see them: their sum as it is, the number of rows, or
Kish's effective number."""

_FAR = 4.0  # times the number of rows, or a part of it: weights are hardly counts of few rows


@dataclass(frozen=True, slots=True)
class WeightTotals:
    """What the weights of some rows sum to; that of a union is the ``+`` of theirs.

    Attributes
    ----------
    n_rows : int
        Rows of positive weight.
    total : float
        Sum of weights; the number of rows, if there are none.
    norm : float
        Square root of the sum of their squares.
    """

    n_rows: int
    total: float
    norm: float

    @classmethod
    def from_weights(cls, weights: "Array") -> Self:
        """Totals of weights; squares are of weights relative to the largest, to stay in float64."""
        largest = weights.max()
        norm = largest * math.sqrt(((weights / largest) ** 2).sum())
        return cls(int((weights > 0).sum()), float(weights.sum()), float(norm))

    def __add__(self, other: Self) -> "WeightTotals":
        norm = math.hypot(self.norm, other.norm)  # squares would leave float64
        return WeightTotals(self.n_rows + other.n_rows, self.total + other.total, norm)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How many rows criteria count, and why.

    Attributes
    ----------
    n_rows : int
        Rows of positive weight.
    total_weight : float
        Sum of weights; ``n_rows`` if there are none.
    n_effective : float
        The number of rows n of criteria: the weights of all rows are scaled to sum to it.
    normalize : {"counts", "rows", "kish"} or None
        How it was found; None is as "counts", but nobody has said that weights are counts.
    """

    n_rows: int
    total_weight: float
    n_effective: float
    normalize: Normalization | None = None

    @classmethod
    def of(cls, totals: WeightTotals, normalize: Normalization | None) -> Self:
        """The size of a sample with such weights.

        "rows" scales weights to a mean of 1, as is done for survey weights (Vermunt & Magidson
        2007, Sociol. Methods Res. 36, sec. 3). "kish" is (sum w)^2 / sum w^2, the number of equally
        weighted rows that tell as much of a mean (Kish 1965, Survey Sampling, sec. 11.7).

        Parameters
        ----------
        totals : WeightTotals
        normalize : {"counts", "rows", "kish"} or None
        """
        size = totals.total
        if normalize == "rows":
            size = float(totals.n_rows)
        elif normalize == "kish":
            size = min((totals.total / totals.norm) ** 2, float(totals.n_rows))
        return cls(totals.n_rows, totals.total, size, normalize)

    @property
    def scale(self) -> float:
        """By what weights are multiplied before criteria see them."""
        return self.n_effective / self.total_weight

    @property
    def is_weighted(self) -> bool:
        """Whether the sum of weights is another number than that of rows."""
        return self.total_weight != self.n_rows or self.n_effective != self.n_rows

    @property
    def is_doubtful(self) -> bool:
        """Whether weights are taken for counts that hardly can be."""
        ratio = self.total_weight / self.n_rows
        return self.normalize is None and not 1 / _FAR <= ratio <= _FAR

    @property
    def sentence(self) -> str:
        """The size for a person."""
        found = f"The weights of {self.n_rows:,} rows sum to {self.total_weight:,.6g}"
        return f"{found}; criteria count n = {self.n_effective:,.6g} rows."
