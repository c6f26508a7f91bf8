"""Data frames of Dask: results are lazy and carry their index."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask.array as da
import dask.dataframe as dd
import numpy as np

from dgmm.errors import DataError
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.dask_arrays import LazyContainer, flat_weights
from dgmm.estimator.containers.frames import (
    align_to_index,
    check_columns,
    has_index,
    index_ends,
    is_plain,
    with_index,
)
from dgmm.estimator.row_outputs import RowOutput, evaluate, naming_part
from dgmm.mixture.parameters import Parameters

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class DaskFrameContainer(LazyContainer):
    """A Dask data frame."""

    frame: dd.DataFrame

    @property
    def header(self) -> "pd.DataFrame":
        """An empty frame of the same columns."""
        return sys.modules["pandas"].DataFrame(columns=self.frame.columns)

    def rows(self) -> da.Array:
        """Its values; the lengths of its partitions are computed, once."""
        check_columns(self.frame, may_be_text=False)
        frame = self.frame if is_plain(self.frame) else self.frame.astype(np.float64)
        return frame.to_dask_array(lengths=True)

    def weights(self, sample_weight: WeightsLike) -> da.Array:
        """Weights from a series, by the labels of its index, or an array."""
        if hasattr(sample_weight, "to_dask_array"):
            aligned = self.frame.index.to_series().map_partitions(
                _align_partition,
                _repartition_like(self.frame, sample_weight),
                meta=(None, np.float64),
                align_dataframes=False,
            )
            return aligned.to_dask_array(lengths=True)
        if has_index(sample_weight):
            sample_weight = align_to_index(sample_weight, self.frame.index.compute()).to_numpy()
        return flat_weights(sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> RowValues:
        """A lazy series or frame with the same index and partitions."""
        check_columns(self.frame, may_be_text=False)
        if quantity.has_components:
            meta: object = dict.fromkeys(range(mixture.n_components), quantity.dtype)
        else:
            meta = (quantity.name, quantity.dtype)
        return self.frame.map_partitions(_evaluate_frame, mixture, quantity, meta=meta)


def _align_partition(rows: "pd.Series", weights: "pd.Series") -> "pd.Series":
    """Weights of one partition of rows."""
    return align_to_index(weights, rows.index).astype(np.float64)


def _repartition_like(frame: dd.DataFrame, weights: dd.Series) -> dd.Series:
    """A Dask series in the partitions of a frame, without moving what need not move."""
    if frame.known_divisions and weights.known_divisions:
        same = weights.divisions == frame.divisions
        return weights if same else weights.repartition(divisions=frame.divisions, force=True)
    if weights.npartitions != frame.npartitions:
        message = (
            f"sample_weight has {weights.npartitions} partitions and X {frame.npartitions}, of "
            "unknown divisions; expected the same partitions. Make both of one frame."
        )
        raise DataError(message)
    return weights


def _evaluate_frame(frame: "pd.DataFrame", mixture: Parameters, quantity: RowOutput) -> RowValues:
    values = frame.to_numpy() if is_plain(frame) else frame.astype(np.float64).to_numpy()
    with naming_part(f"partition of index {index_ends(frame.index)}"):
        found = evaluate(values, mixture, quantity)
    return with_index(found, frame.index, quantity)
