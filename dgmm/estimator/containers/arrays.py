"""Arrays of NumPy and Dask."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import dask.array as da
import numpy as np
from sklearn.utils import check_array

from dgmm.estimator.containers.container import (
    RowContainer,
    compute_rows,
    flat_weights,
    from_array_nocopy,
    map_rows,
    to_blocks,
)
from dgmm.estimator.row_outputs import RowOutput, Rows
from dgmm.mixture.parameters import Parameters


@dataclass(frozen=True, slots=True, eq=False)
class NumpyContainer(RowContainer):
    """Rows in memory, validated by scikit-learn.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
    heading : object
        As the user gave them.
    """

    values: Rows
    heading: Any

    def in_memory(self) -> Rows:
        """They are here."""
        return self.values

    def rows(self) -> da.Array:
        """Blocks of about 2 MiB, whose number depends on the data alone."""
        return to_blocks(self.values)

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights as scikit-learn checks them: one number, or one for each row."""
        if isinstance(sample_weight, Real):
            return da.full(len(self.values), sample_weight, dtype=np.float64)
        weights = check_array(sample_weight, ensure_2d=False, input_name="sample_weight")
        return from_array_nocopy(weights, -1)

    @property
    def heading_width(self) -> int:
        """Number of features."""
        return self.values.shape[1]

    def totals(
        self, mixture: Parameters, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, and the number of rows."""
        sums = [
            float(compute_rows(self.values, mixture, quantity).sum()) for quantity in quantities
        ]
        return sums, len(self.values)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Rows:
        """An array, computed by threads where there is more than one block."""
        return compute_rows(self.values, mixture, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class DaskContainer(RowContainer):
    """A Dask array of shape (n_rows, n_features), in any chunks."""

    array: da.Array

    @property
    def heading(self) -> Any:
        """The array itself."""
        return self.array

    def rows(self) -> da.Array:
        """The array; block sizes that are unknown are computed, once."""
        if np.isnan(self.array.shape[0]):
            return self.array.copy().compute_chunk_sizes()
        return self.array

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights from an array of Dask or of anything else."""
        return flat_weights(sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> da.Array:
        """A Dask array in the same blocks of rows."""
        return map_rows(self.array, mixture, quantity)
