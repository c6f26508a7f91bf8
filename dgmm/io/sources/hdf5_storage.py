"""Checks that an HDF5 dataset can be read completely: filters, other files, all chunks.

Where one is missing HDF5 itself fails late, or returns fill values silently.
"""

import importlib
import importlib.util
import math
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from dgmm.errors import DataError, MissingExtraError, Remedy
from dgmm.io.grid import Region
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import n_chunks
from dgmm.io.sources.packing import read_packing
from dgmm.io.storage.location import AnyPath

_FILTERS = {  # registered with the HDF Group, of those in use
    307: "bzip2",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32018: "FCIDECOMP",
    32019: "JPEG",
    32024: "SZ3",
    32026: "Blosc2",
}
_PLUGINS = "hdf5plugin"
_MOST_NESTED = 8  # virtual datasets of virtual datasets


def check_filters(path: AnyPath, dataset: Any) -> None:
    """Load filters that are not part of HDF5; refuse a dataset whose filter is missing.

    Raises
    ------
    MissingExtraError
        That names the filter.
    """
    missing = _missing_filters(dataset)
    if missing and importlib.util.find_spec(_PLUGINS) is not None:
        importlib.import_module(_PLUGINS)  # which registers its filters; optional
        missing = _missing_filters(dataset)
    if missing:
        raise MissingExtraError(
            f"{path}: {dataset.name} is compressed by {', '.join(missing)}, which this HDF5 "
            f"library cannot read. Install the package of its filters: pip install {_PLUGINS}"
        )


def _missing_filters(dataset: Any) -> list[str]:
    is_available = importlib.import_module("h5py").h5z.filter_avail
    made = dataset.id.get_create_plist()
    found = (made.get_filter(i) for i in range(made.get_nfilters()))
    return [
        _FILTERS.get(code) or name.decode(errors="replace") or f"the filter {code}"
        for code, _, _, name in found
        if not is_available(code)
    ]


def check_chunks(path: AnyPath, dataset: Any, *, may_lack_chunks: bool) -> None:
    """Refuse a dataset with parts that were never written, unless those may be missing.

    Raises
    ------
    DataError
        That names the first part.
    """
    if dataset.is_virtual or dataset.external or dataset.size == 0:
        return
    absent = _first_absent(dataset)
    if absent is None:
        return
    what = f"{path}: {absent} of {dataset.name} was never written"
    known = read_packing(dataset.dtype, dataset.attrs)
    if may_lack_chunks and known.missing.size and not known.is_missing(dataset.fillvalue):
        raise DataError(
            f"{what}, and its meaning is unknown: HDF5's fill value is "
            f"{dataset.fillvalue}, which stands for a number, and the dataset's _FillValue "
            f"{known.missing[0]} for none. Write it again, whole."
        )
    if not may_lack_chunks:
        raise DataError(
            f"{what}; HDF5 would read {dataset.fillvalue}. Write it again.",
            remedy=Remedy.FILL_CHUNKS,
        )


def _first_absent(dataset: Any) -> str | None:
    if dataset.chunks is None:
        return "everything" if dataset.id.get_storage_size() == 0 else None
    if dataset.id.get_num_chunks() >= n_chunks(dataset.shape, dataset.chunks):
        return None
    if not hasattr(dataset.id, "chunk_iter"):  # of HDF5 before 1.12.3
        return "a chunk"
    found: set[tuple[int, ...]] = set()
    dataset.id.chunk_iter(lambda chunk: found.add(tuple(chunk.chunk_offset)))
    extents = zip(dataset.shape, dataset.chunks, strict=True)
    places = product(*(range(0, extent, size) for extent, size in extents))
    return f"the chunk at {next(place for place in places if place not in found)}"


def find_linked_files(
    path: AnyPath, dataset: Any, *, may_lack_chunks: bool, nested: int = 0
) -> tuple[FileInfo, ...]:
    """The other files that hold values of a virtual dataset, or of one with external storage.

    Raises
    ------
    DataError
        If one of them is not there, holds too little, or is named in a way that depends on where
        a program runs.
    MissingExtraError
        If one of them has a filter that is not there.
    """
    if not isinstance(path, Path) and (dataset.is_virtual or dataset.external):
        raise DataError(
            f"{path}: {dataset.name} lies in other files, which are read from file systems only. "
            "Put all into one file: h5repack."
        )
    if nested > _MOST_NESTED:
        raise DataError(f"{path}: {dataset.name} is virtual {nested} times over. Copy it whole.")
    if not dataset.is_virtual:
        return _external_files(path, dataset)
    files: tuple[FileInfo, ...] = ()
    sources = dataset.virtual_sources()
    n_mapped = sum(source.vspace.get_select_npoints() for source in sources)
    if n_mapped < dataset.size and not may_lack_chunks:
        raise DataError(
            f"{path}: {dataset.size - n_mapped} values of the virtual dataset {dataset.name} have "
            f"no source; HDF5 would read {dataset.fillvalue}. Write it again.",
            remedy=Remedy.FILL_CHUNKS,
        )
    for source in sources:
        with _open_source(path, dataset, source) as (place, found):
            check_filters(place, found)
            check_chunks(place, found, may_lack_chunks=may_lack_chunks)
            files += () if place == path else _linked_file_info(place)
            files += find_linked_files(
                place, found, may_lack_chunks=may_lack_chunks, nested=nested + 1
            )
    return tuple(dict.fromkeys(files))


def check_netcdf(path: Path, names: Sequence[str], *, may_lack_chunks: bool) -> None:
    """The same checks for variables of a NetCDF file.

    What was never written is missing there where the fill value says so, as for the records of
    an unlimited dimension.

    Raises
    ------
    DataError, MissingExtraError
    """
    with importlib.import_module("h5py").File(path, "r") as file:  # locked as xarray does
        for dataset in (file[name] for name in names if name in file):
            check_filters(path, dataset)
            known = read_packing(dataset.dtype, dataset.attrs)
            may_lack = may_lack_chunks or known.is_missing(dataset.fillvalue)
            check_chunks(path, dataset, may_lack_chunks=may_lack)
            find_linked_files(path, dataset, may_lack_chunks=may_lack)


def check_sources(path: AnyPath, dataset: Any, region: Region) -> None:
    """Refuse a region of a virtual dataset whose source is missing; called in tasks.

    Raises
    ------
    DataError
    """
    for source in dataset.virtual_sources() if dataset.is_virtual else ():
        first, last = source.vspace.get_select_bounds()
        bounds = zip(first, last, region, strict=False)
        if all(low < part.stop and part.start <= high for low, high, part in bounds):
            with _open_source(path, dataset, source) as (place, found):
                check_filters(place, found)


def _external_files(path: AnyPath, dataset: Any) -> tuple[FileInfo, ...]:
    files: tuple[FileInfo, ...] = ()
    for name, offset, size in dataset.external or ():
        place = Path(name)
        if not place.is_absolute():
            raise DataError(
                f"{path}: {dataset.name} lies in the external file {name}, a relative path that "
                "means another place in every directory. Put all into one file: h5repack."
            )
        held = place.stat().st_size if place.is_file() else 0
        least = offset + min(size, dataset.nbytes)
        if held < least:
            raise DataError(
                f"{path}: {dataset.name} lies in the external file {place}, which holds {held} "
                f"bytes, expected {least}. Put it back: HDF5 would read zeros."
            )
        files += _linked_file_info(place)
    return files


def _linked_file_info(place: Path) -> tuple[FileInfo, ...]:
    return tuple(replace(file, key=str(place)) for file in list_files(place))


@contextmanager
def _open_source(path: AnyPath, dataset: Any, source: Any) -> Iterator[tuple[Path, Any]]:
    """The file and the dataset that hold a part of a virtual dataset."""
    name = source.file_name
    places = [Path(name), Path(str(path)).parent / name, Path(str(path)).parent / Path(name).name]
    place = next((each for each in places[not places[0].is_absolute() :] if each.is_file()), None)
    if name == ".":
        place = Path(str(path))
    lost = (
        f"{path}: the virtual dataset {dataset.name} takes values from {source.dset_name} of {name}"
    )
    if place is None:
        raise DataError(
            f"{lost}, which is not there. Put it back: HDF5 would read {dataset.fillvalue}."
        )
    with importlib.import_module("h5py").File(place, "r", locking=False) as file:
        found = file.get(source.dset_name)
        shape = getattr(found, "shape", None)
        if shape is None or not _holds(shape, source):
            raise DataError(
                f"{lost}, which holds {'no such dataset' if shape is None else shape}. Write the "
                f"one or the other again: HDF5 would read {dataset.fillvalue}."
            )
        yield place, found


def _holds(shape: tuple[int, ...], source: Any) -> bool:
    """Whether a dataset of this shape has all values that a virtual one takes from it."""
    selected = source.src_space
    if selected.get_select_type() == importlib.import_module("h5py").h5s.SEL_ALL:
        return math.prod(shape) >= source.vspace.get_select_npoints()
    _, last = selected.get_select_bounds()
    return len(last) == len(shape) and all(map(operator.lt, last, shape))
