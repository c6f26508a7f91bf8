"""A stored model applied to other data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgmm.engine.assignment import AssignmentSummary
from dgmm.engine.events import Observer, ignore
from dgmm.engine.passes import PassRunner
from dgmm.errors import advise
from dgmm.io.results import commit
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.layout import attempt_path, run_path
from dgmm.io.results.result import Result, open_result
from dgmm.io.storage.location import AnyPath, output_path
from dgmm.io.storage.lock import write_lock
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.mixture.component_summary import component_pivots, summarize_components
from dgmm.mixture.fit_result import Sweep
from dgmm.run.clusters import enter_mpi, open_cluster
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration, dump_resolved, loads
from dgmm.run.config.environment import escape
from dgmm.run.identity import assignment_key, mixture_digest, score_run_id
from dgmm.run.lifecycle import check_memory, run_attributes, run_fingerprint
from dgmm.run.reuse import find_reusable_run, reuse_attributes
from dgmm.run.row_assignment import assign_rows
from dgmm.run.run_plan import RunPlan, plan_run
from dgmm.run.warm_start import check_features


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """Rows to which a model has been applied.

    Attributes
    ----------
    path : str
        The Zarr group that holds their assignments, the model, and what its components are like
        in these rows.
    n_rows, n_missing : int
        Rows, and those of them that were left out.
    mean_log_density : float
        Weighted, nats.
    already_complete : bool
        Whether an earlier command had done it all.
    n_new : int
        Rows that were assigned; the others were taken over from the run ``built_on``.
    built_on : str or None
        The name of a run of the same model on data that have grown since.
    """

    path: str
    n_rows: int
    n_missing: int
    mean_log_density: float
    already_complete: bool
    n_new: int
    built_on: str | None

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        new = "" if self.built_on is None else f" and {self.n_new:,} new since {self.built_on}"
        return (
            f"{self.n_rows:,} rows, {self.n_missing:,} of them missing{new}; "
            f"mean log density {self.mean_log_density:.6g}"
        )


def configuration_for(
    result: Result, path: str, output: str, overrides: Sequence[str] = ()
) -> Configuration:
    """How to score: read and write as the run that found the model did, on this machine.

    Weights that lie in a dataset of their own are left behind: they belong to other rows.

    Parameters
    ----------
    result : Result
    path, output : str
        Of the data and of what is said of them.
    overrides : sequence of str
        ``KEY=VALUE``, of any section.

    Raises
    ------
    ConfigurationError
        If an override is wrong, or a variable that the run used is not set now.
    """
    stored: dict[str, Any] = result.attributes["configuration"]
    weights = stored["input"].get("weights")
    if weights and weights.get("path"):
        weights = None  # of other rows
    document = {
        **{name: section for name, section in stored.items() if name != "cluster"},
        "model": {**stored["model"], "start_from": None},
        "input": {**stored["input"], "path": escape(path), "weights": weights},
        "output": {**stored["output"], "path": escape(output)},
    }
    return loads(json.dumps(document), overrides, name=f"the configuration of {result.path}")


@advise(REMEDIES)
def score(result: Result, configuration: Configuration, observer: Observer = ignore) -> ScoreResult:
    """Assign the rows of a dataset by a stored model, and publish what is found.

    The same call again finds it complete; an interrupted one goes on.

    Raises
    ------
    DataError
        If the data have other features than the model.
    DgmmError
        As a run does.
    """
    enter_mpi(configuration.cluster)
    plan = plan_run(configuration)
    check_features(result, plan.dataset.feature_names)
    output = output_path(configuration.output.path, configuration.output.storage_options)
    run_id = score_run_id(plan.run_id, result)
    path = run_path(output, run_id)
    attempt = attempt_path(output, score_run_id(plan.attempt_id, result))
    with storage_failures(output):
        was_complete = commit.is_complete(output, run_id)
        is_done = commit.is_published(output, run_id) and not attempt.exists()
    if not is_done:
        with write_lock(output) as confirm:
            facts = replace(run_fingerprint(plan), run_id=run_id)
            checkpoint = Checkpoint(attempt, facts, confirm=confirm)
            if not commit.is_complete(output, run_id):
                _complete(result, configuration, plan, path, output, checkpoint, observer)
            confirm()
            commit.publish_run(output, run_id)
            checkpoint.discard()
    found = open_result(path).attributes
    return ScoreResult(
        str(path),
        found["n_samples"],
        found["n_missing"],
        found["mean_log_density"],
        was_complete,
        found.get("n_new", found["n_samples"]),
        found.get("built_on"),
    )


def _complete(
    result: Result,
    configuration: Configuration,
    plan: RunPlan,
    path: AnyPath,
    output: AnyPath,
    checkpoint: Checkpoint,
    observer: Observer,
) -> None:
    best, settings = result.sweep.selected, configuration.output
    mixture, transform = best.parameters, result.transform
    is_begun = checkpoint.has_assignments(mixture_digest(mixture))
    if not is_begun:
        for earlier in checkpoint.runs():  # of an input that has changed since
            commit.discard_run(output, earlier)
        checkpoint.load()  # which makes an empty directory
        checkpoint.begin()
    run = commit.start_run(output, path.name.removesuffix(".zarr"), resume=is_begun)
    schema = AssignmentSchema(
        settings.assignments,
        result.labelling.labels,
        settings.most_probable,
        result.outlier_threshold,
    )
    kind = (schema, plan.dataset, plan.source.grid, plan.chunk_shape)
    basis = assignment_key(mixture, transform, *kind)
    base = find_reusable_run(output, result, basis, dump_resolved(configuration)["input"]["path"])
    with open_cluster(configuration.cluster, configuration.concealment) as cluster:
        check_memory(plan, cluster.capacity)
        runner = PassRunner(plan.dataset, cluster.execution, observer)
        assigned = assign_rows(
            runner,
            mixture,
            transform,
            plan.source,
            schema,
            plan.chunk_shape,
            checkpoint,
            run,
            None if base is None else base.run.path,
        )
    pivots = component_pivots(mixture, transform)
    components = summarize_components(assigned.sums, pivots, (), pivots[:, None, :][:, :0])
    attributes = {
        **run_attributes(configuration, plan),
        **_facts(result, assigned),
        **reuse_attributes(assigned, basis, base, plan.dataset),
    }
    sweep = Sweep((best,), result.sweep.criterion, best, n_passes=1)
    checkpoint.confirm()
    contents = commit.RunContents(
        sweep,
        result.feature_names,
        attributes,
        transform,
        components,
        labelling=result.labelling,
    )
    commit.commit_run(run, contents)


def _facts(result: Result, assigned: AssignmentSummary) -> dict[str, Any]:
    weight = float(assigned.sums.sizes.sum())
    return {
        "kind": "score",
        "model_run": result.path.name.removesuffix(".zarr"),
        "model_fingerprint": result.attributes.get("fingerprint"),
        "n_missing": assigned.n_rows - int(assigned.sums.n_labelled.sum()),
        "mean_log_density": assigned.log_likelihood / weight if weight > 0 else 0.0,
        "outlier_quantile": result.attributes.get("outlier_quantile"),
        "outlier_threshold": result.attributes.get("outlier_threshold"),
        "status": result.sweep.selected.status.value,
    }
