"""Dask arrays, and what all lazy rows share."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask
import numpy as np
from dask.array.core import Array, from_array

from dgmm.engine.dataset import Dataset, as_core_array
from dgmm.engine.in_memory import InMemoryRows
from dgmm.estimator.annotations import WeightsLike
from dgmm.estimator.containers.array_likes import is_dask_array
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate, name_part
from dgmm.mixture.assignment_statistics import AssigningMixture


class LazyContainer(RowContainer):
    """Rows that Dask computes when they are needed."""

    @abstractmethod
    def rows(self) -> Array:
        """All rows, as an array of shape (n_rows, n_features) in blocks of known size."""

    def blocks(self, weights: Any, labels: Any) -> Dataset | InMemoryRows:
        """The rows in the blocks of their array."""
        return Dataset.from_array(self.rows(), weights, self.feature_names, labels=labels)

    def totals(
        self, mixture: AssigningMixture, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, which are read once, and the number of rows."""
        rows = self.rows()
        parts = [_block_sums(map_rows(rows, mixture, quantity)) for quantity in quantities]
        return [float(sums.sum()) for sums in dask.compute(*parts)], len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class DaskContainer(LazyContainer):
    """A Dask array of shape (n_rows, n_features), of any class and in any chunks."""

    array: Array

    @property
    def header(self) -> Array:
        """The array itself."""
        return self.array

    def rows(self) -> Array:
        """The array; block sizes that are unknown are computed, once."""
        return _with_known_size(as_core_array(self.array))

    def column(self, values: WeightsLike, name: str) -> Array:
        """Numbers from an array of Dask or of anything else."""
        del name
        return flat_column(values)

    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> Array:
        """A Dask array in the same blocks of rows."""
        return map_rows(self.array, mixture, quantity)


def map_rows(array: Array, mixture: AssigningMixture, quantity: RowOutput) -> Array:
    """The quantity of every row of blocks (..., n_features)."""
    if array.numblocks[-1] > 1:
        array = array.rechunk({array.ndim - 1: -1})
    columns = tuple((size,) for size in quantity.shape(mixture))
    n_dims = array.ndim - 1 + len(columns)
    return array.map_blocks(
        _evaluate_block,
        mixture=mixture,
        quantity=quantity,
        chunks=(*array.chunks[:-1], *columns),
        drop_axis=() if columns else array.ndim - 1,
        dtype=quantity.dtype,
        meta=np.empty((0,) * n_dims, quantity.dtype),
    )


def _block_sums(values: Array) -> Array:
    """The sum of each block of one number a row."""
    return values.map_blocks(_sum, chunks=((1,) * values.numblocks[0],), dtype=np.float64)


def _sum(values: Rows) -> Rows:
    return np.asarray(np.nansum(values, keepdims=True))  # NaN is of rows without a value


def _evaluate_block(
    block: Rows, mixture: AssigningMixture, quantity: RowOutput, block_info: dict[int, Any]
) -> Rows:
    """The quantity of every row of a block."""
    corner = tuple(start for start, _ in block_info[0]["array-location"][:-1])
    if len(corner) == 1:
        return evaluate(block, mixture, quantity, *corner)
    with name_part(f"block that begins at {corner}"):
        return evaluate(block, mixture, quantity)


def flat_column(values: WeightsLike) -> Array:
    """Numbers of any kind as a one-dimensional Dask array of known size."""
    if is_dask_array(values):
        return _with_known_size(as_core_array(values))
    return from_array(np.asarray(values), name=False)


def _with_known_size(array: Array) -> Array:
    return array.copy().compute_chunk_sizes() if np.isnan(array.shape).any() else array
