"""The candidates of a sweep: made from the data, and made from the fits of others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.density import assign
from dgmm.mixture.drift.alignment import align
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.initialization import initializers, split_merge
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array
from dgmm.registry import CRITERIA

Model = tuple[str, int]

_RELOCATIONS, _SPLITS, _MERGERS = 10, 3, 2
"""Starts made from a model's best fit, and from those with one component less and one more."""

_GAIN_SAFETY_FACTOR = 5.0
"""Times what a candidate is predicted to gain. On data whose components overlap, where predictions
are worst, two to five times as much was gained in the end."""

MAX_NEW_STARTS = _RELOCATIONS + _SPLITS + _MERGERS

_NOISE = 1e-9
"""Relative: likelihoods that differ by less are the same."""


def initial_states(
    rows: Array,
    weights: Array,
    origin: Array,
    options: FitOptions,
    rules: EMOptions,
    earlier: Mapping[Model, Parameters],
) -> tuple[FitState, ...]:
    """All starts of all models; covariance types share the guesses of who belongs together.

    Parameters
    ----------
    rows : ndarray of shape (m, n_features)
        Relative to ``origin``.
    weights : ndarray of shape (m,)
        Positive.
    origin : ndarray of shape (n_features,)
    options : FitOptions
    rules : EMOptions
    earlier : mapping of model to Parameters
        What an earlier fit found, relative to ``origin``.
    """
    given = options.given.relative_to(origin)
    states = [
        FitState(Candidate(*model, options.n_init), mixture) for model, mixture in earlier.items()
    ]
    for n_components in sorted({n_components for _, n_components in options.models}):
        covariance_types = [
            kind
            for kind, k in options.models
            if k == n_components and not (options.n_init == 1 and (kind, k) in earlier)
        ]
        for index in range(options.n_init if n_components > 1 else 1):
            method = options.methods[index % len(options.methods)]
            rng = np.random.default_rng([options.seed, n_components, index])
            guess = initializers.METHODS[method](rows, weights, n_components, rng)
            for covariance_type in covariance_types:
                guessed = initializers.first_parameters(
                    covariance_type, rows, guess, weights, rules.regularization, rng
                )
                candidate = Candidate(covariance_type, n_components, index)
                states.append(FitState(candidate, given.replace_in(guessed)))
    return sort_by_model(states, options)


def split_merge_starts(
    states: Sequence[FitState], options: FitOptions, rules: EMOptions
) -> tuple[FitState, ...]:
    """More starts of each model, made from the best fits of this and of its neighbours.

    A model can always do as well as the same with fewer components: what it would look like is
    tried where a neighbour is there to make it from.

    Parameters
    ----------
    states : sequence of FitState
        The best of each model, final.
    options : FitOptions
    rules : EMOptions
    """
    by_model = {model_of(state): state for state in states}
    made = []
    for (covariance_type, n_components), state in by_model.items():
        smaller, larger = (by_model.get((covariance_type, n_components + n)) for n in (-1, 1))
        mixtures = _made_from(state, smaller, larger, options.seed, rules)
        for number, mixture in enumerate(mixtures, start=options.n_starts):
            made.append(FitState(Candidate(covariance_type, n_components, number), mixture))
    return tuple(made)


def repair_starts(
    states: Sequence[FitState], options: FitOptions, rules: EMOptions
) -> tuple[FitState, ...]:
    """Starts for models that do worse than they can, as the same with fewer components shows.

    The best likelihood never falls with the number of components. Where that of a model does,
    components of the smaller one are split in its place, the heaviest first.

    Parameters
    ----------
    states : sequence of FitState
        One of each model, final, on the same rows.
    options : FitOptions
    rules : EMOptions
    """
    by_model = {model_of(state): state for state in states}
    made = []
    for (covariance_type, n_components), state in by_model.items():
        smaller = by_model.get((covariance_type, n_components - 1))
        if smaller is None or not _is_below_smaller_model(state, smaller):
            continue
        rng = np.random.default_rng([options.seed, n_components, _SPLITS])
        heaviest = np.argsort(-smaller.parameters.weights, kind="stable")[:_SPLITS]
        for number, k in enumerate(heaviest, start=options.n_starts + MAX_NEW_STARTS):
            mixture = split_merge.split_component(
                smaller.parameters, int(k), rules.regularization, rng
            )
            made.append(FitState(Candidate(covariance_type, n_components, number), mixture))
    return tuple(made)


def choose_warm_starts(
    states: Sequence[FitState],
    earlier: Mapping[Model, Parameters],
    rows: Array,
    weights: Array | None,
    *,
    is_sample: bool,
) -> tuple[FitState, ...]:
    """The states, or what an earlier fit found where the sample has nothing better.

    The optimum of a sample gains half the number of its parameters on that sample by chance, and
    is as far from the optimum of all rows; the earlier one, of as many rows or more, may be nearer.
    It is left if its Akaike criterion on the sample is worse (Akaike 1974, IEEE Trans. Autom.
    Control 19). What the way to the sample's optimum taught of the curvature is kept.

    Parameters
    ----------
    states : sequence of FitState
        About to be fitted to all rows.
    earlier : mapping of model to Parameters
        In the same coordinates.
    rows : ndarray of shape (m, n_features)
        Of the sample, in the same coordinates.
    weights : ndarray of shape (m,), or None
    is_sample : bool
        Whether there are more rows than these.
    """
    chosen = []
    for state in states:
        mixture = earlier.get(model_of(state))
        if mixture is not None:
            gain = _mean_log_density(state.parameters, rows, weights)
            gain -= _mean_log_density(mixture, rows, weights)
            n_parameters = mixture.n_parameters if is_sample else 0
            if not len(rows) * gain > n_parameters:
                state = _instead(state, mixture)
        chosen.append(state)
    return tuple(chosen)


def _instead(state: FitState, mixture: Parameters) -> FitState:
    """The earlier mixture in place of a state, whose curvature serves if components correspond."""
    pairs = align(state.parameters, mixture, farthest=1.0).pairs
    if len(pairs) < mixture.n_components:
        return FitState(state.candidate, mixture)
    order = np.array([newer for _, newer in pairs])
    return FitState(state.candidate, mixture.permute(order), search=state.search)


def _mean_log_density(mixture: Parameters, rows: Array, weights: Array | None) -> float:
    return float(np.average(assign(mixture, rows).log_density, weights=weights))


def stop_dominated(
    states: Sequence[FitState], total_weight: float, options: FitOptions
) -> tuple[FitState, ...]:
    """The states, without those that cannot become the choice any more.

    A candidate is given up if a converged one stays ahead of it even should it gain several times
    what the model of its curvature says is left. There is no such model of the classification, so
    that criteria that weigh it, as ICL does, give up none.

    Parameters
    ----------
    states : sequence of FitState
        After a pass over all rows.
    total_weight : float
        Of all rows.
    options : FitOptions
    """
    if options.finish_all:
        return tuple(states)
    criterion = CRITERIA[options.criterion]

    def score(state: FitState, left: float = 0.0) -> float:
        log_likelihood = total_weight * (state.trace[-1] + left)
        n_parameters = state.parameters.n_parameters
        return criterion(FitSummary(log_likelihood, math.nan, n_parameters, total_weight))

    done = [score(state) for state in states if state.status is Status.CONVERGED]
    best = min(done, default=float("inf"))
    return tuple(
        iteration.stop_early(state)
        if state.is_running and score(state, _GAIN_SAFETY_FACTOR * state.search.left) > best
        else state
        for state in states
    )


def is_repair(state: FitState, options: FitOptions) -> bool:
    """Whether a candidate was made by :func:`repair_starts`."""
    return state.candidate.start >= options.n_starts + MAX_NEW_STARTS


def _is_below_smaller_model(state: FitState, smaller: FitState) -> bool:
    if {state.status, smaller.status} != {Status.CONVERGED}:
        return False  # what collapsed has no bound, what was stopped is not done
    most = smaller.log_likelihood
    return state.log_likelihood < most - _NOISE * abs(most)


def _made_from(
    state: FitState,
    smaller: FitState | None,
    larger: FitState | None,
    seed: int,
    rules: EMOptions,
) -> Iterator[Parameters]:
    mixture, regularization = state.parameters, rules.regularization
    n_components = mixture.n_components
    if n_components == 1:
        return
    rng = np.random.default_rng([seed, n_components, _RELOCATIONS])
    is_degenerate = state.status is Status.DEGENERATE
    lost = split_merge.narrowest_component(mixture, regularization) if is_degenerate else None
    yield from islice(split_merge.relocations(mixture, lost, regularization, rng), _RELOCATIONS)
    if smaller is not None and smaller.status is not Status.DEGENERATE:
        for k in rng.permutation(n_components - 1)[:_SPLITS]:
            yield split_merge.split_component(smaller.parameters, k, regularization, rng)
    if larger is not None and larger.status is not Status.DEGENERATE:
        for _, i, j in split_merge.merge_costs(larger.parameters)[:_MERGERS]:
            yield split_merge.merge_components(larger.parameters, i, j, regularization)


def sort_by_model(states: Sequence[FitState], options: FitOptions) -> tuple[FitState, ...]:
    """The states in the order in which their models were asked for."""
    order = {model: place for place, model in enumerate(options.models)}
    return tuple(sorted(states, key=lambda state: order[model_of(state)]))


def model_of(state: FitState) -> Model:
    """Covariance type and number of components."""
    return state.candidate.covariance_type, state.candidate.n_components
