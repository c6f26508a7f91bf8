"""A result exported to a file, in the form that its name says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dgmm.errors import OutputError, UsageError
from dgmm.io.export.anndata_columns import add_obs_columns
from dgmm.io.export.assignment_table import AssignmentTable
from dgmm.io.export.geotiff import write_geotiff
from dgmm.io.export.table_files import write_csv, write_parquet
from dgmm.io.results.result import Result
from dgmm.io.storage.atomic_writes import make_directory, new_file, replace_file
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import creation_failures


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What else can be asked of an export.

    Attributes
    ----------
    column : str
        Of a GeoTIFF.
    like : str or None
        An image on the grid of a GeoTIFF.
    """

    column: str = "label"
    like: str | None = None


_MODELS: dict[str, Callable[[Result], bytes]] = {
    ".json": lambda result: result.to_json().encode(),
    ".onnx": lambda result: result.to_onnx(),
    ".sql": lambda result: result.to_sql().encode(),
}
_TABLES: dict[str, Callable[[AssignmentTable, Path, ExportOptions], None]] = {
    ".csv": lambda table, path, _: write_csv(table, path),
    ".parquet": lambda table, path, _: write_parquet(table, path),
    ".tif": lambda table, path, options: write_geotiff(table, path, options.column, options.like),
}
_ANNDATA = (".h5ad", ".zarr")

SUFFIXES = (*_TABLES, *_ANNDATA, *_MODELS)
"""Of files that a result can be exported to."""


def export(result: Result, path: AnyPath, options: ExportOptions = ExportOptions()) -> None:
    """Write what a result says of rows, or its model, to a file that appears whole or not at all.

    ``.parquet``, ``.csv`` and ``.tif`` hold the assignments, ``.json``, ``.onnx`` and ``.sql`` the
    selected model. ``.h5ad`` and ``.zarr`` have to be there: columns are added to their ``obs``.

    Raises
    ------
    UsageError
        If the name of the file says nothing.
    OutputError
        If the result has nothing of that form, or the file cannot be created.
    StorageError
        If the result is damaged, or the file system refuses.
    MissingExtraError
        If what writes the file is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in _MODELS:
        content = _MODELS[suffix](result)
        with creation_failures(path):
            make_directory(path.parent)
            replace_file(path, content)
    elif suffix in _TABLES:
        table = AssignmentTable.of(result)
        with creation_failures(path), new_file(path) as new:
            _TABLES[suffix](table, new, options)
    elif suffix in _ANNDATA:
        if not (isinstance(path, Path) and path.exists()):
            raise OutputError(f"{path} is not there: columns are added to a file of AnnData.")
        add_obs_columns(AssignmentTable.of(result), path)
    else:
        raise UsageError(f"{path} ends in {suffix or 'nothing'}, expected {', '.join(SUFFIXES)}.")
