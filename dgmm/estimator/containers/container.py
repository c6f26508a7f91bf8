"""Rows as users hold them: how they are read, and how results are given back in kind."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np

from dgmm.engine.dataset import Dataset
from dgmm.engine.row_checks import check_all_finite
from dgmm.estimator.containers.array_likes import as_array_like
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate
from dgmm.mixture.parameters import Parameters

_BLOCK_BYTES = 1 << 21
_BLOCK_ROWS = (1 << 13, 1 << 17)


class RowContainer(ABC):
    """Rows of features as a user holds them."""

    @property
    @abstractmethod
    def heading(self) -> Any:
        """Something of the same features, for scikit-learn to take names and their number from."""

    def in_memory(self) -> Rows | None:
        """All rows, shape (n_rows, n_features), if they are here; None if Dask computes them."""
        return None

    @property
    def is_lazy(self) -> bool:
        """Whether the rows are computed when they are needed, by Dask."""
        return self.in_memory() is None

    def check_finite(self) -> None:
        """Refuse rows in memory that are NaN or infinite; others are checked as they are read.

        Raises
        ------
        DataError
            With their number, and the first rows and columns.
        """
        rows = self.in_memory()
        if rows is not None:
            check_all_finite(rows, self.feature_names)

    @abstractmethod
    def rows(self) -> da.Array:
        """All rows, as an array of shape (n_rows, n_features) in blocks of known size."""

    @abstractmethod
    def weights(self, sample_weight: Any) -> da.Array:
        """Weights in the order of :meth:`rows`, as an array of shape (n_rows,)."""

    @abstractmethod
    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Any:
        """A quantity for every row, in the kind that the rows came in."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features; x0, x1 and so on where they have none."""
        names = getattr(self.heading, "columns", None)
        if names is None:
            return tuple(f"x{j}" for j in range(self.heading_width))
        return tuple(str(name) for name in names)

    @property
    def heading_width(self) -> int:
        """Number of features."""
        return int(self.heading.shape[1])

    def totals(
        self, mixture: Parameters, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, which are read once, and the number of rows."""
        rows = self.rows()
        sums = [map_rows(rows, mixture, quantity).sum() for quantity in quantities]
        return [float(total) for total in dask.compute(*sums)], len(rows)

    def dataset(self, sample_weight: Any = None) -> Dataset:
        """What the engine fits.

        Raises
        ------
        DataError
            If rows or weights cannot be fitted.
        """
        rows = self.rows()
        weights = None
        if sample_weight is not None:
            weights = self.weights(as_array_like(sample_weight, "sample_weight"))
        return Dataset.from_array(rows, weights, self.feature_names)


def to_blocks(values: Rows) -> da.Array:
    """Rows in memory as blocks of about 2 MiB, whose number depends on the data alone."""
    return from_array_nocopy(values, (_block_rows(values), -1))


def _block_rows(values: Rows) -> int:
    row_bytes = values.shape[1] * values.itemsize
    return int(np.clip(_BLOCK_BYTES // row_bytes, *_BLOCK_ROWS))


def from_array_nocopy(values: Rows, chunks: Any) -> da.Array:
    """An array in memory as blocks that are views of it."""
    meta = np.empty((0,) * values.ndim, values.dtype)
    # Without name=False Dask would hash all values to name them.
    return da.from_array(_ArrayView(values), chunks=chunks, name=False, meta=meta)


@dataclass(frozen=True, slots=True, eq=False)
class _ArrayView:
    """An array that can be sliced but not copied: ``from_array`` would copy what it can."""

    values: Rows

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return self.values.ndim

    def __getitem__(self, places: Any) -> Rows:
        return self.values[places]


def compute_rows(values: Rows, mixture: Parameters, quantity: RowOutput) -> Rows:
    """The quantity of every row in memory, by threads where there is more than one block."""
    if len(values) <= _block_rows(values):
        return evaluate(values, mixture, quantity)
    blocks = map_rows(to_blocks(values), mixture, quantity)
    return np.asarray(blocks.compute(scheduler="threads"))


def map_rows(array: da.Array, mixture: Parameters, quantity: RowOutput) -> da.Array:
    """The quantity of every row of blocks (..., n_features)."""
    if array.numblocks[-1] > 1:
        array = array.rechunk({array.ndim - 1: -1})
    columns = tuple((size,) for size in quantity.shape(mixture))
    n_dims = array.ndim - 1 + len(columns)
    return array.map_blocks(
        evaluate,
        mixture=mixture,
        quantity=quantity,
        chunks=(*array.chunks[:-1], *columns),
        drop_axis=() if columns else array.ndim - 1,
        dtype=quantity.dtype,
        meta=np.empty((0,) * n_dims, quantity.dtype),
    )


def flat_weights(sample_weight: Any) -> da.Array:
    """Weights of any kind as a Dask array of known size."""
    if isinstance(sample_weight, da.Array):
        if np.isnan(sample_weight.shape).any():
            return sample_weight.copy().compute_chunk_sizes()
        return sample_weight
    return da.from_array(np.asarray(sample_weight), name=False)
