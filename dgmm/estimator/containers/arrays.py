"""NumPy arrays, and what scikit-learn converts to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array

from dgmm.engine.in_memory import InMemoryRows
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.array_likes import to_memory
from dgmm.estimator.containers.container import RowContainer, compute_rows, sum_rows
from dgmm.estimator.row_outputs import RowOutput, Rows
from dgmm.mixture.assignment_statistics import AssigningMixture


@dataclass(frozen=True, slots=True, eq=False)
class NumpyContainer(RowContainer):
    """Rows in memory, validated by scikit-learn.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
    header : object
        As the user gave them.
    """

    values: Rows
    header: Any  # an array or a frame, which is asked for columns and index

    @property
    def n_columns(self) -> int:
        """Number of features."""
        return self.values.shape[1]

    def in_memory(self) -> Rows:
        """The rows."""
        return self.values

    def column(self, values: WeightsLike, name: str) -> Rows:
        """Numbers as scikit-learn checks them: one, or one for each row."""
        if isinstance(values, Real):
            return np.full(len(self.values), values, dtype=np.float64)
        return check_array(to_memory(values, name), ensure_2d=False, input_name=name)

    def blocks(self, weights: Rows | None, labels: Rows | None) -> InMemoryRows:
        """The rows."""
        return InMemoryRows.from_arrays(self.values, weights, self.feature_names, labels)

    def totals(
        self, mixture: AssigningMixture, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, and the number of rows."""
        return sum_rows(self.values, mixture, quantities)

    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> RowValues:
        """An array."""
        return compute_rows(self.values, mixture, quantity)
