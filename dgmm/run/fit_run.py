"""A run that fits all candidates, assigns the rows by the best and compares with earlier runs."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from dgmm.engine.assignment import assign_checked
from dgmm.engine.events import PROFILE, Observer, ignore
from dgmm.engine.fit import Fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.fit_progress import FitProgress, SaveProgress
from dgmm.engine.inference.variational_fit import fit_models
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.outlier_search import find_threshold
from dgmm.engine.stages import positive_weight_sample
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents
from dgmm.io.results.posterior_arrays import StoredPosterior
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.duplicates import multiplicities
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.row_summary import RowSummary
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.sweep_findings import (
    find_dependent_features,
    find_failed_candidates,
    find_weight_doubts,
)
from dgmm.mixture.transform import FeatureTransform
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration
from dgmm.run.drift_check import check_drift, duplicate_attributes, verdict_attributes
from dgmm.run.identity import BASIS, assignment_key
from dgmm.run.lifecycle import Attempt, complete_run
from dgmm.run.row_assignment import assign_rows, summarize_sample
from dgmm.run.run_plan import RunPlan
from dgmm.run.warm_start import LabelledSweep, relabel

_logger = logging.getLogger(__name__)


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

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import loads, run
    >>> np.save("iris.npy", load_iris().data)
    >>> configuration = loads(
    ...     '''
    ...     input: {path: iris.npy}
    ...     model: {n_components: "1:3", covariance_type: full}
    ...     output: {path: results, report: false}
    ...     cluster: {kind: threads}
    ...     '''
    ... )
    >>> done = run(configuration)
    >>> done.sweep.selected.candidate.name, done.already_complete
    ('full-2', False)
    >>> run(configuration).already_complete
    True
    """

    path: str
    sweep: Sweep
    already_complete: bool


def run(
    configuration: Configuration, observer: Observer = ignore, *, fresh: bool = False
) -> RunResult:
    """Fit, assign, write and publish; resume an interrupted run, or return a complete one.

    Parameters
    ----------
    configuration : Configuration
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.
    fresh : bool
        Whether to start again where an earlier call was interrupted; a complete run stays.

    Returns
    -------
    RunResult

    Raises
    ------
    DgmmError
        With the exit code of the command.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import loads, run
    >>> np.save("iris.npy", load_iris().data)
    >>> configuration = loads(
    ...     '''
    ...     input: {path: iris.npy}
    ...     model: {n_components: "1:3", covariance_type: full}
    ...     output: {path: results, report: false}
    ...     cluster: {kind: threads}
    ...     '''
    ... )
    >>> [result.candidate.name for result in run(configuration).sweep.results]
    ['full-1', 'full-2', 'full-3']
    """
    found, already_complete = complete_run(configuration, _fit, observer, fresh=fresh)
    return RunResult(str(found.path), found.sweep, already_complete)


def _fit(attempt: Attempt) -> RunContents:
    """Fit all candidates, assign all rows by the best, and compare with the earlier result."""
    plan, recorder = attempt.plan, attempt.recorder
    dataset, wanted = plan.dataset, plan.configuration
    with attempt.open_cluster(keep_blocks=True) as execution:
        save, progress = _save(attempt), attempt.progress
        fitted = fit_models(dataset, plan.options, execution, recorder, progress, save)
        are_kept = plan.options.relevance is not None or plan.options.fixed is not None
        labelled = relabel(fitted, plan.earlier, are_kept=are_kept)
        runner = PassRunner(dataset, execution, recorder, fitted.profile.checksums)
        schema, summary = _assign(attempt, fitted, labelled, runner)
    profile = fitted.profile
    mean, deviations = profile.mean, np.sqrt(np.diagonal(profile.covariance))
    if fitted.transform is not None and fitted.transform.functions is not None:
        # those of the profile are after the functions
        mean, deviations = summary.components.moments()
    counts = multiplicities(positive_weight_sample(profile)[0])
    drift = check_drift(
        plan.compared_with, labelled, fitted, counts, plan.options, wanted.drift, recorder
    )
    mixture, processes = labelled.sweep.selected.parameters, attempt.checkpoint.processes()
    attributes = {
        **verdict_attributes(drift, wanted.drift),
        "n_missing": profile.n_missing,
        **_missing_values(profile, dataset.feature_names),
        **_knowledge(plan.options),
        **_labelled_rows(profile, mixture, fitted.transform),
        **({"log_jacobian": profile.log_jacobian} if profile.log_jacobian else {}),
        **duplicate_attributes(counts),
        "outlier_quantile": wanted.output.outlier_quantile,
        "outlier_threshold": schema.outlier_threshold,
        "outlier_share": summary.outlier_share,
        **({} if mixture.noise is None else {"noise_share": summary.noise_share}),
        BASIS: assignment_key(mixture, fitted.transform, schema, processes, *plan.layout),
        "status": labelled.sweep.selected.status.value,
    }
    return RunContents(
        labelled.sweep,
        dataset.feature_names,
        attributes,
        fitted.transform,
        summary.components,
        summary.goodness,
        summary.clustering,
        summary.errors,
        recorder.record(plan, mean, deviations, profile.sample, profile.sample_weights),
        labelled.labelling,
        drift,
        posterior=_label_posterior(fitted, labelled),
    )


def _label_posterior(fitted: Fit, labelled: LabelledSweep) -> StoredPosterior | None:
    """The posterior, if there is one, and what its components are called."""
    if fitted.posterior is None:
        return None
    used, names = fitted.posterior.posterior.used, labelled.labelling.labels
    order = labelled.places or range(len(used))
    labels = dict(zip(used[[*order]].tolist(), names, strict=True))
    n_allowed = fitted.posterior.posterior.mixture.n_components
    return StoredPosterior(
        fitted.posterior, tuple(labels.get(place, -1) for place in range(n_allowed))
    )


def _knowledge(options: FitOptions) -> dict[str, Any]:
    """Priors and parts that stay, for the root of a run."""
    fixed = options.fixed
    found = {
        "prior": options.prior,
        "relevance": options.relevance,
        "fixed": None if fixed is None else fixed.names,
        "n_fixed_components": None if fixed is None else fixed.n_components,
    }
    return {name: value for name, value in found.items() if value is not None}


def _missing_values(profile: Profile, names: tuple[str, ...]) -> dict[str, Any]:
    """Which values are missing in the rows that count, for the root of a run."""
    if profile.observed is None:
        return {}
    n_absent = profile.n_rows - profile.observed.n_observed
    counts = {name: int(n) for name, n in zip(names, n_absent, strict=True)}
    return {"n_missing_values": counts, "n_patterns": profile.observed.n_patterns}


def _labelled_rows(
    profile: Profile, mixture: Parameters, transform: FeatureTransform | None
) -> dict[str, Any]:
    """How many rows were labelled, and whether the mixture agrees, for the root of a run.

    Whether it does is told of the rows of the sample.
    """
    if profile.labelled is None or profile.sample_labels is None:
        return {}
    known = profile.sample_labels >= 0
    found = assign_checked(mixture, profile.sample[known], transform).labels
    agree = float(np.mean(found == profile.sample_labels[known])) if known.any() else None
    return {"labelled_weights": profile.labelled.weights, "labelled_agreement": agree}


def _save(attempt: Attempt) -> SaveProgress:
    """Saves the progress of the fit, and says what criteria count as soon as it is known."""

    def save(progress: FitProgress) -> None:
        attempt.checkpoint.save(progress)
        if progress.stage == PROFILE:
            _warn_of_data(attempt.plan, progress.profile)

    return save


def _warn_of_data(plan: RunPlan, profile: Profile) -> None:
    """Say what criteria count, and what of the data makes them doubtful."""
    size = SampleSize.of(profile.weight_totals, plan.options.normalize)
    if plan.dataset.weights is not None:
        _logger.info(size.sentence)
    is_bayesian = plan.options.variational is not None
    found = [*find_weight_doubts(size, is_bayesian=is_bayesian)]
    if plan.options.prepare.pca is None:  # which leaves out what has no width
        kinds = (kind for kind, _ in plan.options.models)
        names = plan.dataset.feature_names
        found += (
            []
            if profile.lacks_values
            else find_dependent_features(
                profile.covariance, profile.mean, profile.n_rows, names, kinds
            )
        )
    for finding in found:
        _logger.warning(finding.advised(REMEDIES))


def _assign(
    attempt: Attempt, fitted: Fit, labelled: LabelledSweep, runner: PassRunner
) -> tuple[AssignmentSchema, RowSummary]:
    """Write the assignments; their schema, and what all rows say of the mixture."""
    output, best = attempt.plan.configuration.output, labelled.sweep.selected
    if best.status is Status.DEGENERATE:
        _logger.warning("No candidate is sound. %s", best.status.sentence)
    for finding in find_failed_candidates(labelled.sweep):
        _logger.warning(finding.text)
    mixture, transform = best.parameters, fitted.transform
    sample = summarize_sample(fitted.profile, mixture, transform, output)
    threshold, labels = sample.outlier_threshold, labelled.labelling.labels
    if "outlier" in output.assignments and not fitted.profile.is_sample_complete:
        proposed = sample.outlier_thresholds, output.outlier_quantile
        threshold = find_threshold(runner, mixture, transform, *proposed)
    schema = AssignmentSchema(
        output.assignments,
        labels,
        output.most_probable,
        threshold,
        sample.clustering.names(labels, mixture.weights),
        mixture.noise is not None,
    )
    hierarchy = sample.clustering.hierarchy
    by = AssigningMixture(mixture, transform, hierarchy, threshold)
    assigned = assign_rows(attempt, runner, by, schema)
    quantiles, n_clusters = (output.quantiles, sample.quantiles), sample.clustering.n_clusters
    found = RowSummary.from_sums(assigned.sums, by, n_clusters, *quantiles, assigned.groups)
    return schema, found
