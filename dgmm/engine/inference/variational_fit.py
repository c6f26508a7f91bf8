"""Fit a Bayesian mixture: a start on the sample, then variational inference on all rows."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dgmm.engine import blas, candidates, events, passes, stages
from dgmm.engine.events import Observer, PassFinished, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit import Fit, evaluate_states, fit, search_states
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.fit_progress import FitProgress, SaveProgress, discard_progress
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.engine.profiling.option_checks import check_options
from dgmm.engine.profiling.preparation import Preparation, prepare
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.search_rows import SearchRows
from dgmm.errors import DataError
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import transform_mixture
from dgmm.mixture.variational.posterior import VariationalPosterior
from dgmm.mixture.variational.prior import Prior
from dgmm.mixture.variational.prior_options import PriorOptions
from dgmm.mixture.variational.variational_state import VariationalState, step

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset

logger = logging.getLogger(__name__)

_MOST_STARTS = 16


@blas.single_thread()
def fit_posterior(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    start: VariationalPosterior | None = None,
    execution: Execution | None = None,
    observer: Observer = ignore,
) -> VariationalState:
    """Fit a Bayesian mixture to all rows.

    The search finds mixtures of some numbers of components on the sample, and variational inference
    goes on from each of them there; rows of the sample count as much as all rows. That with the
    best lower bound goes on, on all rows.

    Parameters
    ----------
    dataset : Dataset or InMemoryRows
    options : FitOptions
        Of one model, which has the most components there may be.
    start : VariationalPosterior, optional
        Whose responsibilities are the first; the search finds a mixture unless given.
    execution : Execution, optional
        Threads of this process unless given.
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.

    Raises
    ------
    DataError
        If the data cannot be fitted, or change while they are.
    """
    found = prepare(dataset, options, execution, observer)
    mean = found.profile.mean
    if start is not None:
        first = VariationalState(start.translate(-mean))
        found = replace(found, progress=replace(found.progress, variational=first))
    return _infer(found, options, discard_progress).translate(mean)


@blas.single_thread()
def fit_bayesian(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    execution: Execution | None = None,
    observer: Observer = ignore,
    progress: FitProgress | None = None,
    save: SaveProgress = discard_progress,
) -> Fit:
    """Fit a Bayesian mixture; the only candidate of the sweep is its mean.

    The mean is evaluated in one more read of all rows. Parameters and errors are those of
    :func:`dgmm.engine.fit.fit`.
    """
    check_options(dataset, options)
    candidates.check_features(options.earlier, dataset.n_features)
    found = prepare(dataset, options, execution, observer, progress, save)
    if (total := found.profile.total_weight) < 1:
        raise DataError(
            f"Weights add up to {total:.3g}, expected at least 1: those of a Bayesian mixture "
            "count rows. Multiply them by a number."
        )
    state, states = _infer(found, options, save), found.progress.states
    if not states:
        states = (_evaluate_mean(found, state, save),)
    n_used, (_, n_allowed) = len(state.posterior.used), *options.models
    logger.info("%d of the %d components that are allowed have rows", n_used, n_allowed)
    outcome = evaluate_states(states, found, options, 1 + len(state.lower_bounds))
    return replace(outcome, posterior=state.translate(found.profile.mean))


def fit_models(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    execution: Execution | None = None,
    observer: Observer = ignore,
    progress: FitProgress | None = None,
    save: SaveProgress = discard_progress,
) -> Fit:
    """Fit all candidates by EM, or a Bayesian mixture where options have a prior of one.

    Parameters and errors are those of :func:`dgmm.engine.fit.fit`.
    """
    method = fit if options.variational is None else fit_bayesian
    return method(dataset, options, execution, observer, progress, save)


def _infer(found: Preparation, options: FitOptions, save: SaveProgress) -> VariationalState:
    """Inference on all rows, from the progress on."""
    profile, progress = found.profile, found.progress
    ((kind, n_components),) = options.models
    wanted = PriorOptions() if options.variational is None else options.variational
    data = profile.mean, profile.scatter, profile.total_weight
    prior = wanted.prior_for(kind, n_components, *data).translate(-profile.mean)
    state = progress.variational
    if state is None:
        state = _start(found, options, prior)
        save(replace(progress, stage=events.FIT, n_passes=0, variational=state))
    if not state.is_converged:
        first, bounds = state.posterior.expected_mixture, state.lower_bounds
        passed = _iterate(
            found.runner, events.FIT, [first], found.centred, prior, found.rules, bounds
        )
        for (state,) in passed:
            n_passes = len(state.lower_bounds)
            save(replace(progress, stage=events.FIT, n_passes=n_passes, variational=state))
    return state


def _start(found: Preparation, options: FitOptions, prior: Prior) -> VariationalState:
    """The state whose responsibilities are the first of all rows."""
    profile, rules, observer = found.profile, found.rules, found.runner.observer
    ((kind, n_components),) = options.models
    counts = range(n_components, 0, -max(1, n_components // _MOST_STARTS))
    each = replace(options, models=tuple((kind, count) for count in counts))
    prospects = Prospects(replace(each, finish_all=True), profile.total_weight, len(profile.mean))
    search = ModelSearch(stages.search_rows(profile, rules), each, rules, prospects=prospects)
    searched = search_states(search, found.runner, profile, {})
    mixtures = [state.parameters for state in searched]
    mixtures += _earlier_mixtures(found, options)
    starts = [_pad(mixture.sort_by_weight(), n_components) for mixture in mixtures]
    sample, centred = _weigh_as_all(search.rows, profile.total_weight, observer)
    first = replace(rules, tol=max(rules.tol, stages.SAMPLE_TOL))
    states = []
    for start in starts:  # one after another, in the memory of one
        *_, (state,) = _iterate(sample, events.SAMPLE, [start], centred, prior, first)
        states.append(state)
    return VariationalState(max(states, key=lambda state: state.lower_bounds[-1]).posterior)


def _earlier_mixtures(found: Preparation, options: FitOptions) -> Iterator[Parameters]:
    """Mixtures of an earlier result that are of the same type, relative to the mean of the rows."""
    ((kind, n_components),) = options.models
    before, covariance = options.earlier.transform, found.profile.covariance
    for mixture in options.earlier.mixtures:
        if mixture.covariance_type == kind and mixture.n_components <= n_components:
            floor = found.rules.regularization
            now = transform_mixture(mixture, before, found.transform, covariance, floor)
            yield now.with_noise(None).translate(-found.profile.mean)


def _pad(mixture: Parameters, n_components: int) -> Parameters:
    """The mixture with components that have no rows yet."""
    n_more = n_components - mixture.n_components
    places = np.append(np.arange(mixture.n_components), np.zeros(n_more, np.intp))
    weights = np.append(mixture.weights, np.zeros(n_more))
    return replace(mixture.permute(places), weights=weights)


def _weigh_as_all(
    sample: SearchRows, total_weight: float, observer: Observer
) -> tuple[PassRunner, CentredScatter]:
    """The sample, with weights that add up to those of all rows."""
    weights = sample.weights * (total_weight / sample.weights.sum())
    centred = CentredScatter.of(sample.rows, weights, np.zeros(sample.rows.shape[1]))
    runner = PassRunner(InMemoryRows(sample.rows, weights), LocalExecution(), observer)
    return runner, centred


def _iterate(
    runner: PassRunner,
    stage: str,
    mixtures: Sequence[Parameters],
    centred: CentredScatter,
    prior: Prior,
    rules: EMOptions,
    lower_bounds: tuple[float, ...] = (),
) -> Iterator[tuple[VariationalState, ...]]:
    """Iterate from the responsibilities of mixtures until each bound has converged.

    Those after the bounds that there are already; all states after each pass.
    """
    going = dict(enumerate(mixtures))
    states: dict[int, VariationalState] = {}
    n_rows = runner.dataset.n_rows
    for index in range(len(lower_bounds), rules.max_iter):
        counts = len(going), len(mixtures)
        found, seconds = passes.e_step(runner, list(going.values()), centred, stage, index, counts)
        for (place, mixture), moments in zip(list(going.items()), found, strict=True):
            bounds = states[place].lower_bounds if place in states else lower_bounds
            states[place] = step(mixture, moments, prior, bounds, rules)
            going[place] = states[place].posterior.expected_mixture
            if states[place].is_converged:
                del going[place]
        yield tuple(states[place] for place in range(len(mixtures)))  # before observers are told
        best = max(state.lower_bounds[-1] for state in states.values()) / centred.total_weight
        event = PassFinished(
            stage, index, seconds, n_rows, len(going), best, objective="lower bound"
        )
        runner.observer(event)
        if not going:
            return


def _evaluate_mean(found: Preparation, state: VariationalState, save: SaveProgress) -> FitState:
    """The posterior's mean as a candidate; its likelihood takes a read of all rows."""
    runner, mixture, n_iter = found.runner, state.posterior.mean_mixture, len(state.lower_bounds)
    (moments,), seconds = passes.e_step(
        runner, [mixture], found.centred, events.FIT, n_iter, (1, 1)
    )
    mean = moments.log_likelihood / moments.total_weight
    evaluated = FitState(
        Candidate(mixture.covariance_type, mixture.n_components),
        mixture,
        Status.CONVERGED if state.is_converged else Status.MAX_ITER,
        n_iter,
        (mean,),
        moments.log_likelihood,
        moments.log_classification,
        groups=moments.groups,
    )
    save(FitProgress(found.progress.profile, events.FIT, n_iter + 1, (evaluated,), state))
    runner.observer(PassFinished(events.FIT, n_iter, seconds, runner.dataset.n_rows, 0, mean))
    return evaluated
