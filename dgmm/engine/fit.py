"""Fit a whole sweep: profile the data, choose starts on a sample, iterate on all rows."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dgmm.engine import blas, candidates, passes, stages
from dgmm.engine.events import BlocksDone, Observer, PassFinished, PassStarted, Resumed, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.fit_progress import FitProgress, SaveProgress, discard_progress
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.label_comparison import compare_neighbours
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.fill_values import find_fill_values
from dgmm.engine.profiling.label_checks import check_labels
from dgmm.engine.profiling.option_checks import check_options
from dgmm.engine.profiling.profile_checks import validate_profile
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.engine.proposals.step_proposals import StepProposals
from dgmm.engine.search import early_stopping
from dgmm.engine.search.extension_search import search_for
from dgmm.engine.search.imputed_sample import complete_rows
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.noise_tuning import first_noise
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.stages import Stage, centre_sample
from dgmm.mixture.candidate import Candidate
from dgmm.mixture.criteria import FitSummary, SweepSummary, evaluate
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.fit_result import FitResult, Sweep, rank
from dgmm.mixture.identifiers import find_identifiers
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.model_selection.sweep_evaluation import SweepEvaluation
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization, constant_features
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A sweep, the profile of its data, and the transform of the rows if there was one."""

    sweep: Sweep
    profile: Profile
    transform: FeatureTransform | None


@blas.single_thread()
def fit(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    execution: Execution | None = None,
    observer: Observer = ignore,
    progress: FitProgress | None = None,
    save: SaveProgress = discard_progress,
) -> Fit:
    """Fit all models to all rows.

    Parameters
    ----------
    dataset : Dataset or InMemoryRows
    options : FitOptions
    execution : Execution, optional
        Threads of this process unless given.
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.
    progress : FitProgress, optional
        Where an earlier call with the same dataset and options was interrupted; the outcome has
        the bits that it would have had.
    save : callable, optional
        Given the progress before each stage and after each pass.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        If the data cannot be fitted, or change while they are.
    """
    check_options(dataset, options)
    runner = PassRunner(dataset, execution or LocalExecution(), observer)
    if progress is None:
        progress = FitProgress(profile_data(runner, options), stages.PROFILE, 1, ())
        save(progress)
    else:
        observer(Resumed(progress.stage, progress.n_passes))
    runner = replace(runner, checksums=progress.profile.checksums)
    transform = _preparation(progress.profile, options.prepare.fit(progress.profile.sample))
    profile = progress.profile.transform(transform)
    rules = rules_for(options, profile)
    centred = replace(profile.centred_scatter, transform=transform)
    candidates.check_features(options.earlier, dataset.n_features)
    earlier = candidates.transform_earlier(options, transform, profile, rules)
    prior = stages.prior_of(profile, options, earlier)
    if prior is not None:
        centred = replace(centred, known=(*centred.known, prior))
    tried = _run_stages(runner, centred, profile, options, rules, earlier, progress, save)
    states = stages.best_states(tried)
    n_passes = 1 + candidates.count_passes(tried)
    size = SampleSize.of(profile.weight_totals, options.normalize)
    found = SweepEvaluation.from_states(states, size, partial(centre_sample, profile))
    results = tuple(_result(state, profile, size, options, found.summary) for state in states)
    best = min(results, key=lambda result: rank(result, options.criterion, size.n_effective))
    gaps = found.compare(results.index(best))
    sweep = Sweep(results, options.criterion, best, n_passes, size, found.dependence, gaps)
    return Fit(compare_neighbours(sweep, profile), progress.profile, transform)


def profile_data(runner: PassRunner, options: FitOptions) -> Profile:
    """Profile the data in the first pass and check that they can be fitted."""
    dataset, names = runner.dataset, runner.dataset.feature_names
    sample_rows = options.sample_size(dataset.n_rows, dataset.n_features)
    n_classes = options.max_components
    spec = ProfileSpec(options.seed, sample_rows / dataset.n_rows, n_classes=n_classes)
    functions = options.prepare.functions
    if functions is not None and not functions.are_known:
        functions = functions.fit(passes.profile(runner, spec).sample)  # a read more
    profiled = passes.profile(runner, replace(spec, functions=functions))
    profile = validate_profile(profiled, names, n_classes)
    counts = [n_components for _, n_components in options.models]
    check_labels(profile.labelled, counts, options.earlier)
    constant = constant_features(profile.covariance, profile.mean)
    if constant.any():
        found = [name for name, c in zip(names, constant, strict=True) if c]
        logger.warning("Constant features add nothing and should be left out: %s.", found)
    for name, why in find_identifiers(profile.rising, profile.sample, names).items():
        logger.warning("Feature %r looks like an identifier: %s. Leave it out?", name, why)
    extremes = (profile.minimum, profile.maximum)
    for name, value in find_fill_values(*extremes, profile.sample, names).items():
        text = "Feature %r has values of %g, far from all others: if they are missing, store NaN."
        logger.warning(text, name, value)
    return profile


def _preparation(profile: Profile, rule: FeatureTransformSpec) -> FeatureTransform | None:
    if not rule.is_needed:
        return None
    transform = FeatureTransform.fit(rule, profile.mean, profile.covariance)
    if isinstance(rule.pca, int) and transform.n_axes < rule.pca:
        logger.warning(
            "The data vary in %d directions only; so many principal components are fitted, not %d.",
            transform.n_axes,
            rule.pca,
        )
    return transform


def rules_for(options: FitOptions, profile: Profile) -> EMOptions:
    """The rules of a fit to data of this profile, in the coordinates that are fitted."""
    regularization = Regularization.for_data(profile.covariance, profile.mean, options.reg_covar)
    return EMOptions(
        options.tol,
        options.max_iter,
        regularization,
        profile.covariance,
        options.allow_degenerate,
        options.accelerate and not options.has_prior,
        0 if options.fixed is None else options.fixed.n_components,
    )


def _run_stages(
    runner: PassRunner,
    centred: CentredScatter,
    profile: Profile,
    options: FitOptions,
    rules: EMOptions,
    earlier: Mapping[Model, Parameters],
    progress: FitProgress,
    save: SaveProgress,
) -> tuple[FitState, ...]:
    """Run EM through all stages from ``progress`` on; all states at the end."""
    n_passes, states = progress.n_passes, progress.states
    sample = stages.search_rows(profile, rules, stages.prior_of(profile, options, earlier))
    rivals = earlier if options.relevance is None and profile.labelled is None else {}
    complete = complete_rows(sample, options.seed)
    noise = first_noise(options.noise, complete, earlier)
    n_effective = SampleSize.of(profile.weight_totals, options.normalize).n_effective
    prospects = Prospects(options, n_effective, len(profile.mean))
    search = search_for(complete, options, rules, prospects, noise)
    is_in_memory = isinstance(runner.dataset, InMemoryRows)
    left = list(stages.stages(profile, options, is_in_memory=is_in_memory))
    if progress.stage in left:
        left = left[left.index(progress.stage) :]
    else:
        n_components = sum(k for _, k in options.models)
        # compiled loops, if blocks are worth them, are loaded while the driver searches
        runner.execution.call_ahead(partial(loops_for, runner.dataset.block_rows, n_components))
        n_passes, states = 0, _search(search, profile, earlier, runner.observer)
        states = stages.initial_states(left[0], states, profile, rivals)
    while left:
        name, *left = left
        if name == stages.SAMPLE:
            stage = stages.sample_stage(sample, profile, rules, runner.observer)
            proposals = None
        else:
            stage = Stage(runner, centred, rules)
            proposals = StepProposals.for_rows(
                sample, profile, options, rules, prospects, with_births=name == stages.FIT
            )
        em = passes.run_em(
            stage.runner,
            name,
            states,
            stage.centred,
            stage.rules,
            n_passes,
            early_stopping.stop_rule(profile, options, rules),
            proposals,
        )
        for n_passes, states in em:
            save(replace(progress, stage=name, n_passes=n_passes, states=states))
        if left or name == stages.REPAIR:
            n_passes, states = 0, stages.next_states(name, states, options, search, profile)
        if left:
            states = stages.initial_states(left[0], states, profile, rivals)
        elif any(state.is_running for state in states):  # a repaired model outdid a larger one
            left = [stages.REPAIR]
    return states


def _search(
    search: ModelSearch, profile: Profile, earlier: Mapping[Model, Parameters], observer: Observer
) -> tuple[FitState, ...]:
    """An initial mixture for each model, relative to the mean of all rows."""
    n_models, n_rows = len(search.options.models), len(profile.sample)
    n_searches = search.count(earlier)
    observer(PassStarted(stages.SEARCH, 0, n_models, n_models, n_searches, n_rows))
    began = time.monotonic()
    found = search.find_all(
        earlier, profile.mean, lambda done: observer(BlocksDone(done, n_searches))
    )
    seconds = time.monotonic() - began
    observer(PassFinished(stages.SEARCH, 0, seconds, n_rows, n_models, None))
    return tuple(FitState(Candidate(*model), found[model]) for model in search.options.models)


def _result(
    state: FitState,
    profile: Profile,
    size: SampleSize,
    options: FitOptions,
    sweep: SweepSummary | None,
) -> FitResult:
    """The result of a state in the units of the data, with likelihoods before any functions."""
    parameters = state.parameters.translate(profile.mean)
    is_given = not options.given.is_empty or options.relevance is not None
    if not is_given:  # else components are known by their places
        n_classes = 0 if profile.labelled is None else len(profile.labelled.classes)
        n_known = n_classes if options.fixed is None else options.fixed.n_components
        parameters = parameters.sort_by_weight(n_known)
    if options.fixed is not None:  # to the bit, whatever moving the origin has rounded
        parameters = options.fixed.put_into(parameters)
    log_likelihood = state.log_likelihood + profile.log_jacobian
    if sweep is not None:
        largest = sweep.log_likelihood + profile.log_jacobian * size.scale
        sweep = replace(sweep, log_likelihood=largest)
    fit = FitSummary(
        log_likelihood * size.scale,
        state.log_classification * size.scale,
        parameters.n_parameters,
        size.n_effective,
        sweep,
    )
    return FitResult(
        candidate=state.candidate,
        parameters=parameters,
        status=state.status,
        n_iter=state.n_iter,
        trace=tuple(value + profile.log_jacobian / profile.total_weight for value in state.trace),
        log_likelihood=log_likelihood,
        n_parameters=fit.n_parameters,
        criteria=evaluate(fit),
        n_births=state.n_births,
    )
