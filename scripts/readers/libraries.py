"""Read every array of a Zarr group by one library, and print what was read as lines of JSON.

    python scripts/readers/libraries.py tensorstore RESULT NAME...

It runs in the environment of that library, so it imports nothing of dgmm. A line has the name of an
array and the digest of its values, or the error; the last line has the library's version.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Read = Callable[[str, str], Any]


def digest(values: Any) -> str:
    """The same for the same text, or the same numbers as float64, whatever holds them."""
    array = np.asarray(values)
    if array.dtype.kind in "OUT":
        content = "\0".join(map(str, array.ravel().tolist())).encode()
    else:
        content = np.ascontiguousarray(array, "<f8").tobytes()
    return hashlib.sha256(content).hexdigest()


def zarr(root: str, name: str) -> Any:
    """zarr-python."""
    import zarr

    return zarr.open_array(f"{root}/{name}", mode="r")[...]


def zarrs(root: str, name: str) -> Any:
    """Codecs of the Rust crate zarrs below zarr-python."""
    import zarr as python

    python.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return zarr(root, name)


def xarray(root: str, name: str) -> Any:
    """xarray, by the groups of one tree."""
    import xarray

    with xarray.open_datatree(root, engine="zarr", decode_cf=False) as tree:
        return tree[name].to_numpy()


def tensorstore(root: str, name: str) -> Any:
    """TensorStore."""
    import tensorstore

    store = {"driver": "file", "path": f"{root}/{name}"}
    return tensorstore.open({"driver": "zarr3", "kvstore": store}).result().read().result()


def gdal(root: str, name: str) -> Any:
    """GDAL's interface to arrays of any number of dimensions."""
    from gdal_library import read

    return read(root, name)


def netcdf(root: str, name: str) -> Any:
    """netCDF-C."""
    import netCDF4

    with netCDF4.Dataset(f"file://{root}#mode=zarr,file") as dataset:
        return dataset[name][...]


READERS: dict[str, Read] = {
    read.__name__: read for read in (zarr, zarrs, xarray, tensorstore, gdal, netcdf)
}


def version_of(library: str) -> str:
    """As the library says it."""
    if library == "gdal":
        from gdal_library import library_version

        return library_version()
    if library == "netcdf":
        import netCDF4

        return netCDF4.__netcdf4libversion__
    return version(library)


def main() -> None:
    """Read the named arrays."""
    library, root, *names = sys.argv[1:]
    warnings.simplefilter("ignore")
    for name in names:
        line = {"name": name}
        try:
            line["digest"] = digest(READERS[library](root, name))
        except Exception as error:  # whatever a library raises is what is asked for
            line["error"] = " ".join(str(error).split())
        print(json.dumps(line))
    print(json.dumps({"version": version_of(library)}))


if __name__ == "__main__":
    main()
