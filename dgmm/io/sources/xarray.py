"""Labelled datasets read by xarray: NetCDF files, and Zarr groups with named dimensions.

Values are what xarray decodes by the CF conventions: scaled and offset, and NaN where a fill value
or a mask says that they are missing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, InputChangedError, Remedy
from dgmm.io.grid import Coordinate, Region, n_samples_in
from dgmm.io.sources.cell_area import relative_areas
from dgmm.io.sources.coordinates import find_coordinates
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import DatasetMetadata, Format, choose_variable, column_indices
from dgmm.io.sources.hdf5_storage import check_netcdf
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.xarray_dimensions import (
    feature_dims,
    feature_groups,
    feature_names,
    sample_dims,
    select_variables,
    sizes,
    storage_chunks,
)
from dgmm.io.sources.xarray_files import (
    choose_engine,
    is_hdf5,
    is_netcdf,
    metadata_files,
    open_dataset,
)
from dgmm.io.sources.zarr import check_chunks, check_file_count
from dgmm.io.sources.zarr_layouts import refuse_icechunk, refuse_uneven_chunks
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import zarr_store

if TYPE_CHECKING:  # it is optional
    import xarray


def _matches(path: AnyPath) -> bool:
    return is_netcdf(path) or path.suffix == ".zarr" or bool(metadata_files(path))


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    refuse_icechunk(path)
    refuse_uneven_chunks(path)
    dataset = open_dataset(path)
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
    if choose_engine(path) == "zarr":
        _refuse_stale_metadata(path, dataset, names)
    if is_hdf5(path):
        check_netcdf(path, names, may_lack_chunks=selection.missing_chunks == "fill")
    coordinates = find_coordinates(dataset, dims)
    if selection.columns:
        column_indices(path, selection.columns, features)
    wanted = selection.columns or features
    return DatasetMetadata(
        shape=(*shape, len(wanted)),
        dtype=dtype,
        storage_chunks=storage_chunks(dataset, names, dims),
        files=_files(path, names, coordinates),
        description=f"{', '.join(names)} on {sizes(dataset, dims)} ({choose_engine(path)})",
        selection=replace(selection, variables=names, sample_dims=dims),
        feature_names=wanted,
        dims=dims,
        coordinates=coordinates,
        feature_groups=() if selection.columns else feature_groups(dataset, names, dims),
    )


def _refuse_stale_metadata(path: AnyPath, dataset: "xarray.Dataset", names: Sequence[str]) -> None:
    """Refuse variables that have grown since their metadata were consolidated, which xarray reads.

    Raises
    ------
    DataError
    """
    for name in names:
        own, consolidated = _zarr_array(path, name).shape, dataset.variables[name].shape
        if own != consolidated:
            raise DataError(
                f"{path}: {name} has shape {own}, and by the store's consolidated metadata "
                f"{consolidated}, which are older. Consolidate them again: "
                "zarr.consolidate_metadata(path)."
            )


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    dataset, dims = open_dataset(path), selection.sample_dims
    places = zip(dims, region, strict=True)
    if any(dataset.sizes.get(dim, 0) < place.stop for dim, place in places):
        raise InputChangedError(
            f"{path} has the dimensions {sizes(dataset, dataset.sizes)}, fewer than when it was "
            "opened. Put it back as it was, or start again."
        )
    if selection.cell_area is not None:
        latitude = _latitude(dataset, path, selection.cell_area)
        return _table(_areas(dataset, path, latitude), latitude.dims, dims, region)
    if choose_engine(path) == "zarr":
        for name in selection.variables:
            _check_chunks(path, selection, dataset.variables[name].dims, name, region)
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


def _files(
    path: AnyPath, names: Sequence[str], coordinates: Sequence[Coordinate]
) -> tuple[FileInfo, ...]:
    """The file; or of a Zarr group the metadata and the files of the variables."""
    metadata = metadata_files(path)
    if not metadata:
        return list_files(path)
    of_root = (file for place in metadata for file in list_files(place))
    members = sorted({*names, *(coordinate.name for coordinate in coordinates)})
    of_members = (
        replace(file, key=f"{name}/{file.key}")
        for name in members
        for file in list_files(path / name)
    )
    return tuple(chain(of_root, of_members))


def _refuse_missing(path: AnyPath, stored: DatasetMetadata) -> None:
    """Name the first missing chunk of a variable that has fewer files than chunks."""
    if stored.selection.missing_chunks == "fill" or not metadata_files(path):
        return
    for name in stored.selection.variables:
        check_file_count(path, _zarr_array(path, name), list_files(path / name))


def _check_chunks(
    path: AnyPath, selection: Selection, dims: Sequence[Any], name: str, region: Region
) -> None:
    """Refuse missing chunks, which xarray would read as missing values."""
    array = _zarr_array(path, name)
    places = dict(zip(selection.sample_dims, region, strict=True))
    for dim, order in selection.orders:
        here = order[places[dim]]
        places[dim] = slice(min(here), max(here) + 1)
    extents = zip(dims, array.shape, strict=True)
    everywhere = tuple(places.get(dim, slice(0, extent)) for dim, extent in extents)
    check_chunks(path, array, everywhere, may_lack_chunks=selection.missing_chunks == "fill")


def _zarr_array(path: AnyPath, name: str) -> zarr.Array[Any]:
    return zarr.open_array(zarr_store(path, read_only=True), path=name, mode="r")


def _read_coordinate(
    path: AnyPath,
    selection: Selection,  # noqa: ARG001 - the signature of all formats
    coordinate: Coordinate,
    region: Region,
) -> NDArray[Any]:
    variable = open_dataset(path).variables[coordinate.name]
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


def _select_weights(selection: Selection, weights: Weights) -> Selection:
    chosen = choose_variable(selection, weights)
    return replace(chosen, cell_area=weights.cell_area)


FORMAT = Format(
    "xarray",
    _matches,
    _describe,
    _read,
    _refuse_missing,
    _select_weights,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
)
