"""AnnData in HDF5 (``.h5ad``) and Zarr: a matrix of observations, with names.

``X`` unless a layer or an ``obsm`` is named. The on-disk format is documented at
https://anndata.readthedocs.io/en/stable/fileformat-prose.html.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources import hdf5
from dgmm.io.sources import zarr as zarr_arrays
from dgmm.io.sources.cells import sparse_rows
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, column_indices
from dgmm.io.sources.packing import to_text
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import zarr_store
from dgmm.text import join_names

_HDF5 = ".h5ad"
_OBS, _VAR, _OBSM = "obs", "var", "obsm"
_NAMES = "obs_names"


def _matches(path: AnyPath) -> bool:
    return path.suffix.lower() == _HDF5 or _is_zarr(path)


def _is_zarr(path: AnyPath) -> bool:
    """Whether a Zarr group says that it is an AnnData."""
    for name in ("zarr.json", ".zattrs"):
        try:
            found = json.loads((path / name).read_bytes())
        except (OSError, ValueError):
            continue
        attributes = found.get("attributes", found) if isinstance(found, dict) else {}
        if isinstance(attributes, dict) and attributes.get("encoding-type") == "anndata":
            return True
    return False


def _choose_format(path: AnyPath) -> Format:
    """The format that reads the arrays."""
    return hdf5.FORMAT if path.suffix.lower() == _HDF5 else zarr_arrays.FORMAT


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    with _open_root(path) as root:
        if _VAR in root and not hasattr(root[_VAR], "keys"):
            raise DataError(
                f"{path} is an AnnData as versions before 0.7 wrote it. Write it again: "
                "anndata.read_h5ad(path).write_h5ad(new_path)."
            )
    found = _describe_matrix(path, selection)
    variable = found.selection.variable or ""
    with _open_root(path) as root:
        names = _feature_names(root, variable, found.shape)
        coordinates = _coordinates(root, path, selection.id_columns, found.shape[0])
    chosen = selection.columns or names
    if selection.columns:
        column_indices(path, selection.columns, names)
    wanted = replace(found.selection, columns=selection.columns, id_columns=selection.id_columns)
    shape = found.shape if chosen is None else (*found.shape[:1], len(chosen))
    return replace(
        found,
        shape=shape,
        description=f"AnnData {variable}, {found.description}",
        selection=wanted,
        feature_names=chosen,
        coordinates=coordinates,
    )


def _describe_matrix(path: AnyPath, selection: Selection) -> DatasetMetadata:
    """The matrix alone; ``densify`` stays where it is sparse."""
    name = (selection.variable or "X").strip("/")
    wanted = replace(selection, columns=(), id_columns=(), densify=False)
    if selection.densify:
        with _open_root(path) as root:
            if sparse_rows.is_sparse(root, name):
                shape, dtype = sparse_rows.shape_and_dtype(path, root, name)
                files = list_files(path if path.suffix.lower() == _HDF5 else path / name)
                chosen = replace(wanted, variables=(name,), densify=True)
                return DatasetMetadata(shape, dtype, (1,), files, "sparse, by rows", chosen)
    return _choose_format(path).describe(path, wanted)


def _feature_names(root: Any, variable: str, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    """Names of variables, or numbers of the axes of an ``obsm``; None of other arrays."""
    group, _, name = variable.strip("/").partition("/")
    if len(shape) != 2:
        return None
    if group == _OBSM:
        return tuple(f"{name}[{i}]" for i in range(shape[1]))
    if _VAR not in root or (group != "layers" and variable.strip("/") != "X"):
        return None
    names = _texts(_index(root[_VAR]), slice(None)).tolist()
    return tuple(names) if len(set(names)) == len(names) == shape[1] else None


def _coordinates(
    root: Any, path: AnyPath, id_columns: tuple[str, ...], n_rows: int
) -> tuple[Coordinate, ...]:
    """Names of the observations, and what else identifies them."""
    if _OBS not in root:
        return ()
    known = [name for name in root[_OBS] if not name.startswith("_")]
    unknown = [name for name in id_columns if name not in known]
    if unknown:
        raise ConfigurationError(
            f"{path} has no column {join_names(unknown)} in obs; it has {join_names(known)}."
        )
    found = {_NAMES: "str", **{name: _id_dtype(root[_OBS][name]) for name in id_columns}}
    return tuple(Coordinate(name, ("sample",), (n_rows,), kind) for name, kind in found.items())


def _id_dtype(column: Any) -> str:
    dtype = getattr(column, "dtype", None)
    is_number = dtype is not None and np.dtype(dtype).kind in "iuf"
    return np.dtype(dtype).name if is_number else "str"


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    variable, (places,) = selection.variable or "", region
    if selection.densify:
        with _open_root(path) as root:
            shape, _ = sparse_rows.shape_and_dtype(path, root, variable)
            names = _feature_names(root, variable, shape)
            chosen = column_indices(path, selection.columns, names) if selection.columns else None
            return sparse_rows.read_rows(root, variable, places, chosen)
    rows = _choose_format(path).read(path, replace(selection, columns=(), id_columns=()), region)
    if not selection.columns:
        return rows
    with _open_root(path) as root:
        names = _feature_names(root, variable, (len(rows), rows.shape[1]))
    return rows[:, column_indices(path, selection.columns, names)]


def _refuse_missing(path: AnyPath, stored: DatasetMetadata) -> None:
    refuse = _choose_format(path).refuse_missing
    if refuse is not None and not stored.selection.densify:
        refuse(path, stored)


def _read_coordinate(
    path: AnyPath,
    selection: Selection,  # noqa: ARG001 - the signature of all formats
    coordinate: Coordinate,
    region: Region,
) -> NDArray[Any]:
    (rows,) = region
    with _open_root(path) as root:
        table = root[_OBS]
        column = _index(table) if coordinate.name == _NAMES else table[coordinate.name]
        if coordinate.dtype != "str":
            return np.asarray(column[rows])
        return _texts(column, rows)


def _index(table: Any) -> Any:
    """The column that names the rows of a data frame."""
    return table[to_text(table.attrs.get("_index", "_index"))]


def _texts(column: Any, rows: slice) -> NDArray[Any]:
    """Values of a column as text; missing ones are empty."""
    is_group = hasattr(column, "keys")
    if is_group and "categories" in column:
        names = _texts(column["categories"], slice(None))
        codes = np.asarray(column["codes"][rows])
        return np.append(names, np.array([""], names.dtype))[codes]
    if is_group:  # values with a mask of those that are missing
        found = _texts(column["values"], rows)
        found[np.asarray(column["mask"][rows], bool)] = ""
        return found
    values = np.asarray(column[rows]).ravel().tolist()
    return np.array([to_text(value) for value in values], np.dtypes.StringDType())


@contextmanager
def _open_root(path: AnyPath) -> Iterator[Any]:
    """The root, whose members are opened by their names alike in HDF5 and Zarr."""
    if path.suffix.lower() == _HDF5:
        with hdf5.open_file(path) as file:
            yield file
    else:
        yield zarr.open_group(zarr_store(path, read_only=True), mode="r")


FORMAT = Format(
    "anndata",
    _matches,
    _describe,
    _read,
    _refuse_missing,
    seconds_per_piece=6e-6,
    read_coordinate=_read_coordinate,
    accepts=frozenset({"id_columns", "densify"}),
)
