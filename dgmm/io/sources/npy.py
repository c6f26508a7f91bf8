"""NumPy's ``.npy``, C or Fortran order."""

import math
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, check_no_selection
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, open_binary

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _matches(path: AnyPath) -> bool:
    return path.suffix == ".npy"


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_selection(path, selection)
    with open_binary(path) as file:
        shape, fortran_order, dtype = _header(file, path)
        stored_bytes = path.stat().st_size - file.tell()
    declared_bytes = dtype.itemsize
    for extent in shape:
        declared_bytes *= extent
    if stored_bytes < declared_bytes and not dtype.hasobject:
        raise DataError(
            f"{path} declares {declared_bytes} bytes of values but holds {stored_bytes}. "
            "It is cut off or still being written; copy it again."
        )
    order = "Fortran" if fortran_order else "C"
    description = f"NumPy array in {order} order"
    return DatasetMetadata(shape, dtype, (1,), list_files(path), description, selection)


def _header(file: BinaryIO, path: AnyPath) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns are stored one after the other, and dtype; the values come next."""
    version = npy.read_magic(file)
    if version not in _HEADER_READERS:
        raise DataError(
            f"{path} is .npy version {version}, which only structured arrays need. "
            "Save one plain array of numbers with numpy.save."
        )
    return _HEADER_READERS[version](file)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:  # noqa: ARG001 - the signature of all formats
    start, stop = region[0].start, region[0].stop
    with open_binary(path) as file:
        (n_rows, *columns_if_any), fortran_order, dtype = _header(file, path)
        n_columns = math.prod(columns_if_any)
        begin, n_wanted = file.tell(), max(0, min(stop, n_rows) - start)
        if not fortran_order:
            rows = _values(file, begin, start * n_columns, n_wanted * n_columns, dtype)
            return rows.reshape(n_wanted, n_columns)
        columns = np.empty((n_wanted, n_columns), dtype, order="F")
        for j in range(n_columns):
            columns[:, j] = _values(file, begin, j * n_rows + start, n_wanted, dtype)
        return columns


def _values(
    file: BinaryIO, begin: int, first: int, count: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Consecutive values, read and not mapped: a map of a file that is cut off ends the process."""
    file.seek(begin + first * dtype.itemsize)
    values = np.empty(count, dtype)
    n_bytes = file.readinto(values.view(np.uint8).data) if count else 0  # type: ignore[attr-defined]
    if n_bytes < values.nbytes:
        raise EOFError(f"it ends {values.nbytes - n_bytes} bytes too early")
    return values


FORMAT = Format("npy", _matches, _describe, _read)
