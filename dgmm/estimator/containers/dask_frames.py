"""Data frames of Dask: results are lazy and carry their index."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask
import dask.dataframe as dd
import numpy as np
from dask.array.core import Array
from dask.base import tokenize

from dgmm.errors import DataError
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.dask_arrays import LazyContainer, flat_column
from dgmm.estimator.containers.frames import (
    align_to_index,
    check_columns,
    has_index,
    index_ends,
    is_plain,
    with_index,
)
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate, name_part
from dgmm.mixture.assignment_statistics import AssigningMixture

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

    def rows(self) -> Array:
        """Its values; the lengths of its partitions are computed, once."""
        check_columns(self.frame, may_be_text=False)
        frame = self.frame if is_plain(self.frame) else self.frame.astype(np.float64)
        return _values(frame, np.result_type(*frame.dtypes), (len(frame.columns),))

    def column(self, values: WeightsLike, name: str) -> Array:
        """Numbers from a series, by the labels of its index, or an array."""
        if hasattr(values, "to_dask_array"):
            aligned = self.frame.index.to_series().map_partitions(
                _align_partition,
                _repartition_like(self.frame, values, name),
                name,
                meta=(None, np.float64),
                align_dataframes=False,
            )
            return _values(aligned, np.dtype(np.float64))
        if has_index(values):
            values = align_to_index(values, self.frame.index.compute(), name).to_numpy()
        return flat_column(values)

    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> RowValues:
        """A lazy series or frame with the same index and partitions."""
        check_columns(self.frame, may_be_text=False)
        if quantity.has_columns:
            (n_columns,) = quantity.shape(mixture)
            names = self.frame.columns if quantity.has_features else range(n_columns)
            meta: object = dict.fromkeys(names, quantity.dtype)
        else:
            meta = (quantity.name, quantity.dtype)
        return self.frame.map_partitions(_evaluate_frame, mixture, quantity, meta=meta)


def _values(
    frame: "dd.DataFrame | dd.Series", dtype: "np.dtype[np.generic]", width: tuple[int, ...] = ()
) -> Array:
    """The values of all partitions, whose lengths are computed.

    By the tasks of partitions, since ``to_dask_array`` fails on frames where Dask plans queries of
    arrays.
    """
    lengths = frame.map_partitions(len, meta=(None, np.int64)).compute()
    parts = dask.optimize(*(_to_numpy(part, dtype) for part in frame.to_delayed()))
    name = f"values-{tokenize(*(part.key for part in parts))}"
    corner = (0,) * len(width)
    blocks = {(name, place, *corner): part.key for place, part in enumerate(parts)}
    chunks = (tuple(map(int, lengths)), *((extent,) for extent in width))
    return Array({**parts[0].__dask_graph__(), **blocks}, name, chunks, dtype=dtype)


@dask.delayed(pure=True)
def _to_numpy(part: "pd.DataFrame | pd.Series", dtype: "np.dtype[np.generic]") -> Rows:
    return part.to_numpy(dtype)


def _align_partition(rows: "pd.Series", values: "pd.Series", name: str) -> "pd.Series":
    """The numbers of one partition of rows."""
    return align_to_index(values, rows.index, name).astype(np.float64)


def _repartition_like(frame: dd.DataFrame, values: dd.Series, name: str) -> dd.Series:
    """A Dask series in the partitions of a frame, without moving what need not move."""
    if frame.known_divisions and values.known_divisions:
        same = values.divisions == frame.divisions
        return values if same else values.repartition(divisions=frame.divisions, force=True)
    if values.npartitions != frame.npartitions:
        message = (
            f"{name} has {values.npartitions} partitions and X {frame.npartitions}, of "
            "unknown divisions; expected the same partitions. Make both of one frame."
        )
        raise DataError(message)
    return values


def _evaluate_frame(
    frame: "pd.DataFrame", mixture: AssigningMixture, quantity: RowOutput
) -> RowValues:
    values = frame.to_numpy() if is_plain(frame) else frame.astype(np.float64).to_numpy()
    with name_part(f"partition of index {index_ends(frame.index)}"):
        found = evaluate(values, mixture, quantity)
    return with_index(found, frame, quantity)
