"""Assignments as columns of the ``obs`` of AnnData."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dgmm.errors import OutputError
from dgmm.io.export.assignment_table import LABEL, NOISE, ROW, AssignmentTable, Columns
from dgmm.optional_packages import import_optional

_PREFIX = "dgmm_"
_ORDER = "column-order"


def add_obs_columns(table: AssignmentTable, path: Path) -> None:
    """Add columns to the ``obs`` of a file: ``dgmm_label``, a categorical, and numbers.

    The file is changed in place. A column counts from the moment at which the list of columns,
    which is written last, names it; columns of an earlier export are replaced.

    Parameters
    ----------
    table : AssignmentTable
        Of as many rows as the file has observations, in their order.
    path : Path
        ``.h5ad``, or a Zarr store of AnnData.

    Raises
    ------
    MissingExtraError
        If anndata is not installed.
    OutputError
        If the file has another number of observations, or is none of AnnData.
    """
    anndata = _anndata()
    columns = _obs_columns(table)
    with _open_group(path) as group:
        if "obs" not in group or _ORDER not in group["obs"].attrs:
            raise OutputError(f"{path} has no obs: it is no AnnData.")
        obs = group["obs"]
        n_obs = obs[obs.attrs["_index"]].shape[0]
        if n_obs != table.grid.n_samples:
            raise OutputError(
                f"{path} has {n_obs} observations, the result {table.grid.n_samples}."
            )
        for name, values in columns.items():
            anndata.io.write_elem(obs, name, values)
        before = [str(name) for name in obs.attrs[_ORDER]]
        obs.attrs[_ORDER] = [*(name for name in before if name not in columns), *columns]


def _obs_columns(table: AssignmentTable) -> dict[str, Any]:
    """The columns of one value a row, whole, but for coordinates; labels as a categorical."""
    pandas = import_module("pandas")
    left_out = {ROW, *table.result.coordinates, *table.widths}
    blocks: list[Columns] = list(table.blocks())
    found: dict[str, Any] = {}
    for name in (name for name in table.dtypes if name not in left_out):
        values = np.concatenate([block[name] for block in blocks])
        if name == LABEL:
            labels = [str(label) for label in table.result.labelling.labels]
            texts = np.where(values < 0, "missing", values.astype(str))
            if NOISE in table.dtypes:
                noise = np.concatenate([block[NOISE] for block in blocks])
                texts[(values < 0) & ~np.isnan(noise)] = NOISE
            others = [each for each in (NOISE, "missing") if (texts == each).any()]
            names = pandas.Index([*labels, *others], dtype=object)  # what all versions can write
            values = pandas.Categorical(texts.astype(object), categories=names)
        found[_PREFIX + name] = values
    return found


@contextmanager
def _open_group(path: Path) -> Iterator[Any]:
    if path.is_dir():
        zarr = import_module("zarr")
        yield zarr.open_group(str(path), mode="r+", use_consolidated=False)
        with warnings.catch_warnings():  # readers look at these metadata first
            warnings.filterwarnings("ignore", "Consolidated metadata")
            zarr.consolidate_metadata(str(path))
        return
    with import_module("h5py").File(path, "r+") as file:
        yield file


def _anndata() -> ModuleType:
    import_optional("anndata.io", "AnnData needs anndata", "dgmm[anndata]")
    return import_module("anndata")
