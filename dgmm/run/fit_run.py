"""A run from its configuration to its published result."""

import logging
from dataclasses import dataclass
from typing import Any

from dgmm.engine.events import Observer, ignore
from dgmm.engine.fit import Fit, fit
from dgmm.engine.passes import PassRunner
from dgmm.engine.stages import positive_weight_sample
from dgmm.errors import advise
from dgmm.io.results import commit
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.layout import attempt_path, run_path
from dgmm.io.results.output import is_held_back, is_superseded
from dgmm.io.results.result import open_result
from dgmm.io.sources.image import read_thumbnail
from dgmm.io.storage.location import AnyPath, output_path
from dgmm.io.storage.lock import write_lock
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.mixture.candidate import Status
from dgmm.mixture.component_summary import ComponentSummary, component_pivots, summarize_components
from dgmm.mixture.drift.duplicates import multiplicities
from dgmm.mixture.fit_result import Sweep
from dgmm.report.publication import try_publish_report
from dgmm.run.clusters import capacity_from_options, enter_mpi, open_cluster
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration, Output
from dgmm.run.drift_check import check_drift, raise_if_held_back, repeats_kept, verdict_of
from dgmm.run.identity import BASIS, assignment_key
from dgmm.run.lifecycle import check_memory, discard_incomplete, run_attributes, run_fingerprint
from dgmm.run.recorder import RunRecorder
from dgmm.run.row_assignment import assign_rows, summarize_sample
from dgmm.run.run_plan import RunPlan, plan_run
from dgmm.run.warm_start import LabelledSweep, origin_of, relabel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """A complete run.

    Attributes
    ----------
    path : str
        The run's Zarr group.
    sweep : Sweep
    already_complete : bool
        Whether an earlier command had done it all.
    """

    path: str
    sweep: Sweep
    already_complete: bool


@advise(REMEDIES)
def run(
    configuration: Configuration, observer: Observer = ignore, *, fresh: bool = False
) -> RunResult:
    """Fit, assign, write, publish; go on where an earlier call was interrupted, or find all done.

    Parameters
    ----------
    configuration : Configuration
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.
    fresh : bool
        Whether to start anew where an earlier call was interrupted; a complete run stays.

    Returns
    -------
    RunResult

    Raises
    ------
    DgmmError
        With the exit code of the command.
    """
    enter_mpi(configuration.cluster)
    recorder = RunRecorder(observer, configuration.concealment)
    with recorder.listen():
        return _run(configuration, recorder, fresh=fresh)


def _run(configuration: Configuration, recorder: RunRecorder, *, fresh: bool) -> RunResult:
    """Do what is left to do."""
    plan = plan_run(configuration)
    settings, run_id = configuration.output, plan.run_id
    output = output_path(settings.path, settings.storage_options)
    path, attempt = run_path(output, run_id), attempt_path(output, plan.attempt_id)
    with storage_failures(output):
        already_complete = commit.is_complete(output, run_id)
        goes_on = configuration.model.start_from is not None
        is_published = already_complete if goes_on else commit.is_published(output, run_id)
        is_done = is_published and not attempt.exists()
    if not already_complete:  # better now than after the cluster has started
        check_memory(plan, capacity_from_options(configuration.cluster))
    if not is_done:
        with write_lock(output) as confirm:
            already_complete = commit.is_complete(output, run_id)
            checkpoint = Checkpoint(attempt, run_fingerprint(plan), confirm=confirm)
            if not already_complete:
                _complete(configuration, plan, output, checkpoint, recorder, fresh=fresh)
            elif attempt.exists():  # of a call that did not come to its end
                already_complete = False
            confirm()
            is_old = goes_on and is_superseded(output, run_id)
            if not is_old and not is_held_back(output, run_id):
                commit.publish_run(output, run_id)
            if configuration.output.report:
                try_publish_report(path)
            discard_incomplete(output, checkpoint.runs())
            checkpoint.discard()
    raise_if_held_back(output, run_id)
    return RunResult(str(path), open_result(path).sweep, already_complete)


def _complete(
    configuration: Configuration,
    plan: RunPlan,
    output: AnyPath,
    checkpoint: Checkpoint,
    recorder: RunRecorder,
    *,
    fresh: bool,
) -> None:
    """Bring a run to its end."""
    begun = checkpoint.runs()
    if fresh:
        checkpoint.discard()
    progress = checkpoint.load()
    if progress is None:
        discard_incomplete(output, begun)
    checkpoint.begin()
    path = commit.start_run(output, plan.run_id, resume=progress is not None)
    with open_cluster(configuration.cluster, configuration.concealment, plan.projection) as cluster:
        check_memory(plan, cluster.capacity)
        fitted = fit(
            plan.dataset,
            plan.options,
            cluster.execution,
            recorder,
            progress,
            checkpoint.keep,
        )
        goes_on = relabel(fitted, plan.earlier)
        runner = PassRunner(plan.dataset, cluster.execution, recorder, fitted.profile.checksums)
        facts, components = _assigned(
            configuration.output, plan, fitted, goes_on, runner, checkpoint, path
        )
    counts = multiplicities(positive_weight_sample(fitted.profile)[0])
    drift = check_drift(
        plan.earlier, goes_on, fitted, counts, plan.options, configuration.drift, recorder
    )
    attributes = {
        **run_attributes(configuration, plan),
        "request": plan.request,
        **origin_of(plan.earlier),
        **verdict_of(drift, configuration.drift),
        "n_missing": fitted.profile.n_missing,
        **repeats_kept(counts),
        "outlier_quantile": configuration.output.outlier_quantile,
        **facts,
        "status": goes_on.sweep.selected.status.value,
    }
    wanted, is_image = configuration.input, plan.source.format == "image"
    picture = read_thumbnail(wanted.path, wanted.storage_options) if is_image else None
    checkpoint.confirm()
    contents = commit.RunContents(
        goes_on.sweep,
        plan.dataset.feature_names,
        attributes,
        fitted.transform,
        components,
        recorder.record(plan.dataset, fitted.profile, picture),
        goes_on.labelling,
        drift,
    )
    commit.commit_run(path, contents)


def _assigned(
    output: Output,
    plan: RunPlan,
    fitted: Fit,
    goes_on: LabelledSweep,
    runner: PassRunner,
    checkpoint: Checkpoint,
    path: AnyPath,
) -> tuple[dict[str, Any], ComponentSummary]:
    """Write the assignments; what the root says of them, and what the components are like."""
    best, transform = goes_on.sweep.selected, fitted.transform
    if best.status is Status.DEGENERATE:
        logger.warning("No candidate is sound. %s", best.status.sentence)
    mixture = best.parameters
    told = summarize_sample(
        fitted.profile, mixture, transform, output.outlier_quantile, output.quantiles
    )
    schema = AssignmentSchema(
        output.assignments, goes_on.labelling.labels, output.most_probable, told.outlier_threshold
    )
    assigned = assign_rows(
        runner,
        mixture,
        transform,
        plan.source,
        schema,
        plan.chunk_shape,
        checkpoint,
        path,
    )
    pivots = component_pivots(mixture, transform)
    components = summarize_components(assigned.sums, pivots, output.quantiles, told.quantiles)
    kind = (schema, plan.dataset, plan.source.grid, plan.chunk_shape)
    basis = assignment_key(mixture, transform, *kind)
    return {"outlier_threshold": told.outlier_threshold, BASIS: basis}, components
