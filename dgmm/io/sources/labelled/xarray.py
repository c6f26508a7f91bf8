"""Labelled datasets read by xarray: NetCDF files, and Zarr groups with named dimensions.

Values are what xarray decodes by the CF conventions: scaled and offset, and NaN where a fill value
or a mask says that they are missing.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import zarr
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.hdf5_storage import check_netcdf
from dgmm.io.sources.labelled.labelled_rows import (
    check_extents,
    describe_dataset,
    read_coordinate,
    read_dataset,
    select_weights,
)
from dgmm.io.sources.labelled.xarray_files import (
    choose_engine,
    is_hdf5,
    is_netcdf,
    metadata_files,
    open_dataset,
)
from dgmm.io.sources.selection import Selection
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
    dataset, engine = open_dataset(path), choose_engine(path)
    found = describe_dataset(path, dataset, selection, engine)
    names = found.selection.variables
    if engine == "zarr":
        _refuse_stale_metadata(path, dataset, names)
    if is_hdf5(path):
        check_netcdf(path, names, may_lack_chunks=selection.missing_chunks == "fill")
    return replace(found, files=_files(path, names, found.coordinates))


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
    dataset = open_dataset(path)
    check_extents(path, dataset, selection.sample_dims, region)
    if selection.cell_area is None and choose_engine(path) == "zarr":
        for name in selection.variables:
            _check_chunks(path, selection, dataset.variables[name].dims, name, region)
    return read_dataset(path, dataset, selection, region)


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
    return read_coordinate(open_dataset(path), coordinate, region)


FORMAT = Format(
    "xarray",
    _matches,
    _describe,
    _read,
    _refuse_missing,
    select_weights,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
)
