"""A labelled dataset, wherever it comes from, as rows and features."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, InputChangedError, Remedy
from dgmm.io.grid import Coordinate, Region, n_samples_in
from dgmm.io.sources.format import DatasetMetadata, choose_variable, column_indices
from dgmm.io.sources.labelled.cell_area import relative_areas
from dgmm.io.sources.labelled.coordinates import find_coordinates
from dgmm.io.sources.labelled.xarray_dimensions import (
    feature_dims,
    feature_groups,
    feature_names,
    sample_dims,
    select_variables,
    sizes,
    storage_chunks,
)
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.storage.location import AnyPath

if TYPE_CHECKING:  # it is optional
    import xarray


def describe_dataset(
    path: AnyPath, dataset: "xarray.Dataset", selection: Selection, kind: str
) -> DatasetMetadata:
    """What a labelled dataset is as a table; its files are left to the caller.

    Parameters
    ----------
    path : Path or StorePath
        For messages.
    dataset : xarray.Dataset
    selection : Selection
    kind : str
        Where it comes from, for a person.
    """
    dims = sample_dims(dataset, path, selection)
    shape = tuple(dataset.sizes[dim] for dim in dims)
    if selection.cell_area is not None:
        names: tuple[str, ...] = (selection.cell_area,)
        _areas(dataset, path, _latitude(dataset, path, selection.cell_area))
        dtype, features = np.dtype(np.float64), feature_names(dataset, names, dims)
    else:
        names = select_variables(dataset, path, selection, dims)
        dtype = np.result_type(*(dataset.variables[name].dtype for name in names))
        features = feature_names(dataset, names, dims)
    if selection.columns:
        column_indices(path, selection.columns, features)
    wanted = selection.columns or features
    return DatasetMetadata(
        shape=(*shape, len(wanted)),
        dtype=dtype,
        storage_chunks=storage_chunks(dataset, names, dims),
        files=(),
        description=f"{', '.join(names)} on {sizes(dataset, dims)} ({kind})",
        selection=replace(selection, variables=names, sample_dims=dims),
        feature_names=wanted,
        dims=dims,
        coordinates=find_coordinates(dataset, dims),
        feature_groups=() if selection.columns else feature_groups(dataset, names, dims),
    )


def read_dataset(
    path: AnyPath, dataset: "xarray.Dataset", selection: Selection, region: Region
) -> NDArray[Any]:
    """The samples of a region as rows, shape (n_samples, n_features).

    Parameters
    ----------
    path : Path or StorePath
        For messages.
    dataset : xarray.Dataset
    selection : Selection
        As `describe_dataset` settled it.
    region : tuple of slice
        In the dimensions of the samples.

    Raises
    ------
    InputChangedError
        If the dataset is smaller now.
    """
    dims = selection.sample_dims
    check_extents(path, dataset, dims, region)
    if selection.cell_area is not None:
        latitude = _latitude(dataset, path, selection.cell_area)
        return _table(_areas(dataset, path, latitude), latitude.dims, dims, region)
    orders = dict(selection.orders)
    tables = [
        _read_variable(dataset.variables[name], dims, region, orders)
        for name in selection.variables
    ]
    table = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)
    if not selection.columns:
        return table
    names = feature_names(dataset, selection.variables, dims)
    return table[:, column_indices(path, selection.columns, names)]


def check_extents(
    path: AnyPath, dataset: "xarray.Dataset", dims: tuple[str, ...], region: Region
) -> None:
    """Raise InputChangedError if a region does not lie in a dataset any more."""
    places = zip(dims, region, strict=True)
    if any(dataset.sizes.get(dim, 0) < place.stop for dim, place in places):
        raise InputChangedError(
            f"{path} has the dimensions {sizes(dataset, dataset.sizes)}, fewer than when it was "
            "opened. Put it back as it was, or start again."
        )


def _read_variable(
    variable: "xarray.Variable",
    dims: tuple[str, ...],
    region: Region,
    orders: Mapping[str, Sequence[int]],
) -> NDArray[Any]:
    places: dict[str, Any] = {
        dim: np.asarray(orders[dim][place]) if dim in orders else place
        for dim, place in zip(dims, region, strict=True)
        if dim in variable.dims
    }
    order = (*places, *feature_dims(variable, dims))
    values = variable.isel(places).transpose(*order).to_numpy()
    whole = tuple(slice(0, part.stop - part.start) for part in region)
    return _table(values, order, dims, whole)


def _table(
    values: NDArray[Any], order: Sequence[Any], dims: tuple[str, ...], region: Region
) -> NDArray[Any]:
    """The samples of a region as rows; values are repeated along the dimensions they lack.

    Parameters
    ----------
    values : ndarray
    order : sequence of str
        Their dimensions: some of the samples', in order, and then those of features.
    dims : tuple of str
        Of the samples.
    region : tuple of slice
    """
    here = tuple(place for dim, place in zip(dims, region, strict=True) if dim in order)
    values = values[here]
    n_sample_dims = len(here)
    extents = iter(values.shape)
    lying = tuple(next(extents) if dim in order else 1 for dim in dims)
    features = values.shape[n_sample_dims:]
    full = tuple(place.stop - place.start for place in region)
    spread = np.broadcast_to(values.reshape(*lying, *features), (*full, *features))
    return spread.reshape(n_samples_in(region), math.prod(features))


def read_coordinate(
    dataset: "xarray.Dataset", coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    """Values of a coordinate in a region of its own dimensions."""
    variable = dataset.variables[coordinate.name]
    places = dict(zip(coordinate.dims, region, strict=True))
    values = variable.isel(places).to_numpy()
    if coordinate.dtype != "str":
        return np.asarray(values)
    texts = [
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in values.ravel()
    ]
    return np.array(texts, dtype=np.dtypes.StringDType()).reshape(values.shape)


def _latitude(dataset: "xarray.Dataset", path: AnyPath, name: str) -> "xarray.Variable":
    """The latitudes of cells, in degrees."""
    variable = dataset.variables.get(name)
    if variable is None or variable.ndim != 1 or variable.dtype.kind not in "iuf":
        found = "none" if variable is None else f"{variable.dims}, {variable.dtype}"
        raise ConfigurationError(
            f"{path}: the areas of cells need a coordinate {name!r} of latitudes with one "
            f"dimension, found {found}.",
            remedy=Remedy.CHOOSE_LATITUDE,
        )
    units = variable.attrs.get("units", "degrees_north")
    if not str(units).startswith("degree"):
        raise DataError(f"The latitudes {name} of {path} are in {units}, expected degrees_north.")
    return variable


def _areas(dataset: "xarray.Dataset", path: AnyPath, latitude: "xarray.Variable") -> NDArray[Any]:
    """Areas of the cells of each latitude, from their bounds if the dataset names them."""
    named = latitude.attrs.get("bounds", f"{latitude.dims[0]}_bnds")
    bounds = dataset.variables.get(named)
    ends = None if bounds is None else bounds.to_numpy().astype(np.float64)
    try:
        return relative_areas(latitude.to_numpy().astype(np.float64), ends)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def select_weights(selection: Selection, weights: Weights) -> Selection:
    """The selection of the weights, or of the latitudes from which they are found."""
    chosen = choose_variable(selection, weights)
    return replace(chosen, cell_area=weights.cell_area)
