"""Samples of arrays and labelled data, each written and read by a library of its format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sample import GRID, Rows, Sample

_DIMS = ("y", "x")


def _write_npy(folder: Path, x: Rows) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def _write_zarr(folder: Path, x: Rows, version: int) -> Path:
    import zarr

    zarr.create_array(folder / "x.zarr", data=x, chunks=(250, 3), zarr_format=version)
    return folder / "x.zarr"


def _read_zarr(path: Path) -> NDArray[Any]:
    import zarr

    return zarr.open_array(path, mode="r")[...]


def _write_hdf5(folder: Path, x: Rows) -> Path:
    import h5py

    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(250, 3), compression="gzip")
    return folder / "x.h5"


def _read_hdf5(path: Path) -> NDArray[Any]:
    import h5py

    with h5py.File(path) as file:
        return file["x"][...]


def _dataset(x: Rows) -> Any:
    """Two variables, one of which has a dimension beside the samples'."""
    import xarray

    cells = x.reshape(*GRID, 3)
    coordinates = {"y": np.arange(30.0), "x": np.arange(40.0), "depth": [5.0, 10.0]}
    variables = {"salt": (_DIMS, cells[..., 0]), "temp": ((*_DIMS, "depth"), cells[..., 1:])}
    return xarray.Dataset(variables, coordinates)


def _rows(data: Any) -> NDArray[Any]:
    """Values of a dataset of xarray."""
    cells = np.concatenate([data.salt.to_numpy()[..., None], data.temp.to_numpy()], axis=-1)
    return cells.reshape(-1, 3)


def _write_netcdf(folder: Path, x: Rows) -> Path:
    """Temperatures are packed as integers, by netCDF4 itself."""
    import netCDF4

    data = _dataset(x)
    with netCDF4.Dataset(folder / "x.nc", "w") as file:
        for name, extent in data.sizes.items():
            file.createDimension(name, extent)
            file.createVariable(name, "f8", (name,))[...] = data[name].to_numpy()
        file.createVariable("salt", "f4", _DIMS)[...] = data.salt.to_numpy()
        packed = file.createVariable("temp", "i2", (*_DIMS, "depth"), fill_value=-1)
        packed.scale_factor, packed.add_offset = 0.5, 3.0
        packed[...] = data.temp.to_numpy()
    return folder / "x.nc"


def _read_netcdf(path: Path) -> NDArray[Any]:
    import netCDF4

    with netCDF4.Dataset(path) as file:
        cells = np.ma.concatenate([file["salt"][...][..., None], file["temp"][...]], axis=-1)
        return np.ma.filled(cells.astype(float), np.nan).reshape(-1, 3)


def _write_series(folder: Path, x: Rows) -> Path:
    data = _dataset(x)
    for part in range(3):
        data.isel(y=slice(10 * part, 10 * part + 10)).to_netcdf(folder / f"{part}.nc")
    return folder / "*.nc"


def _read_series(path: Path) -> NDArray[Any]:
    import xarray

    parts = [xarray.open_dataset(file) for file in sorted(path.parent.glob(path.name))]
    return _rows(xarray.concat(parts, "y"))


def _write_labelled_zarr(folder: Path, x: Rows) -> Path:
    encoding = {"temp": {"chunks": (7, 40, 2)}, "salt": {"chunks": (7, 40)}}
    _dataset(x).to_zarr(folder / "x.zarr", encoding=encoding)
    return folder / "x.zarr"


def _read_labelled_zarr(path: Path) -> NDArray[Any]:
    import xarray

    return _rows(xarray.open_zarr(path))


def _write_icechunk(folder: Path, x: Rows) -> Path:
    import icechunk

    place = icechunk.local_filesystem_storage(str(folder / "repository"))
    session = icechunk.Repository.create(place).writable_session("main")
    _dataset(x).to_zarr(session.store, consolidated=False)
    session.commit("rows")
    return folder / "repository"


def _read_icechunk(path: Path) -> NDArray[Any]:
    import icechunk
    import xarray

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(path)))
    store = repository.readonly_session("main").store
    return _rows(xarray.open_zarr(store, consolidated=False))


def _write_references(folder: Path, x: Rows) -> Path:
    from kerchunk.hdf import SingleHdf5ToZarr

    _dataset(x).to_netcdf(folder / "x.nc", engine="h5netcdf")
    references = SingleHdf5ToZarr(str(folder / "x.nc")).translate()
    (folder / "references.json").write_text(json.dumps(references))
    return folder / "references.json"


def _read_references(path: Path) -> NDArray[Any]:
    import xarray

    return _rows(xarray.open_dataset(str(path), engine="kerchunk"))


_GRID = {"variables": ["salt", "temp"], "sample_dims": list(_DIMS)}

SAMPLES = (
    Sample("Zarr v2", "zarr", lambda folder, x: _write_zarr(folder, x, 2), _read_zarr),
    Sample("Zarr v3", "zarr", lambda folder, x: _write_zarr(folder, x, 3), _read_zarr),
    Sample(".npy", "numpy", _write_npy, np.load),
    Sample("HDF5", "h5py", _write_hdf5, _read_hdf5, {"variable": "x"}),
    Sample("NetCDF, packed", "netCDF4", _write_netcdf, _read_netcdf, _GRID),
    Sample(
        "NetCDF, several files",
        "h5netcdf",
        _write_series,
        _read_series,
        {**_GRID, "concat_dim": "y"},
    ),
    Sample("Zarr, labelled", "xarray", _write_labelled_zarr, _read_labelled_zarr, _GRID),
    Sample("Icechunk", "icechunk", _write_icechunk, _read_icechunk, _GRID),
    Sample("references", "kerchunk", _write_references, _read_references, _GRID),
)
