"""Data frames of pandas and Dask: results carry their index."""

import sys
from dataclasses import dataclass
from typing import Any

import dask.array as da

from dgmm.estimator.containers.arrays import NumpyContainer
from dgmm.estimator.containers.container import RowContainer, compute_rows, flat_weights
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate
from dgmm.mixture.parameters import Parameters


@dataclass(frozen=True, slots=True, eq=False)
class PandasContainer(NumpyContainer):
    """A data frame: results carry its index."""

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Any:
        """A series, or a frame with a column for each component."""
        return _indexed(compute_rows(self.values, mixture, quantity), self.heading.index, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class DaskFrameContainer(RowContainer):
    """A Dask data frame."""

    frame: Any

    @property
    def heading(self) -> Any:
        """An empty frame of the same columns."""
        return sys.modules["pandas"].DataFrame(columns=self.frame.columns)

    def rows(self) -> da.Array:
        """Its values; the lengths of its partitions are computed, once."""
        return self.frame.to_dask_array(lengths=True)

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights from a series of the same partitions, or an array."""
        if hasattr(sample_weight, "to_dask_array"):
            return sample_weight.to_dask_array(lengths=True)
        return flat_weights(sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Any:
        """A lazy series or frame with the same index and partitions."""
        if quantity.has_components:
            meta: Any = dict.fromkeys(range(mixture.n_components), quantity.dtype)
        else:
            meta = (quantity.name, quantity.dtype)
        return self.frame.map_partitions(_evaluate_frame, mixture, quantity, meta=meta)


def _evaluate_frame(frame: Any, mixture: Parameters, quantity: RowOutput) -> Any:
    return _indexed(evaluate(frame.to_numpy(), mixture, quantity), frame.index, quantity)


def _indexed(values: Rows, index: Any, quantity: RowOutput) -> Any:
    pandas = sys.modules["pandas"]
    if quantity.has_components:
        return pandas.DataFrame(values, index)
    return pandas.Series(values, index, name=quantity.name)
