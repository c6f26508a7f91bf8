"""Fit a whole sweep: profile the data, choose starts on a sample, iterate on all rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dgmm.engine import blas, candidates, events, passes, stages
from dgmm.engine.events import BlocksDone, Observer, PassFinished, PassStarted, ignore
from dgmm.engine.execution import Execution
from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.fit_progress import FitProgress, SaveProgress, discard_progress
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.label_comparison import compare_neighbours
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.option_checks import check_options
from dgmm.engine.profiling.preparation import Preparation, prepare
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
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.fit_result import FitResult, Sweep, rank
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.model_selection.sweep_evaluation import SweepEvaluation
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.variational.variational_state import VariationalState

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A sweep, and how its data were seen.

    Attributes
    ----------
    sweep : Sweep
    profile : Profile
        Of the data.
    transform : FeatureTransform, or None
        Of the data for the mixtures.
    posterior : VariationalState, or None
        Of a Bayesian mixture, the only candidate of the sweep, for transformed rows.
    """

    sweep: Sweep
    profile: Profile
    transform: FeatureTransform | None
    posterior: VariationalState | None = None


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
    found = prepare(dataset, options, execution, observer, progress, save)
    candidates.check_features(options.earlier, dataset.n_features)
    earlier = candidates.transform_earlier(options, found.transform, found.profile, found.rules)
    prior = stages.prior_of(found.profile, options, earlier)
    centred = found.centred
    if prior is not None:
        centred = replace(centred, known=(*centred.known, prior))
    tried = _run_stages(replace(found, centred=centred), options, earlier, save)
    return evaluate_states(
        stages.best_states(tried), found, options, candidates.count_passes(tried)
    )


def evaluate_states(
    states: Sequence[FitState], preparation: Preparation, options: FitOptions, n_passes: int
) -> Fit:
    """The sweep of final states, one of each model, after so many passes and the profile's."""
    profile, transform = preparation.profile, preparation.transform
    size = SampleSize.of(profile.weight_totals, options.normalize)
    found = SweepEvaluation.from_states(states, size, partial(centre_sample, profile))
    results = tuple(_result(state, profile, size, options, found.summary) for state in states)
    best = min(results, key=lambda result: rank(result, options.criterion, size.n_effective))
    gaps = found.compare(results.index(best))
    sweep = Sweep(results, options.criterion, best, 1 + n_passes, size, found.dependence, gaps)
    return Fit(compare_neighbours(sweep, profile), preparation.progress.profile, transform)


def _run_stages(
    preparation: Preparation,
    options: FitOptions,
    earlier: Mapping[Model, Parameters],
    save: SaveProgress,
) -> tuple[FitState, ...]:
    """Run EM through all stages from the progress on; all states at the end."""
    runner, progress = preparation.runner, preparation.progress
    profile, rules = preparation.profile, preparation.rules
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
        n_passes, states = 0, search_states(search, runner, profile, earlier)
        states = stages.initial_states(left[0], states, profile, rivals)
    while left:
        name, *left = left
        if name == events.SAMPLE:
            stage = stages.sample_stage(sample, profile, rules, runner.observer)
            proposals = None
        else:
            stage = Stage(runner, preparation.centred, rules)
            proposals = StepProposals.for_rows(
                sample, profile, options, rules, prospects, with_births=name == events.FIT
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
        if name == events.SAMPLE and profile.is_sample_complete and events.REPAIR in left:
            states = stages.repair(states, options, search)
            if any(state.is_running for state in states):  # sooner than all rows are read
                n_passes, left = 0, [name, *left]
                continue
        if left or name == events.REPAIR:
            n_passes, states = 0, stages.next_states(name, states, options, search, profile)
        if left:
            states = stages.initial_states(left[0], states, profile, rivals)
        elif any(state.is_running for state in states):  # a repaired model outdid a larger one
            left = [events.REPAIR]
    return states


def search_states(
    search: ModelSearch,
    runner: PassRunner,
    profile: Profile,
    earlier: Mapping[Model, Parameters],
) -> tuple[FitState, ...]:
    """An initial mixture for each model, relative to the mean of all rows, as its first state."""
    n_models, n_rows = len(search.options.models), len(profile.sample)
    n_searches, observer = search.count(earlier), runner.observer
    # compiled loops, if blocks are worth them, are loaded while the driver searches
    n_components = sum(k for _, k in search.options.models)
    runner.execution.call_ahead(partial(loops_for, runner.dataset.block_rows, n_components))
    observer(PassStarted(events.SEARCH, 0, n_models, n_models, n_searches, n_rows))
    began = time.monotonic()
    found = search.find_all(
        earlier, profile.mean, lambda done: observer(BlocksDone(done, n_searches))
    )
    seconds = time.monotonic() - began
    observer(PassFinished(events.SEARCH, 0, seconds, n_rows, n_models, None))
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
