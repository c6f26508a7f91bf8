"""NumPy's ``.npy``, C or Fortran order, read through a memory map."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.stored import Format, Stored, list_files, refuse_variable

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _matches(path: Path) -> bool:
    return path.suffix == ".npy"


def _describe(path: Path, variable: str | None) -> Stored:
    refuse_variable(path, variable)
    with path.open("rb") as file:
        version = npy.read_magic(file)
        if version not in _HEADER_READERS:
            raise DataError(
                f"{path} is .npy version {version}, which only structured arrays need. "
                "Save one plain array of numbers with numpy.save."
            )
        shape, fortran_order, dtype = _HEADER_READERS[version](file)
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
    return Stored(shape, dtype, 1, list_files(path), f"NumPy array in {order} order")


def _read(path: Path, variable: str | None, start: int, stop: int) -> NDArray[Any]:  # noqa: ARG001 - the signature of all formats
    return np.array(npy.open_memmap(path, mode="r")[start:stop])


FORMAT = Format("npy", _matches, _describe, _read)
