"""HDF5: a two-dimensional dataset of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, check_no_names, n_chunks
from dgmm.io.sources.group_members import choose_member
from dgmm.io.sources.hdf5_storage import (
    check_chunks,
    check_filters,
    check_sources,
    find_linked_files,
)
from dgmm.io.sources.packing import read_packing, refuse_times, to_text
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional
from dgmm.text import join_names

_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".h5ad", ".mat")
_MATLAB_NUMBERS = ("double", "single", "logical")
_MAGIC = b"\x89HDF"
_HIDDEN = ("#refs#", "#subsystem#")  # where MATLAB keeps what cells and objects refer to


def _matches(path: AnyPath) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_names(path, selection)
    _refuse_old_matlab(path)
    with open_file(path) as file:
        name = _choose(path, file, selection.variable)
        dataset = file[name]
        _refuse_no_numbers(path, dataset)
        fills = selection.missing_chunks == "fill"
        _refuse_enumeration(path, dataset)
        check_filters(path, dataset)
        check_chunks(path, dataset, may_lack_chunks=fills)
        chunks, shape = dataset.chunks, dataset.shape
        if _is_transposed(dataset):
            shape, chunks = shape[::-1], None if chunks is None else chunks[::-1]
        layout = "contiguous" if chunks is None else f"in chunks of {chunks}"
        return DatasetMetadata(
            shape=shape,
            dtype=read_packing(dataset.dtype, dataset.attrs).dtype,
            storage_chunks=(1,) if chunks is None else chunks[:1],
            files=(*list_files(path), *find_linked_files(path, dataset, may_lack_chunks=fills)),
            description=f"HDF5, {name} {layout}",
            selection=replace(selection, variables=(name,)),
            n_pieces=0 if chunks is None else n_chunks(shape, chunks),
        )


def _is_transposed(dataset: Any) -> bool:
    """Whether what wrote a dataset keeps the last dimension first: MATLAB and Octave."""
    return "MATLAB_class" in dataset.attrs or "OCTAVE_NEW_FORMAT" in dataset.parent.attrs


def _refuse_enumeration(path: AnyPath, dataset: Any) -> None:
    """Refuse numbers that stand for names; truth values are no such numbers."""
    names = import_optional("h5py", "hdf5", "HDF5 files").check_enum_dtype(dataset.dtype)
    if names and dataset.dtype.kind != "b":
        raise DataError(
            f"{path}: {dataset.name} is an enumeration of {join_names(tuple(names), 6)}, whose "
            "numbers are names and no measurements. Choose another variable."
        )


def _refuse_old_matlab(path: AnyPath) -> None:
    if path.suffix.lower() != ".mat":
        return
    with open_binary(path) as file:
        is_hdf5 = any(file.seek(place) >= 0 and file.read(4) == _MAGIC for place in (0, 512))
    if not is_hdf5:
        raise DataError(
            f"{path} is a MATLAB file of before version 7.3, which is not read. Save it again: "
            "save('NAME.mat', 'X', '-v7.3'), or numpy.save(...) of what scipy.io.loadmat gives."
        )


def _refuse_no_numbers(path: AnyPath, dataset: Any) -> None:
    """Refuse integers that stand for text, times or nothing."""
    refuse_times(path, dataset.name.strip("/"), dataset.attrs)
    kind = to_text(dataset.attrs.get("MATLAB_class", b"double"))
    if not (kind in _MATLAB_NUMBERS or kind.startswith(("int", "uint"))):
        raise DataError(
            f"{path}: {dataset.name} is a MATLAB array of class {kind}, expected numbers. "
            "Choose another variable."
        )
    if dataset.attrs.get("MATLAB_empty", 0):
        raise DataError(f"{path}: {dataset.name} is an empty MATLAB array.")


def _choose(path: AnyPath, file: Any, variable: str | None) -> str:
    """The name of the selected dataset, or of the only one that is a table."""
    shapes: dict[str, tuple[int, ...]] = {}
    groups: dict[str, Any] = {"": dict(file.attrs)}

    def note(name: str, node: Any) -> None:
        if name.startswith(_HIDDEN):
            return
        if not hasattr(node, "dtype"):
            groups[name] = dict(node.attrs)
        elif getattr(node, "shape", None) is not None:
            shapes[name] = node.shape[::-1] if _is_transposed(node) else node.shape

    file.visititems(note)
    return choose_member(path, variable, shapes, groups)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    with open_file(path) as file:
        dataset = file[selection.variable]
        _refuse_enumeration(path, dataset)
        check_filters(path, dataset)
        known = read_packing(dataset.dtype, dataset.attrs)
        if _is_transposed(dataset):
            region = (*(slice(0, extent) for extent in dataset.shape[:-1]), *region)
        check_sources(path, dataset, region)
        values = np.asarray(dataset[region])
        values = known.decode(values.T if _is_transposed(dataset) else values)
    return values[:, None] if values.ndim == 1 else values


@contextmanager
def open_file(path: AnyPath) -> Iterator[Any]:
    """Open a file without a lock, which some file systems lack."""
    library = import_optional("h5py", f"{path} is HDF5, and reading it needs h5py", "dgmm[hdf5]")
    if isinstance(path, Path):
        with library.File(str(path), "r", locking=False) as file:
            yield file
    else:
        with open_binary(path) as content, library.File(content, "r") as file:
            yield file


FORMAT = Format("hdf5", _matches, _describe, _read, seconds_per_piece=6e-6)
