"""Apply a stored model to other data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dgmm.engine.assignment import AssignmentSummary
from dgmm.engine.events import Observer, ignore
from dgmm.engine.passes import PassRunner
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents
from dgmm.io.results.layout import run_name
from dgmm.io.results.result import Result
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.row_summary import RowSummary
from dgmm.run.config.configuration import Configuration, loads
from dgmm.run.config.environment import escape
from dgmm.run.config.model_section import OF_PRIOR
from dgmm.run.identity import assignment_key
from dgmm.run.lifecycle import Attempt, complete_run
from dgmm.run.reuse import find_reusable_run, reuse_attributes
from dgmm.run.row_assignment import assign_rows

_OF_EARLIER = ("start_from", "relevance", "fixed")
"""Keys of a model on an earlier result, which a score does not need."""

_OF_POSTERIOR = ("inference", *OF_PRIOR)
"""Keys of a Bayesian mixture, whose mean a score takes as any mixture."""


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The result of applying a model to rows.

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

    Examples
    --------
    >>> import numpy as np
    >>> import dgmm
    >>> from dgmm.run import configuration_for, score
    >>> result = dgmm.open_result("results/iris")
    >>> np.save("flowers.npy", np.array([[5.0, 3.4, 1.5, 0.2], [6.3, 2.9, 4.9, 1.7]]))
    >>> changes = ["cluster={kind: threads}"]
    >>> configuration = configuration_for(result, "flowers.npy", "results/flowers", changes)
    >>> score(result, configuration).sentence
    '2 rows, 0 of them missing; mean log density 0.781693'
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
        """The result in words."""
        new = "" if self.built_on is None else f" and {self.n_new:,} new since {self.built_on}"
        return (
            f"{self.n_rows:,} rows, {self.n_missing:,} of them missing{new}; "
            f"mean log density {self.mean_log_density:.6g}"
        )


def configuration_for(
    result: Result,
    path: str,
    output: str,
    overrides: Sequence[str] = (),
    *,
    sections: Mapping[str, object] | None = None,
) -> Configuration:
    """The configuration of a score: as for the run that found the model, on this machine.

    Weights that lie in a dataset of their own are left behind: they belong to other rows.

    Parameters
    ----------
    result : Result
    path, output : str
        Of the data and of what is said of them.
    overrides : sequence of str
        ``KEY=VALUE``, of any section.
    sections : mapping, optional
        Whole sections that take the place of the run's, as :func:`dump_resolved` gives them.

    Raises
    ------
    ConfigurationError
        If an override or a section is wrong, or a variable that the run used is not set now.

    Examples
    --------
    >>> import dgmm
    >>> from dgmm.run import configuration_for
    >>> result = dgmm.open_result("results/iris")
    >>> changes = ["cluster={kind: threads}"]
    >>> configuration_for(result, "flowers.npy", "results/flowers", changes).input.path
    'flowers.npy'
    """
    stored: dict[str, Any] = result.attributes["configuration"]
    weights = stored["input"].get("weights")
    if weights and weights.get("path"):
        weights = None  # of other rows
    document = {
        **{name: section for name, section in stored.items() if name != "cluster"},
        "model": {
            **{key: value for key, value in stored["model"].items() if key not in _OF_POSTERIOR},
            **dict.fromkeys(_OF_EARLIER),
        },
        "input": {**stored["input"], "path": escape(path), "weights": weights},
        "output": {**stored["output"], "path": escape(output)},
        **(sections or {}),
    }
    return loads(json.dumps(document), overrides, name=f"the configuration of {result.path}")


def score(result: Result, configuration: Configuration, observer: Observer = ignore) -> ScoreResult:
    """Assign the rows of a dataset by a stored model and publish the result.

    The same call again finds it complete; an interrupted one goes on.

    Raises
    ------
    DataError
        If the data have other features than the model.
    DgmmError
        As a run does.

    Examples
    --------
    >>> import numpy as np
    >>> import dgmm
    >>> from dgmm.run import configuration_for, score
    >>> result = dgmm.open_result("results/iris")
    >>> np.save("flowers.npy", np.array([[5.0, 3.4, 1.5, 0.2], [6.3, 2.9, 4.9, 1.7]]))
    >>> changes = ["cluster={kind: threads}"]
    >>> configuration = configuration_for(result, "flowers.npy", "results/flowers", changes)
    >>> found = score(result, configuration)
    >>> dgmm.open_result(found.path).assignments["labels"][:]
    array([1, 0], dtype=int16)
    """
    work = partial(_score, result=result)
    scored, already_complete = complete_run(configuration, work, observer, result)
    found = scored.attributes
    return ScoreResult(
        str(scored.path),
        found["n_samples"],
        found["n_missing"],
        found["mean_log_density"],
        already_complete,
        found.get("n_new", found["n_samples"]),
        found.get("built_on"),
    )


def _score(attempt: Attempt, result: Result) -> RunContents:
    """Assign all rows by the model, except those that an earlier score assigned."""
    plan, recorder = attempt.plan, attempt.recorder
    output = plan.configuration.output
    best, transform = result.sweep.selected, result.transform
    schema = AssignmentSchema(
        output.assignments,
        result.labelling.labels,
        output.most_probable,
        result.outlier_threshold,
        result.clusters,
        result.model.noise is not None,
    )
    clustering = result.clustering
    hierarchy = None if clustering is None else clustering.hierarchy
    n_clusters = None if clustering is None else clustering.n_clusters
    by = AssigningMixture(best.parameters, transform, hierarchy, result.outlier_threshold)

    def basis() -> dict[str, str]:
        processes = attempt.checkpoint.processes()  # as they are known then
        return assignment_key(best.parameters, transform, schema, processes, *plan.layout)

    with attempt.open_cluster() as execution:
        base = find_reusable_run(plan, result, basis())
        runner = PassRunner(plan.dataset, execution, recorder)
        place = None if base is None else base.path
        assigned = assign_rows(attempt, runner, by, schema, place)
    none = by.pivots[:, None, :][:, :0]
    summary = RowSummary.from_sums(assigned.sums, by, n_clusters, (), none, assigned.groups)
    return RunContents(
        Sweep((best,), result.sweep.criterion, best, 1, result.sweep.size),
        result.feature_names,
        {**_facts(result, assigned), **reuse_attributes(assigned, basis(), base, plan)},
        transform,
        summary.components,
        summary.goodness,
        summary.clustering,
        summary.errors,
        recorder.record(plan, *summary.components.moments(), by.pivots[:0]),
        result.labelling,
    )


def _facts(result: Result, assigned: AssignmentSummary) -> dict[str, Any]:
    components = assigned.sums.components
    weight = components.total_weight
    return {
        "kind": "score",
        "model_run": run_name(result.path),
        "model_fingerprint": result.attributes.get("fingerprint"),
        "n_missing": assigned.n_rows - components.n_rows,
        "mean_log_density": assigned.sums.log_likelihood / weight if weight > 0 else 0.0,
        "outlier_quantile": result.attributes.get("outlier_quantile"),
        "outlier_threshold": result.attributes.get("outlier_threshold"),
        "outlier_share": assigned.sums.outlier_share,
        **({} if result.model.noise is None else {"noise_share": components.noise_share}),
        "status": result.sweep.selected.status.value,
    }
