"""Write one run: arrays in place, root metadata last, then the pointer.

Until the root metadata are written, which is one atomic step, the run is no Zarr group and nobody
can take it for one. Every function here may be called again after a crash in it.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from dgmm.errors import OutputError, StorageError
from dgmm.io.results.block_records import blocks_path, has_block_records
from dgmm.io.results.component_arrays import write_components
from dgmm.io.results.drift_arrays import write_drift
from dgmm.io.results.label_arrays import write_labels
from dgmm.io.results.layout import FORMAT, FORMAT_VERSION, LATEST_LINK, LATEST_POINTER, run_path
from dgmm.io.results.record import Record, write_record
from dgmm.io.results.sweep_arrays import read_sweep, summary, write_sweep
from dgmm.io.results.transform_arrays import write_preparation
from dgmm.io.storage.atomic_writes import (
    make_directory,
    remove_temporary,
    remove_tree,
    replace_file,
    replace_link,
    sync_tree,
)
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    consolidate_metadata,
    creation_failures,
    is_committed,
    open_complete,
    storage_failures,
    zarr_store,
)
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.drift.decision import Drift
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.transform import FeatureTransform

_logger = logging.getLogger(__name__)


def is_complete(output: AnyPath, run_id: str) -> bool:
    """Whether a run of this name has been committed to the output."""
    return is_committed(run_path(output, run_id))


def is_published(output: AnyPath, run_id: str) -> bool:
    """Whether a run of this name is complete and the output's pointer names it."""
    pointer = output / LATEST_POINTER
    try:
        return is_complete(output, run_id) and json.loads(pointer.read_bytes())["run_id"] == run_id
    except (OSError, ValueError, KeyError, TypeError):
        return False


def start_run(output: AnyPath, run_id: str, *, resume: bool = False) -> AnyPath:
    """Make a place for a run.

    Parameters
    ----------
    output : Path or StorePath
        A directory; it need not exist.
    run_id : str
    resume : bool
        Whether what an interrupted attempt left there stays; else the place is empty.

    Returns
    -------
    Path or StorePath
        The ``run`` of all other functions here.

    Raises
    ------
    OutputError
        If the run is complete already, or if the directory cannot be created or written to.
    """
    run = run_path(output, run_id)
    if is_committed(run):
        raise OutputError(f"{run} is complete and never rewritten. Open it, or delete it first.")
    with creation_failures(run):
        if run.exists() and not resume:
            remove_tree(run)
        make_directory(run)
    return run


def discard_run(output: AnyPath, run_id: str) -> None:
    """Remove what an interrupted attempt at a run left; a complete run stays.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    run = run_path(output, run_id)
    with storage_failures(run):
        if run.exists() and not is_committed(run):
            remove_tree(run)


@dataclass(frozen=True, slots=True, eq=False)
class RunContents:
    """What a run holds beside what tasks have written of its rows.

    Attributes
    ----------
    sweep : Sweep
    feature_names : tuple of str
        Of the input.
    attributes : mapping
        What else the root says (configuration, versions, fingerprint of the input); JSON-able,
        finite numbers only. Format, time, criterion, passes and selection are added to it.
    transform : FeatureTransform, or None
        Of the input for the mixtures.
    components : ComponentSummary, or None
        What the rows of each component of the selected mixture are like.
    record : Record, or None
        How the run went.
    labelling : ComponentLabels, or None
        What the components of the selected mixture are called; by their places if None.
    drift : Drift, or None
        What changed since the result that the run started from.
    """

    sweep: Sweep
    feature_names: tuple[str, ...]
    attributes: Mapping[str, Any]
    transform: FeatureTransform | None = None
    components: ComponentSummary | None = None
    record: Record | None = None
    labelling: ComponentLabels | None = None
    drift: Drift | None = None


def commit_run(run: AnyPath, contents: RunContents) -> None:
    """Write the contents, verify everything, and make the run complete in one last step.

    Raises
    ------
    StorageError
        If the file system refuses, or if what is read back is not what was written; the run is
        then not complete.
    ValueError, TypeError
        If the attributes are no JSON.
    """
    sweep = contents.sweep
    labelling = contents.labelling or ComponentLabels.first(sweep.selected.candidate.n_components)
    document = {
        **contents.attributes,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "criterion": sweep.criterion,
        "n_passes": sweep.n_passes,
        "selected": sweep.selected.candidate.name,
        "next_label": labelling.next_label,
    }
    json.dumps(document, allow_nan=False)  # refused here rather than after the work is written
    with storage_failures(run):
        _clear(run)
        _write(run, contents, labelling.labels)
        _verify(run, sweep)
        _write_groups(run, sweep)
        sync_tree(run)  # or a crash could keep the root and lose what it stands for
        replace_file(run / ROOT_METADATA, consolidate_metadata(run, document))


def _write(run: AnyPath, contents: RunContents, labels: tuple[int, ...]) -> None:
    names, transform = contents.feature_names, contents.transform
    if contents.components is not None:
        mixture = contents.sweep.selected.parameters
        write_components(run, contents.components, names, mixture, transform, labels)
    if contents.record is not None:
        write_record(run / "record", contents.record, names)
    if contents.drift is not None:
        write_drift(run, contents.drift)
    if transform is not None:
        write_preparation(run, transform, names)
        names = transform.feature_names(names)
    write_sweep(run, contents.sweep, names)
    write_labels(run / "model", labels)


def _clear(run: AnyPath) -> None:
    """Leave only what tasks have written, whatever else an interrupted attempt had."""
    written = [run / "assignments", run / "blocks"]
    for path in run.iterdir():
        if path not in written:
            remove_tree(path) if path.is_dir() else path.unlink()
    for group in written:
        (group / ROOT_METADATA).unlink(missing_ok=True)
        for partial in group.rglob("*.partial"):  # of Zarr, killed while it wrote a chunk
            partial.unlink()


def _verify(run: AnyPath, sweep: Sweep) -> None:
    if (run / "assignments").exists():
        for path in (run / "assignments").iterdir():
            open_complete(path)
    if has_block_records(run):
        open_complete(blocks_path(run))
    stored = read_sweep(run, sweep.criterion, sweep.n_passes, sweep.selected.candidate.name)
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


def _write_groups(run: AnyPath, sweep: Sweep) -> None:
    """Metadata of all groups but the root, the deepest first."""
    for result in sweep.results:
        group = zarr_store(run / "models" / result.candidate.name)
        zarr.create_group(group, attributes=summary(result))
    zarr.create_group(zarr_store(run / "model"), attributes=summary(sweep.selected))
    for name in ("models", "sweep", "assignments", "blocks", "prepare", "components"):
        if (run / name).exists():
            zarr.create_group(zarr_store(run / name))


def publish_run(output: AnyPath, run_id: str) -> None:
    """Let the output's pointer name this run, in one step.

    Raises
    ------
    OutputError
        If the run is not complete.
    StorageError
        If the file system refuses; the pointer then still names the earlier run.
    """
    run = run_path(output, run_id)
    if not is_committed(run):
        raise OutputError(f"{run} is not complete and cannot be published. Commit it first.")
    pointer = {"format": FORMAT, "format_version": FORMAT_VERSION, "run_id": run_id}
    with storage_failures(output / LATEST_POINTER):
        for name in (LATEST_POINTER, LATEST_LINK):
            remove_temporary(output / name)
        replace_file(output / LATEST_POINTER, json.dumps(pointer, indent=2).encode() + b"\n")
    if isinstance(output, Path) and isinstance(run, Path):  # stores have no links
        _link(output, run)


def _link(output: Path, run: Path) -> None:
    """Let a link name the run too, for programs that cannot read the pointer."""
    try:
        replace_link(output / LATEST_LINK, run.relative_to(output))
    except OSError as error:  # a convenience that not every file system has
        _logger.warning("%s could not be linked: %s", output / LATEST_LINK, error)
