"""Dask arrays, and what all lazy rows share."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np

from dgmm.engine.dataset import Dataset
from dgmm.engine.in_memory import InMemoryRows
from dgmm.estimator.annotations import WeightsLike
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate, naming_part
from dgmm.mixture.parameters import Parameters


class LazyContainer(RowContainer):
    """Rows that Dask computes when they are needed."""

    @abstractmethod
    def rows(self) -> da.Array:
        """All rows, as an array of shape (n_rows, n_features) in blocks of known size."""

    @abstractmethod
    def weights(self, sample_weight: WeightsLike) -> da.Array:
        """Weights in the order of :meth:`rows`, as an array of shape (n_rows,)."""

    def blocks(self, sample_weight: WeightsLike | None) -> Dataset | InMemoryRows:
        """The rows in the blocks of their array."""
        weights = None if sample_weight is None else self.weights(sample_weight)
        return Dataset.from_array(self.rows(), weights, self.feature_names)

    def totals(
        self, mixture: Parameters, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, which are read once, and the number of rows."""
        rows = self.rows()
        sums = [map_rows(rows, mixture, quantity).sum() for quantity in quantities]
        return [float(total) for total in dask.compute(*sums)], len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class DaskContainer(LazyContainer):
    """A Dask array of shape (n_rows, n_features), in any chunks."""

    array: da.Array

    @property
    def header(self) -> da.Array:
        """The array itself."""
        return self.array

    def rows(self) -> da.Array:
        """The array; block sizes that are unknown are computed, once."""
        if np.isnan(self.array.shape[0]):
            return self.array.copy().compute_chunk_sizes()
        return self.array

    def weights(self, sample_weight: WeightsLike) -> da.Array:
        """Weights from an array of Dask or of anything else."""
        return flat_weights(sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> da.Array:
        """A Dask array in the same blocks of rows."""
        return map_rows(self.array, mixture, quantity)


def map_rows(array: da.Array, mixture: Parameters, quantity: RowOutput) -> da.Array:
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


def _evaluate_block(
    block: Rows, mixture: Parameters, quantity: RowOutput, block_info: dict[int, Any]
) -> Rows:
    """The quantity of every row of a block."""
    corner = tuple(start for start, _ in block_info[0]["array-location"][:-1])
    if len(corner) == 1:
        return evaluate(block, mixture, quantity, *corner)
    with naming_part(f"block that begins at {corner}"):
        return evaluate(block, mixture, quantity)


def flat_weights(sample_weight: WeightsLike) -> da.Array:
    """Weights of any kind as a one-dimensional Dask array of known size."""
    if isinstance(sample_weight, da.Array):
        if np.isnan(sample_weight.shape).any():
            return sample_weight.copy().compute_chunk_sizes()
        return sample_weight
    return da.from_array(np.asarray(sample_weight), name=False)
