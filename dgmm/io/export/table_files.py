"""A table of assignments as Parquet and as CSV."""

import csv
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.io.export.assignment_table import AssignmentTable
from dgmm.optional_packages import import_optional


def write_parquet(table: AssignmentTable, path: Path) -> None:
    """Write a row group for each block; several values of a row are a list.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    StorageError
        If the result is damaged.
    """
    arrow = _arrow()
    parquet = import_module("pyarrow.parquet")
    widths = table.widths
    fields = [
        (name, _arrow_type(arrow, dtype, name in widths)) for name, dtype in table.dtypes.items()
    ]
    schema = arrow.schema(fields)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for columns in table.blocks():
            arrays = [
                _arrow_array(arrow, columns[field.name], field.type, widths.get(field.name))
                for field in schema
            ]
            batch = arrow.Table.from_arrays(arrays, schema=schema)
            writer.write_table(batch, row_group_size=max(1, batch.num_rows))


def write_csv(table: AssignmentTable, path: Path) -> None:
    """Write a line for each row, below the names; several values of a row are several columns.

    Raises
    ------
    StorageError
        If the result is damaged.
    """
    widths = table.widths
    heading = [
        column
        for name in table.dtypes
        for column in (
            [f"{name}_{place}" for place in range(widths[name])] if name in widths else [name]
        )
    ]
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        for columns in table.blocks():
            flat = [
                column.tolist()
                for values in columns.values()
                for column in (values.T if values.ndim > 1 else [values])
            ]
            writer.writerows(zip(*flat, strict=True))


def _arrow() -> ModuleType:
    return import_optional("pyarrow", "Parquet needs pyarrow", "dgmm[parquet]")


def _arrow_type(arrow: ModuleType, dtype: np.dtype[Any], is_list: bool) -> Any:
    kind = arrow.string() if dtype.kind in "TU" else arrow.from_numpy_dtype(dtype)
    return arrow.list_(kind) if is_list else kind


def _arrow_array(arrow: ModuleType, values: NDArray[Any], kind: Any, width: int | None) -> Any:
    if width is not None:
        offsets = np.arange(0, values.size + 1, max(1, width), dtype=np.int32)
        return arrow.ListArray.from_arrays(offsets, arrow.array(values.ravel()), type=kind)
    if values.dtype.kind in "TU":
        return arrow.array(values.tolist(), kind)
    return arrow.array(values, kind)
