"""HDF5: a two-dimensional dataset of a file."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, MissingExtraError, Remedy
from dgmm.io.grid import Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, check_no_names, join_names, n_chunks
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, open_binary

_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
_MISSING = ("_FillValue", "missing_value")  # attributes that name what stands for no value


def _matches(path: AnyPath) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_names(path, selection)
    with _opened(path) as file:
        name = _choose(path, file, selection.variable)
        dataset = file[name]
        chunks, missing = dataset.chunks, _missing(dataset)
        layout = "contiguous" if chunks is None else f"in chunks of {chunks}"
        return DatasetMetadata(
            shape=dataset.shape,
            dtype=_widened(dataset.dtype) if missing else dataset.dtype,
            storage_chunks=(1,) if chunks is None else chunks[:1],
            files=list_files(path),
            description=f"HDF5, {name} {layout}",
            selection=replace(selection, variables=(name,)),
            n_pieces=0 if chunks is None else n_chunks(dataset.shape, chunks),
        )


def _choose(path: AnyPath, file: Any, variable: str | None) -> str:
    """The name of the dataset that is asked for, or of the only one that is a table."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, node: Any) -> None:
        if hasattr(node, "dtype") and hasattr(node, "shape"):
            shapes[name] = node.shape

    file.visititems(note)
    tables = sorted(name for name, shape in shapes.items() if shape is not None and len(shape) == 2)
    if variable is None and len(tables) == 1:
        return tables[0]
    if variable is not None and variable.strip("/") in shapes:
        return variable.strip("/")
    wish = "and none was chosen" if variable is None else f"but none {variable!r}"
    there = join_names([f"{name} {shapes[name]}" for name in tables])
    raise ConfigurationError(
        f"{path} has {len(tables)} two-dimensional datasets, {wish}. "
        f"They are: {there or '(none: nothing here can be fitted)'}.",
        remedy=Remedy.CHOOSE_VARIABLE,
    )


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    with _opened(path) as file:
        dataset = file[selection.variable]
        values, missing = np.asarray(dataset[region]), _missing(dataset)
    if missing:
        absent = np.isin(values, missing)
        values = values.astype(_widened(values.dtype))
        values[absent] = np.nan
    return values[:, None] if values.ndim == 1 else values


def _missing(dataset: Any) -> list[Any]:
    """The values that stand for none, as the dataset's dtype holds them; NaN needs no mention."""
    if dataset.dtype.kind not in "buif":
        return []
    named = [np.ravel(dataset.attrs[name]) for name in _MISSING if name in dataset.attrs]
    if dataset.dtype.kind == "f":  # the 1e20 of a float64 attribute is another number in float32
        with np.errstate(over="ignore"):
            named = [values.astype(dataset.dtype) for values in named]
    return [value for values in named for value in values if not np.isnan(value)]


def _widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The floats that hold every value and NaN; what is no number stays, to be refused."""
    return np.result_type(dtype, np.float32) if dtype.kind in "buif" else dtype


@contextmanager
def _opened(path: AnyPath) -> Iterator[Any]:
    """The file, without the lock that some file systems lack."""
    library = _library(path)
    if isinstance(path, Path):
        with library.File(str(path), "r", locking=False) as file:
            yield file
    else:
        with open_binary(path) as content, library.File(content, "r") as file:
            yield file


def _library(path: AnyPath) -> ModuleType:
    try:
        return importlib.import_module("h5py")  # here, because h5py is optional
    except ImportError as error:
        raise MissingExtraError(
            f'{path} is HDF5, and reading it needs h5py: pip install "dgmm[hdf5]"'
        ) from error


FORMAT = Format("hdf5", _matches, _describe, _read, seconds_per_piece=6e-6)
