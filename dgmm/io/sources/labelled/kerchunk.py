"""References to chunks in other files, as kerchunk and VirtualiZarr write them in JSON."""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
from numpy.typing import NDArray
from zarr.storage import FsspecStore

from dgmm.errors import DataError, Remedy
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.labelled.labelled_rows import (
    describe_dataset,
    read_coordinate,
    read_dataset,
    select_weights,
)
from dgmm.io.sources.labelled.xarray_files import is_hdf5, open_lazily
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional

if TYPE_CHECKING:  # it is optional
    import xarray

_HEAD = 1 << 12  # bytes in which the keys of the document begin
_MOST_OPEN = 8  # datasets a process
_PACKING = {"scale_factor": 1.0, "add_offset": 0.0}


def _matches(path: AnyPath) -> bool:
    if not (isinstance(path, Path) and path.suffix == ".json" and path.is_file()):
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b'"refs"' in head and b'".zgroup"' in head


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    if not isinstance(path, Path):
        raise DataError(f"{path} is in an object store; references are read from files. Copy it.")
    dataset = _open(path, list_files(path), os.getpid())
    found = describe_dataset(path, dataset, selection, "references")
    references = json.loads(path.read_bytes())["refs"]
    files = tuple(
        replace(list_files(Path(name))[0], key=name) for name in _referenced_files(references)
    )
    for name in selection.variables or (selection.variable,):
        if name is not None:
            _check_packing(path, dataset[name], _referenced_files(references, f"{name}/"))
    return replace(found, files=(*list_files(path), *files))


def _referenced_files(references: dict[str, Any], start: str = "") -> list[str]:
    """The files of this machine in which chunks lie, of the keys that begin so."""
    targets = {
        str(each[0]).removeprefix("file://")
        for key, each in references.items()
        if key.startswith(start) and isinstance(each, list) and len(each) == 3
    }
    return sorted(target for target in targets if "://" not in target)


def _check_packing(path: Path, variable: "xarray.DataArray", names: Iterable[str]) -> None:
    """Raise DataError if a file packs values in another way than the references say.

    References of several files keep the scale and offset of the first for all of them.
    """
    for file in filter(is_hdf5, map(Path, names)):
        with import_optional("h5py", f"{file} is HDF5", "dgmm[hdf5]").File(file, "r") as group:
            stored = group[variable.name].attrs if variable.name in group else {}
            for key, plain in _PACKING.items():
                expected = float(variable.encoding.get(key, plain))
                found = float(np.ravel(stored.get(key, plain))[0]) if stored else expected
                if not np.isclose(found, expected, rtol=1e-6, atol=0):
                    raise DataError(
                        f"{path} would unpack {variable.name} of {file} by another {key} than that "
                        f"file has: {expected:.9g} instead of {found:.9g}. Give the files "
                        "themselves, by a pattern.",
                        remedy=Remedy.CHOOSE_CONCAT_DIM,
                    )


@lru_cache(maxsize=_MOST_OPEN)
def _open(path: Path, state: tuple[FileInfo, ...], process: int) -> "xarray.Dataset":
    del state, process  # equal arguments mean the same dataset, opened in this process
    import_optional("xarray", f"{path} is read through xarray", "dgmm[xarray]")
    files: Any = fsspec.filesystem("reference", fo=str(path), asynchronous=True)
    return open_lazily(FsspecStore(files, path="", read_only=True), "zarr", consolidated=False)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    dataset = _open(Path(str(path)), list_files(path), os.getpid())
    return read_dataset(path, dataset, selection, region)


def _read_coordinate(
    path: AnyPath,
    selection: Selection,  # noqa: ARG001 - the signature of all formats
    coordinate: Coordinate,
    region: Region,
) -> NDArray[Any]:
    dataset = _open(Path(str(path)), list_files(path), os.getpid())
    return read_coordinate(dataset, coordinate, region)


FORMAT = Format(
    "kerchunk",
    _matches,
    _describe,
    _read,
    select_weights=select_weights,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
)
