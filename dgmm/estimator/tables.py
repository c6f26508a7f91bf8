"""The kinds of data users bring: how their rows are read, and results are given back in kind."""

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight, validate_data

from dgmm.engine.dataset import Dataset
from dgmm.errors import DataError
from dgmm.estimator.quantities import Quantity, Rows, evaluate
from dgmm.mixture.parameters import Parameters

_BLOCK_BYTES = 1 << 21
_BLOCK_ROWS = (1 << 13, 1 << 17)


class Table(ABC):
    """Rows of features as a user holds them."""

    @property
    @abstractmethod
    def heading(self) -> Any:
        """Something of the same features, for scikit-learn to take names and their number from."""

    @property
    def is_lazy(self) -> bool:
        """Whether the rows are computed when they are needed, by Dask."""
        return True

    @abstractmethod
    def rows(self) -> da.Array:
        """All rows, as an array of shape (n_rows, n_features) in blocks of known size."""

    @abstractmethod
    def weights(self, sample_weight: Any) -> da.Array:
        """Weights in the order of :meth:`rows`, as an array of shape (n_rows,)."""

    @abstractmethod
    def evaluated(self, mixture: Parameters, quantity: Quantity) -> Any:
        """A quantity for every row, in the kind that the rows came in."""

    @property
    def heading_width(self) -> int:
        """Number of features."""
        return int(self.heading.shape[1])

    def total(self, mixture: Parameters, quantity: Quantity) -> tuple[float, int]:
        """The sum of a quantity over all rows, and the number of rows."""
        values = _mapped(self.rows(), mixture, quantity)
        return float(values.sum().compute()), len(values)

    def dataset(self, sample_weight: Any = None) -> Dataset:
        """What the engine fits.

        Raises
        ------
        DataError
            If rows or weights cannot be fitted.
        """
        rows = self.rows()
        weights = None if sample_weight is None else self.weights(sample_weight)
        names = getattr(self.heading, "columns", None)
        return Dataset.from_array(
            rows, weights, None if names is None else tuple(str(name) for name in names)
        )


@dataclass(frozen=True, slots=True, eq=False)
class NumpyTable(Table):
    """Rows in memory, validated by scikit-learn.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
    heading : object
        As the user gave them.
    """

    values: Rows
    heading: Any

    @property
    def is_lazy(self) -> bool:
        """No: they are here."""
        return False

    def rows(self) -> da.Array:
        """Blocks of about 2 MiB, whose number depends on the data alone."""
        return _in_blocks(self.values)

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights as scikit-learn checks them: one number, or one for each row."""
        return da.from_array(_check_sample_weight(sample_weight, self.values), name=False)

    @property
    def heading_width(self) -> int:
        """Number of features."""
        return self.values.shape[1]

    def total(self, mixture: Parameters, quantity: Quantity) -> tuple[float, int]:
        """The sum of a quantity over all rows, and the number of rows."""
        values = _computed(self.values, mixture, quantity)
        return float(values.sum()), len(values)

    def evaluated(self, mixture: Parameters, quantity: Quantity) -> Rows:
        """An array, computed by threads where there is more than one block."""
        return _computed(self.values, mixture, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class PandasTable(NumpyTable):
    """A data frame: results carry its index."""

    def evaluated(self, mixture: Parameters, quantity: Quantity) -> Any:
        """A series, or a frame with a column for each component."""
        return _indexed(_computed(self.values, mixture, quantity), self.heading.index, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class DaskTable(Table):
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
        return _flat_weights(sample_weight)

    def evaluated(self, mixture: Parameters, quantity: Quantity) -> da.Array:
        """A Dask array in the same blocks of rows."""
        return _mapped(self.array, mixture, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class DaskFrameTable(Table):
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
        return _flat_weights(sample_weight)

    def evaluated(self, mixture: Parameters, quantity: Quantity) -> Any:
        """A lazy series or frame with the same index and partitions."""
        nothing = np.empty((0, *quantity.shape(mixture)), quantity.dtype)
        meta = _indexed(nothing, self.frame.index._meta, quantity)
        return self.frame.map_partitions(_evaluate_frame, mixture, quantity, meta=meta)


@dataclass(frozen=True, slots=True, eq=False)
class XarrayTable(Table):
    """A DataArray: one dimension holds the features, all others together are the samples.

    Attributes
    ----------
    array : xarray.DataArray
        Features last.
    """

    array: Any

    @property
    def feature_dim(self) -> Any:
        """Name of the dimension that holds the features."""
        return self.array.dims[-1]

    @property
    def heading(self) -> Any:
        """An empty frame of the features' names if they have any, else an empty array."""
        coordinate = self.array.coords.get(self.feature_dim)
        if coordinate is None or coordinate.dtype.kind not in "UOT":
            return np.empty((0, self.array.shape[-1]))
        return sys.modules["pandas"].DataFrame(columns=coordinate.values)

    @property
    def is_lazy(self) -> bool:
        """Whether a Dask array is inside."""
        return isinstance(self.array.data, da.Array)

    def rows(self) -> da.Array:
        """Cells as rows; those of a Dask array block after block, whatever the order of cells."""
        n_features = self.array.shape[-1]
        if not self.is_lazy:
            return _in_blocks(self.array.data.reshape(-1, n_features))
        whole = self.array.data.rechunk({-1: -1})
        return da.reshape_blockwise(whole, (whole.size // n_features, n_features))

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights from a DataArray of some of the same dimensions, or an array of their shape."""
        first = self.array.isel({self.feature_dim: 0}, drop=True)
        weights = sample_weight
        if not hasattr(weights, "broadcast_like"):
            weights = first.copy(data=_shaped(weights, first.shape))
        weights = weights.broadcast_like(first).transpose(*first.dims).data
        if not self.is_lazy:
            return _flat_weights(np.asarray(weights).reshape(-1))
        weights = da.asarray(weights).rechunk(self.array.data.chunks[:-1])
        return da.reshape_blockwise(weights, (weights.size,))

    def evaluated(self, mixture: Parameters, quantity: Quantity) -> Any:
        """A DataArray with the coordinates and attributes of the cells; lazy if this one is."""
        data = self.array.data
        if self.is_lazy:
            result = _mapped(data, mixture, quantity)
        else:
            flat = _computed(data.reshape(-1, data.shape[-1]), mixture, quantity)
            result = flat.reshape(data.shape[:-1] + flat.shape[1:])
        cells = self.array.dims[:-1]
        coordinates = {
            name: coordinate
            for name, coordinate in self.array.coords.items()
            if self.feature_dim not in coordinate.dims
        }
        dims = (*cells, "component") if quantity.has_components else cells
        return sys.modules["xarray"].DataArray(
            result, coordinates, dims, quantity.name, self.array.attrs
        )


def table_of(estimator: Any, X: Any, feature_dim: str | None, *, reset: bool) -> Table:
    """The table for whatever a user gave, its features checked against those of the fit.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns the number of features and their names if ``reset``; is compared with otherwise.
    X : array-like, dask array, pandas or Dask data frame, or xarray.DataArray
    feature_dim : str or None
        Dimension of a DataArray that holds the features; None means the last.
    reset : bool

    Raises
    ------
    ValueError
        If the data are not real numbers in two dimensions, are not finite (where they are in
        memory), or have other features than those of the fit.
    """
    lazy = _lazy_table(X, feature_dim)
    if lazy is not None:
        validate_data(estimator, lazy.heading, reset=reset, skip_check_array=True)
        return lazy
    values = validate_data(
        estimator, X, reset=reset, dtype="numeric", ensure_min_samples=2 if reset else 1
    )
    if values.dtype.itemsize > 8:  # long doubles
        values = values.astype(np.float64)
    kind = PandasTable if _is_instance(X, "pandas", "DataFrame") else NumpyTable
    return kind(values, X)


def _lazy_table(X: Any, feature_dim: str | None) -> Table | None:
    if isinstance(X, da.Array):
        if X.ndim != 2:
            message = (
                f"X is a Dask array of {X.ndim} dimension(s); expected 2D array, (samples, "
                "features). Reshape your data, X.reshape(-1, 1) for a single feature."
            )
            raise DataError(message)
        return DaskTable(X)
    if _is_instance(X, "dask.dataframe", "DataFrame"):
        return DaskFrameTable(X)
    if _is_instance(X, "xarray", "DataArray"):
        return XarrayTable(_features_last(X, feature_dim))
    return None


def _features_last(array: Any, feature_dim: str | None) -> Any:
    if array.ndim < 2 or (feature_dim is not None and feature_dim not in array.dims):
        message = (
            f"X has dimensions {array.dims}; expected at least two, one of them the features' "
            f"(feature_dim={feature_dim!r}). Name it with GaussianMixture(feature_dim=...)."
        )
        raise DataError(message)
    return array.transpose(..., array.dims[-1] if feature_dim is None else feature_dim)


def _is_instance(X: Any, module: str, name: str) -> bool:
    """Whether X is of a class of an optional package: only a loaded one can have made it."""
    loaded: ModuleType | None = sys.modules.get(module)
    return loaded is not None and isinstance(X, getattr(loaded, name))


def _in_blocks(values: Rows) -> da.Array:
    row_bytes = values.shape[1] * values.itemsize
    n_rows = int(np.clip(_BLOCK_BYTES // row_bytes, *_BLOCK_ROWS))
    # Without name=False Dask would hash all values to name them.
    return da.from_array(values, chunks=(n_rows, -1), name=False)


def _computed(values: Rows, mixture: Parameters, quantity: Quantity) -> Rows:
    """The quantity of every row in memory, by threads where there is more than one block."""
    blocks = _in_blocks(values)
    if blocks.npartitions == 1:
        return evaluate(values, mixture, quantity)
    return np.asarray(_mapped(blocks, mixture, quantity).compute(scheduler="threads"))


def _mapped(array: da.Array, mixture: Parameters, quantity: Quantity) -> da.Array:
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


def _evaluate_frame(frame: Any, mixture: Parameters, quantity: Quantity) -> Any:
    return _indexed(evaluate(frame.to_numpy(), mixture, quantity), frame.index, quantity)


def _indexed(values: Rows, index: Any, quantity: Quantity) -> Any:
    pandas = sys.modules["pandas"]
    if quantity.has_components:
        return pandas.DataFrame(values, index)
    return pandas.Series(values, index, name=quantity.name)


def _flat_weights(sample_weight: Any) -> da.Array:
    if isinstance(sample_weight, da.Array):
        if np.isnan(sample_weight.shape).any():
            return sample_weight.copy().compute_chunk_sizes()
        return sample_weight
    return da.from_array(np.asarray(sample_weight), name=False)


def _shaped(weights: Any, shape: tuple[int, ...]) -> NDArray[np.generic]:
    weights = np.asarray(weights)
    if weights.size != int(np.prod(shape)):
        message = f"sample_weight has shape {weights.shape}; expected {shape}, one for each sample."
        raise DataError(message)
    return weights.reshape(shape)
