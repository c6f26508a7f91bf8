"""Open a labelled dataset through xarray, once a process as long as its file stays the same."""

import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import zarr

from dgmm.errors import DataError, MissingExtraError
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import zarr_store

if TYPE_CHECKING:  # it is optional
    import xarray

_NETCDF_SUFFIXES = (".nc", ".nc4", ".netcdf", ".cdf")
_ZARR_METADATA = ("zarr.json", ".zmetadata", ".zgroup", ".zattrs")
_HDF5 = b"\x89HDF"
_CDF5 = b"CDF\x05"  # which dgmm's extras do not read
_ENGINES = {  # by the first bytes of a file; of each, the first that is installed
    _HDF5: (("h5netcdf", "h5py"), ("netCDF4",)),
    b"CDF\x01": (("scipy",),),
    b"CDF\x02": (("scipy",),),
    _CDF5: (("netCDF4",),),
}
_MOST_OPEN = 8  # datasets a process


def is_netcdf(path: AnyPath) -> bool:
    """Whether a path has a name as NetCDF files do."""
    return path.suffix.lower() in _NETCDF_SUFFIXES


def is_hdf5(path: AnyPath) -> TypeGuard[Path]:
    """Whether a dataset is a NetCDF file based on HDF5, and h5py is installed."""
    if not (isinstance(path, Path) and path.is_file() and importlib.util.find_spec("h5py")):
        return False
    with path.open("rb") as file:
        return file.read(4) == _HDF5


def metadata_files(path: AnyPath) -> list[AnyPath]:
    """The metadata files of a Zarr group; none if it is not a Zarr group."""
    return [path / name for name in _ZARR_METADATA if (path / name).is_file()]


def open_dataset(path: AnyPath) -> "xarray.Dataset":
    """The dataset at a path, decoded lazily by xarray except for times.

    It is kept open for the next block; a file that has been replaced is opened again.

    Raises
    ------
    DataError
        If it is neither a NetCDF file nor a Zarr group.
    MissingExtraError
        If xarray, or the library for this kind of NetCDF, is not installed.
    """
    state = tuple(file for part in metadata_files(path) or [path] for file in list_files(part))
    return _open(path, choose_engine(path), state, os.getpid())


def choose_engine(path: AnyPath) -> str:
    """The name of xarray's engine that reads a dataset.

    Raises
    ------
    DataError, MissingExtraError
        See `open_dataset`.
    """
    if importlib.util.find_spec("xarray") is None:
        raise MissingExtraError(
            f'{path} is read through xarray, which is not installed: pip install "dgmm[xarray]"'
        )
    if metadata_files(path):
        return "zarr"
    if not isinstance(path, Path):
        raise DataError(
            f"{path} is no Zarr group; NetCDF is read from file systems only. Copy it, or write it "
            "as Zarr with xarray."
        )
    if path.is_dir():
        raise DataError(f"{path} is a directory without the metadata of a Zarr group.")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic not in _ENGINES:
        raise DataError(f"{path} begins with {magic!r}, as neither NetCDF nor HDF5 does.")
    for modules in _ENGINES[magic]:
        if all(importlib.util.find_spec(module) for module in modules):
            return modules[0].lower()
    needed = _ENGINES[magic][-1][0]
    command = "netCDF4" if magic == _CDF5 else '"dgmm[netcdf]"'
    raise MissingExtraError(
        f"{path} is a kind of NetCDF that needs {needed}, which is not installed: "
        f"pip install {command}"
    )


@lru_cache(maxsize=_MOST_OPEN)
def _open(
    path: AnyPath, engine: str, state: tuple[FileInfo, ...], process: int
) -> "xarray.Dataset":
    del state, process  # equal arguments mean the same dataset, opened in this process
    options: dict[str, Any] = {}
    if engine == "zarr":
        metadata = zarr.open_group(zarr_store(path), mode="r").metadata
        options["consolidated"] = metadata.consolidated_metadata is not None
    if engine == "h5netcdf":
        import h5py  # a failed open leaves an h5netcdf file that warns when it is deleted

        with h5py.File(path, "r") as file:
            file.attrs.get("_nc3_strict")
    store: Any = zarr_store(path, read_only=True) if engine == "zarr" else path
    return open_lazily(store, engine, **options)


def open_lazily(
    store: Any,  # a path, or a store of Zarr
    engine: str,
    *,
    consolidated: bool | None = None,
) -> "xarray.Dataset":
    """A dataset of which nothing is read but what is asked for.

    Parameters
    ----------
    store : path or zarr.abc.store.Store
    engine : str
        Of xarray.
    consolidated : bool, optional
        Whether a Zarr group has consolidated metadata.
    """
    import xarray  # here, because it is optional

    return xarray.open_dataset(
        store,
        engine=engine,
        cache=False,
        decode_times=False,
        decode_timedelta=False,
        create_default_indexes=False,  # or a long coordinate would be read whole by every process
        backend_kwargs={} if consolidated is None else {"consolidated": consolidated},
    )
