"""Write one run: arrays in place, root metadata last, then the pointer.

Until the root metadata are written, which is one atomic step, the run is no Zarr group and nobody
can take it for one. One task writes whole chunks, which is checked: two tasks that share a chunk
would lose each other's rows silently.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import OutputError, StorageError
from dgmm.io.arrays import create_array, open_complete, open_for_writing, storage_failures
from dgmm.io.atomic import replace_file, replace_link, sync_tree
from dgmm.io.consolidated import consolidated
from dgmm.io.layout import (
    FORMAT,
    FORMAT_VERSION,
    LATEST_LINK,
    LATEST_POINTER,
    ROOT_METADATA,
    assignment_array,
    is_committed,
    run_path,
)
from dgmm.io.sweep_store import read_sweep, summary, write_sweep
from dgmm.mixture.result import FitResult, Sweep

_logger = logging.getLogger(__name__)


def is_complete(output: str | os.PathLike[str], run_id: str) -> bool:
    """Whether a run of this name has been committed to the output."""
    return is_committed(run_path(Path(output), run_id))


def start_run(output: str | os.PathLike[str], run_id: str) -> Path:
    """Make an empty place for a run; what an interrupted attempt left there is removed.

    Parameters
    ----------
    output : str or path
        A directory; it need not exist.
    run_id : str

    Returns
    -------
    Path
        Absolute; the ``run`` of all other functions here.

    Raises
    ------
    OutputError
        If the run is complete already, or if the directory cannot be created or written to.
    """
    run = run_path(Path(os.path.abspath(output)), run_id)
    if is_committed(run):
        raise OutputError(f"{run} is complete and never rewritten. Open it, or delete it first.")
    try:
        if run.exists():
            shutil.rmtree(run)
        run.mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"{run} cannot be created: {error}. Choose an output directory that can be written to."
        ) from error
    return run


def create_assignments(
    run: Path, n_samples: int, n_components: int, names: Iterable[str], chunk_rows: int
) -> None:
    """Create the arrays of ``assignments``, all with chunks of the same rows.

    Parameters
    ----------
    run : Path
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


def write_rows(run: Path, name: str, start: int, rows: NDArray[Any]) -> int:
    """Write assignments of consecutive samples; runs in tasks, any number of them at a time.

    A task that is repeated writes the same files again, each in one step.

    Parameters
    ----------
    run : Path
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
    path: Path, array: zarr.Array[Any], start: int, stop: int, rows: NDArray[Any]
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


def commit_run(
    run: Path, sweep: Sweep, feature_names: tuple[str, ...], attributes: Mapping[str, Any]
) -> None:
    """Write the sweep, verify everything, and make the run complete in one last step.

    Parameters
    ----------
    run : Path
    sweep : Sweep
    feature_names : tuple of str
    attributes : mapping
        What else the root says (configuration, versions, fingerprint of the input); JSON-able,
        finite numbers only. Format, time, criterion, passes and selection are added here.

    Raises
    ------
    StorageError
        If the file system refuses, or if what is read back is not what was written; the run is
        then not complete.
    ValueError, TypeError
        If the attributes are no JSON.
    """
    document = {
        **attributes,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "criterion": sweep.criterion,
        "n_passes": sweep.n_passes,
        "selected": sweep.best.candidate.name,
    }
    json.dumps(document, allow_nan=False)  # refused here rather than after the work is written
    with storage_failures(run):
        write_sweep(run, sweep, feature_names)
        _verify(run, sweep)
        _write_groups(run, sweep)
        sync_tree(run)  # or a crash could keep the root and lose what it stands for
        replace_file(run / ROOT_METADATA, consolidated(run, document))


def _verify(run: Path, sweep: Sweep) -> None:
    if (run / "assignments").exists():
        for path in (run / "assignments").iterdir():
            open_complete(path)
    stored = read_sweep(run, sweep.criterion, sweep.n_passes, sweep.best.candidate.name)
    for written, read in zip(sweep.results, stored.results, strict=True):
        if _bits(written) != _bits(read):
            raise StorageError(
                f"{run}: the parameters of {written.candidate.name} are read back with other "
                "values than were written. The storage is not to be trusted; choose another."
            )


def _bits(result: FitResult) -> list[bytes]:
    """Every number of a result, bit by bit: NaN equals itself and -0.0 is not 0.0."""
    parameters = result.parameters
    arrays = (
        parameters.weights,
        parameters.means,
        parameters.covariances,
        parameters.precisions_cholesky,
        result.trace,
        (result.log_likelihood, result.bic, result.aic, result.icl),
        (result.n_iter, result.n_parameters, *result.candidate.name.encode()),
    )
    return [np.asarray(array, np.float64).tobytes() for array in arrays]


def _write_groups(run: Path, sweep: Sweep) -> None:
    """Metadata of all groups but the root, the deepest first."""
    for result in sweep.results:
        zarr.create_group(str(run / "models" / result.candidate.name), attributes=summary(result))
    zarr.create_group(str(run / "model"), attributes=summary(sweep.best))
    for name in ("models", "sweep", "assignments"):
        if (run / name).exists():
            zarr.create_group(str(run / name))


def publish_run(output: str | os.PathLike[str], run_id: str) -> None:
    """Let the output's pointer name this run, in one step.

    Raises
    ------
    OutputError
        If the run is not complete.
    StorageError
        If the file system refuses; the pointer then still names the earlier run.
    """
    directory = Path(output)
    run = run_path(directory, run_id)
    if not is_committed(run):
        raise OutputError(f"{run} is not complete and cannot be published. Commit it first.")
    pointer = {"format": FORMAT, "format_version": FORMAT_VERSION, "run_id": run_id}
    with storage_failures(directory / LATEST_POINTER):
        replace_file(directory / LATEST_POINTER, json.dumps(pointer, indent=2).encode() + b"\n")
    try:
        replace_link(directory / LATEST_LINK, run.relative_to(directory))
    except OSError as error:  # a convenience that not every file system has
        _logger.warning("%s could not be linked: %s", directory / LATEST_LINK, error)
