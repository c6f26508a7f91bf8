"""xarray's DataArrays: results carry their coordinates."""

import sys
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from dask.array.core import Array, from_array
from dask.array.reshape import reshape_blockwise
from numpy.typing import NDArray

from dgmm.engine.block import Missing
from dgmm.engine.dataset import Dataset, as_core_array
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.row_checks import PLACES
from dgmm.errors import DataError
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.array_likes import is_dask_array, to_memory
from dgmm.estimator.containers.container import compute_rows, sum_rows
from dgmm.estimator.containers.dask_arrays import LazyContainer, map_rows
from dgmm.estimator.row_outputs import RowOutput, Rows
from dgmm.io.sources.labels import label_order
from dgmm.mixture.assignment_statistics import AssigningMixture

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_FILLS = ("_FillValue", "missing_value")
_OF_PLACES = {"grid_mapping", "crs", "transform"}  # attributes that tell where the cells lie
_PACKING = {"scale_factor": 1.0, "add_offset": 0.0}
"""Attributes of packed numbers, and what of them changes nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class XarrayContainer(LazyContainer):
    """A DataArray: one dimension holds the features, all others together are the samples.

    Attributes
    ----------
    array : xarray.DataArray
        Features last.
    """

    array: "xr.DataArray"

    @property
    def feature_dim(self) -> Hashable:
        """Name of the dimension that holds the features."""
        return self.array.dims[-1]

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels of the features in their coordinate; None if there is none."""
        if self.feature_dim not in self.array.coords:
            return None
        return tuple(map(str, self.array.coords[self.feature_dim].values))

    @property
    def header(self) -> "pd.DataFrame | NDArray[np.float64]":
        """An empty frame of the features' labels if they have any, else an empty array."""
        if self.labels is None:
            return np.empty((0, self.array.shape[-1]))
        return sys.modules["pandas"].DataFrame(columns=list(self.labels))

    def check_finite(self, missing: Missing = "error") -> None:
        """Refuse values in memory that are NaN, infinite or what the attributes call missing.

        xarray keeps ``_FillValue`` and its like among the attributes where it was told to decode
        nothing, and so does rioxarray.

        Raises
        ------
        DataError
        """
        LazyContainer.check_finite(self, missing)
        _warn_of_packing(self.array)
        rows = self.in_memory()
        if rows is not None:
            _check_fill(self.array, rows)

    def in_order(self, names: Sequence[str] | None) -> Self:
        """The same with the features of these names, which may lie here in another order.

        Parameters
        ----------
        names : array-like of str, or None
            Of the features that are expected. What is not the same set is left as it is, for
            scikit-learn to say what differs.
        """
        if names is None or self.labels is None:
            return self
        try:
            order = label_order(names, self.labels)
        except LookupError:
            return self
        return self if order is None else replace(self, array=self.array[..., order])

    def in_memory(self) -> Rows | None:
        """The cells as rows, unless they are in a Dask array."""
        data = self.array.data
        return None if is_dask_array(data) else data.reshape(-1, data.shape[-1])

    def rows(self) -> Array:
        """The cells as rows, block by block."""
        whole = as_core_array(self.array.data).rechunk({self.array.ndim - 1: -1})
        n_features = whole.shape[-1]
        return reshape_blockwise(whole, (whole.size // n_features, n_features))

    def column(self, values: WeightsLike, name: str) -> Array | Rows:
        """Numbers from a DataArray of some of the same dimensions, or an array of their shape."""
        cells = self._cells(values, name)
        if not self.is_lazy:
            return np.asarray(to_memory(cells, name)).reshape(-1)
        cells = as_core_array(cells) if is_dask_array(cells) else from_array(cells)
        cells = cells.rechunk(self.array.data.chunks[:-1])
        return reshape_blockwise(cells, (cells.size,))

    def _cells(self, values: WeightsLike, name: str) -> Array | Rows:
        """An array with a number for each cell, lazy or not."""
        first = self.array.isel({self.feature_dim: 0}, drop=True)
        if hasattr(values, "broadcast_like"):
            found = _align_cells(cast("xr.DataArray", values), first, name)
        else:
            found = first.copy(data=_reshape_cells(values, first.shape, name))
        return found.broadcast_like(first).transpose(*first.dims).data

    def blocks(self, weights: Any, labels: Any) -> Dataset | InMemoryRows:
        """The cells as rows, in their blocks if they are lazy."""
        rows = self.in_memory()
        if rows is None:
            return LazyContainer.blocks(self, weights, labels)
        return InMemoryRows.from_arrays(rows, weights, self.feature_names, labels)

    def totals(
        self, mixture: AssigningMixture, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all cells, and the number of cells."""
        rows = self.in_memory()
        if rows is None:
            return LazyContainer.totals(self, mixture, quantities)
        return sum_rows(rows, mixture, quantities)

    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> RowValues:
        """A DataArray with the coordinates of the cells; lazy if this one is.

        Attributes that describe the values, such as units, are those of results in the same units
        only; a label is neither in degrees nor packed.
        """
        rows = self.in_memory()
        if rows is None:
            result = map_rows(self.array.data, mixture, quantity)
        else:
            flat = compute_rows(rows, mixture, quantity)
            result = flat.reshape(self.array.shape[:-1] + flat.shape[1:])
        cells = self.array.dims[:-1]
        coordinates = {
            name: coordinate
            for name, coordinate in self.array.coords.items()
            if quantity.has_features or self.feature_dim not in coordinate.dims
        }
        column = "component" if quantity.n_clusters is None else "cluster"
        dims = (*cells, column) if quantity.has_components else cells
        dims = self.array.dims if quantity.has_features else dims
        attributes = {
            name: value
            for name, value in self.array.attrs.items()
            if quantity.has_units or name in _OF_PLACES
        }
        return sys.modules["xarray"].DataArray(result, coordinates, dims, quantity.name, attributes)


def _warn_of_packing(array: "xr.DataArray") -> None:
    names = [name for name, plain in _PACKING.items() if array.attrs.get(name, plain) != plain]
    if names:
        warnings.warn(
            f"X has the attributes {', '.join(names)}, which xarray has not applied: its values "
            "are taken as they are. Decode them, such as by xarray.decode_cf.",
            UserWarning,
            stacklevel=7,
        )


def _check_fill(array: "xr.DataArray", rows: Rows) -> None:
    """Refuse values that the attributes of an array call missing."""
    fills = {name: array.attrs[name] for name in _FILLS if name in array.attrs}
    if not fills:
        return
    missing = np.isin(rows, [value for fill in fills.values() for value in np.ravel(fill)])
    if missing.any():
        bad = np.flatnonzero(missing.any(axis=1))
        called = ", ".join(f"{name} is {value}" for name, value in fills.items())
        raise DataError(
            f"{np.count_nonzero(missing)} values of X are missing by its attributes ({called}), in "
            f"{len(bad)} row(s), the first: {', '.join(map(str, bad[:PLACES]))}. Leave these rows "
            "out, or decode X, such as by xarray.decode_cf, or masked=True of rioxarray."
        )


def _align_cells(values: "xr.DataArray", samples: "xr.DataArray", name: str) -> "xr.DataArray":
    """Numbers of cells in the order of the samples' labels, without coordinates."""
    unknown = [str(dim) for dim in values.dims if dim not in samples.dims]
    if unknown:
        message = (
            f"{name} has the dimension {', '.join(unknown)}, expected some of "
            f"{', '.join(map(str, samples.dims))}: those of X without the features'."
        )
        raise DataError(message)
    for dim in values.dims:
        if dim not in samples.coords or dim not in values.coords:
            if samples.sizes[dim] != values.sizes[dim]:
                message = (
                    f"{name} has {values.sizes[dim]} values along {dim}; expected "
                    f"{samples.sizes[dim]}, one for each sample."
                )
                raise DataError(message)
            continue
        try:
            order = label_order(samples.coords[dim].values, values.coords[dim].values)
        except LookupError as error:
            message = (
                f"{name} has other labels along {dim} than X: {error}. Give it those of X, "
                f"such as by {name}.assign_coords, or interpolate it."
            )
            raise DataError(message) from error
        values = values if order is None else values.isel({dim: order})
    return values.drop_vars(list(values.coords))


def _reshape_cells(values: WeightsLike, shape: tuple[int, ...], name: str) -> NDArray[np.generic]:
    values = np.asarray(values)
    if values.size != int(np.prod(shape)):
        message = f"{name} has shape {values.shape}; expected {shape}, one for each sample."
        raise DataError(message)
    return values.reshape(shape)
