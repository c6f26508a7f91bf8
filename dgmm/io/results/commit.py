"""Write one run: arrays in place, root metadata last.

Until the root metadata are written, which is one atomic step, the run is not a Zarr group. Every
function here may be called again after a crash in it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import zarr

from dgmm.errors import StorageError
from dgmm.io.grid import FeatureGroup
from dgmm.io.results.block_records import blocks_path, has_block_records
from dgmm.io.results.clustering_arrays import write_clustering
from dgmm.io.results.component_arrays import write_components, write_errors
from dgmm.io.results.drift_arrays import write_drift
from dgmm.io.results.goodness_arrays import write_goodness
from dgmm.io.results.label_arrays import write_labels
from dgmm.io.results.layout import FORMAT, FORMAT_VERSION
from dgmm.io.results.posterior_arrays import StoredPosterior, write_posterior
from dgmm.io.results.record import Record, write_record
from dgmm.io.results.sweep_arrays import SIZE, read_sweep, summary, write_sweep
from dgmm.io.results.transform_arrays import write_preparation
from dgmm.io.results.variable_arrays import write_variables
from dgmm.io.storage.atomic_writes import remove_tree, replace_file, sync_tree
from dgmm.io.storage.consolidated_metadata import consolidate_metadata
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    open_complete,
    storage_failures,
    zarr_store,
)
from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.drift.decision import Drift
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.goodness_of_fit import GoodnessOfFit
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.transform import FeatureTransform


@dataclass(frozen=True, slots=True, eq=False)
class RunContents:
    """The contents of a run, except the arrays that tasks have written.

    Attributes
    ----------
    sweep : Sweep
    feature_names : tuple of str
        Of the input.
    attributes : mapping
        What else the root says (configuration, versions, fingerprint of the input); JSON-able,
        finite numbers only. Format, time, criteria, passes and selection are added to it.
    transform : FeatureTransform, or None
        Of the input for the mixtures.
    components : ComponentSummary, or None
        What the rows of each component of the selected mixture are like.
    goodness : GoodnessOfFit, or None
        How well each of them fits its rows; written beside ``components`` only.
    clustering : Clustering, or None
        Which of them are one cluster.
    errors : ComponentErrors, or None
        How sure their weights, means and deviations are; written beside ``components`` only.
    record : Record, or None
        How the run went.
    labelling : ComponentLabels, or None
        What the components of the selected mixture are called; by their places if None.
    drift : Drift, or None
        What changed since the result that the run started from.
    feature_groups : tuple of FeatureGroup
        The variables whose features these are; empty if they are none.
    posterior : StoredPosterior, or None
        Of a Bayesian mixture, whose mean is the only candidate.
    """

    sweep: Sweep
    feature_names: tuple[str, ...]
    attributes: Mapping[str, Any]
    transform: FeatureTransform | None = None
    components: ComponentSummary | None = None
    goodness: GoodnessOfFit | None = None
    clustering: Clustering | None = None
    errors: ComponentErrors | None = None
    record: Record | None = None
    labelling: ComponentLabels | None = None
    drift: Drift | None = None
    feature_groups: tuple[FeatureGroup, ...] = ()
    posterior: StoredPosterior | None = None


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
    labelling = contents.labelling or ComponentLabels.first(sweep.selected.n_components)
    names = contents.feature_names
    fitted = names if contents.transform is None else contents.transform.feature_names(names)
    document = {
        **contents.attributes,
        "input_feature_names": list(names),  # arrays of text too, for readers that open none
        "feature_names": list(fitted),
        "candidates": [result.candidate.name for result in sweep.results],
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "criterion": sweep.criterion,
        "criteria": list(sweep.selected.criteria),
        "n_passes": sweep.n_passes,
        **({} if sweep.size is None else {SIZE: asdict(sweep.size)}),
        "selected": sweep.selected.candidate.name,
        "next_label": labelling.next_label,
        **({} if sweep.dependence is None else {"dependence": asdict(sweep.dependence)}),
    }
    json.dumps(document, allow_nan=False)  # refused before the work is written
    with storage_failures(run):
        _clear(run)
        _write(run, contents, labelling.labels)
        _verify(run, sweep)
        _write_groups(run, sweep)
        sync_tree(run)  # or a crash could keep the root and lose what it stands for
        replace_file(run / ROOT_METADATA, consolidate_metadata(run, document))


def _write(run: AnyPath, contents: RunContents, labels: tuple[int, ...]) -> None:
    names, transform = contents.feature_names, contents.transform
    mixture = contents.sweep.selected.parameters
    if contents.components is not None:
        write_components(run, contents.components, names, mixture, transform, labels)
        write_variables(run, contents.components, contents.feature_groups, labels)
        if contents.goodness is not None:
            write_goodness(run, contents.goodness)
        if contents.errors is not None:
            write_errors(run, contents.errors)
    if contents.clustering is not None:
        write_clustering(run, contents.clustering, labels, mixture.weights)
    if contents.record is not None:
        write_record(run / "record", contents.record, names)
    if contents.drift is not None:
        write_drift(run, contents.drift)
    if transform is not None:
        write_preparation(run, transform, names)
        names = transform.feature_names(names)
    write_sweep(run, contents.sweep, names)
    if contents.posterior is not None:
        write_posterior(run, contents.posterior, names)
    write_labels(run / "model", labels)


def _clear(run: AnyPath) -> None:
    """Remove everything except what tasks have written."""
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
    selected, criteria = sweep.selected.candidate.name, tuple(sweep.selected.criteria)
    stored = read_sweep(run, sweep.criterion, sweep.n_passes, selected, criteria)
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
        (result.log_likelihood, *result.criteria.values()),
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
