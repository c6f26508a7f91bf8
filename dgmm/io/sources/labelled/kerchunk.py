"""References to chunks in other files, as kerchunk and VirtualiZarr write them in JSON."""

import json
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
from numpy.typing import NDArray
from zarr.storage import FsspecStore

from dgmm.errors import DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.labelled.labelled_rows import (
    describe_dataset,
    read_coordinate,
    read_dataset,
    select_weights,
)
from dgmm.io.sources.labelled.xarray_files import open_lazily
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional

if TYPE_CHECKING:  # it is optional
    import xarray

_HEAD = 1 << 12  # bytes in which the keys of the document begin
_MOST_OPEN = 8  # datasets a process


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
    return replace(found, files=(*list_files(path), *_referenced_files(path)))


def _referenced_files(path: Path) -> tuple[FileInfo, ...]:
    """The files of this machine in which chunks lie."""
    references = json.loads(path.read_bytes())["refs"].values()
    targets = {str(each[0]).removeprefix("file://") for each in references if len(each) == 3}
    found = sorted(target for target in targets if "://" not in target)
    return tuple(replace(list_files(Path(name))[0], key=name) for name in found)


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
