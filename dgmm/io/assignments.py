"""Assignments of a run, written and found again in whole chunks of rows.

One task writes whole chunks, which is checked: two tasks that share a chunk would lose each other's
rows silently.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import OutputError, StorageError
from dgmm.io.arrays import create_array, open_for_writing, storage_failures
from dgmm.io.layout import ROOT_METADATA, assignment_array
from dgmm.io.location import Place


def create_assignments(
    run: Place, n_samples: int, n_components: int, names: Iterable[str], chunk_rows: int
) -> None:
    """Create the arrays of ``assignments``, all with chunks of the same rows.

    Parameters
    ----------
    run : Path or StorePath
    n_samples, n_components : int
    names : iterable of str
        Among ``labels`` (int16, int32 above 32,768 components; -1 where missing),
        ``responsibilities`` (float32) and ``log_density`` (float64, nats).
    chunk_rows : int
        Rows of a chunk; those of a partition, or a divisor.

    Raises
    ------
    OutputError
        If there are no assignments of such a name.
    StorageError
        If the file system refuses.
    """
    extents = {"sample": n_samples, "component": n_components}
    chunks = {"sample": min(chunk_rows, n_samples), "component": n_components}
    for name in names:
        array = assignment_array(name, n_components)
        path = run / "assignments" / name
        with storage_failures(path):
            create_array(
                path,
                shape=tuple(extents[dimension] for dimension in array.dimensions),
                chunks=tuple(chunks[dimension] for dimension in array.dimensions),
                dtype=array.dtype,
                dimensions=array.dimensions,
                fill_value=array.fill_value,
            )


def are_begun(run: Place, names: Iterable[str]) -> bool:
    """Whether `create_assignments` has created arrays of these names."""
    return all((run / "assignments" / name / ROOT_METADATA).is_file() for name in names)


def write_rows(run: Place, name: str, start: int, rows: NDArray[Any]) -> int:
    """Write assignments of consecutive samples; runs in tasks, any number of them at a time.

    A task that is repeated writes the same files again, each in one step.

    Parameters
    ----------
    run : Path or StorePath
    name : str
    start : int
        Number of the first sample.
    rows : ndarray of shape (m,) or (m, n_components)
        They cover whole chunks, so that no other task writes to the same file.

    Returns
    -------
    int
        m, the rows written.

    Raises
    ------
    OutputError
        If the rows do not cover whole chunks, or do not fit in shape or dtype.
    StorageError
        If the file system refuses.
    """
    path = run / "assignments" / name
    with storage_failures(path):
        array = open_for_writing(path)
        stop = start + len(rows)
        _check_rows(path, array, start, stop, rows)
        array[start:stop] = rows
    return stop - start


def _check_rows(
    path: Place, array: zarr.Array[Any], start: int, stop: int, rows: NDArray[Any]
) -> None:
    n_rows, chunk_rows = array.shape[0], array.chunks[0]
    ends_whole = stop % chunk_rows == 0 or stop == n_rows
    if start % chunk_rows or not ends_whole or not 0 <= start < stop <= n_rows:
        raise OutputError(
            f"Rows {start} to {stop} of {path} do not cover whole chunks of {chunk_rows} of its "
            f"{n_rows} rows. Give partitions and chunks the same number of rows."
        )
    if rows.shape[1:] != array.shape[1:] or not np.can_cast(rows.dtype, array.dtype, "same_kind"):
        raise OutputError(
            f"Rows of shape {rows.shape} and dtype {rows.dtype} do not fit {path}, which has "
            f"shape {array.shape} and dtype {array.dtype}."
        )


def has_rows(run: Place, name: str, start: int, stop: int) -> bool:
    """Whether an earlier task has written these rows, every chunk of which is then read.

    Parameters
    ----------
    run : Path or StorePath
    name : str
    start, stop : int
        Whole chunks, as in `write_rows`.

    Returns
    -------
    bool
        False if a chunk is missing or damaged.

    Raises
    ------
    StorageError
        If the array itself cannot be opened.
    """
    path = run / "assignments" / name
    with storage_failures(path):
        array = open_for_writing(path)
    across = (0,) * (array.ndim - 1)
    numbers = range(start // array.chunks[0], -(-stop // array.chunks[0]))
    keys = (array.metadata.encode_chunk_key((number, *across)) for number in numbers)
    if not all((path / key).is_file() for key in keys):
        return False
    try:
        with storage_failures(path):
            array[start:stop]
    except StorageError:
        return False
    return True
