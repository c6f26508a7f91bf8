"""What any set of rows says about all models of a pass: a value with a zero and a ``+``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SufficientStatistics:
    """Sums over rows; the statistics of a union of rows are the sum of theirs.

    Attributes
    ----------
    log_likelihood : ndarray of shape (n_models,)
        Sum of weight times log-density, in nats (for tied models of the expanded kernel without
        the quadratic term, which is the same for all components).
    log_classification : ndarray of shape (n_models,)
        Sum of weight times log of the largest responsibility, in nats; never positive.
    sums : tuple of ndarray
        Responsibility-weighted sums of features, one array for each group of a kernel.
    """

    log_likelihood: Array
    log_classification: Array
    sums: tuple[Array, ...]

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        return SufficientStatistics(
            self.log_likelihood + other.log_likelihood,
            self.log_classification + other.log_classification,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
        )
