"""The candidates of a sweep: made from the data, and made from the fits of others."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.options import FitOptions
from dgmm.mixture import relocation, starts
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import FitState, Rules
from dgmm.mixture.parameters import Parameters

Array = NDArray[np.float64]
Model = tuple[str, int]

_RELOCATIONS, _SPLITS, _MERGERS = 10, 3, 2
"""Starts made from a model's best fit, and from those with one component less and one more."""

MOST_MADE = _RELOCATIONS + _SPLITS + _MERGERS

_NOISE = 1e-9
"""Relative: likelihoods that differ by less are the same."""


def from_scratch(
    rows: Array, weights: Array, origin: Array, options: FitOptions, rules: Rules
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
    rules : Rules
    """
    given = options.given.relative_to(origin)
    states = []
    for n_components in sorted({n_components for _, n_components in options.models}):
        covariance_types = [kind for kind, k in options.models if k == n_components]
        for index in range(options.n_init if n_components > 1 else 1):
            method = options.methods[index % len(options.methods)]
            rng = np.random.default_rng([options.seed, n_components, index])
            guess = starts.METHODS[method](rows, weights, n_components, rng)
            for covariance_type in covariance_types:
                guessed = starts.first_parameters(
                    covariance_type, rows, guess, weights, rules.regularization, rng
                )
                candidate = Candidate(covariance_type, n_components, index)
                states.append(FitState(candidate, given.replacing(guessed)))
    return in_order(states, options)


def relocated(
    states: Sequence[FitState], options: FitOptions, rules: Rules
) -> tuple[FitState, ...]:
    """More starts of each model, made from the best fits of this and of its neighbours.

    A model can always do as well as the same with fewer components: what it would look like is
    tried where a neighbour is there to make it from.

    Parameters
    ----------
    states : sequence of FitState
        The best of each model, final.
    options : FitOptions
    rules : Rules
    """
    by_model = {model_of(state): state for state in states}
    made = []
    for (covariance_type, n_components), state in by_model.items():
        smaller, larger = (by_model.get((covariance_type, n_components + n)) for n in (-1, 1))
        mixtures = _made_from(state, smaller, larger, options.seed, rules)
        for number, mixture in enumerate(mixtures, start=options.n_init):
            made.append(FitState(Candidate(covariance_type, n_components, number), mixture))
    return tuple(made)


def lawful(states: Sequence[FitState], options: FitOptions, rules: Rules) -> tuple[FitState, ...]:
    """Starts for models that do worse than they can, as the same with fewer components shows.

    The best likelihood never falls with the number of components. Where that of a converged model
    does, components of the smaller one are split in its place, the heaviest first.

    Parameters
    ----------
    states : sequence of FitState
        One of each model, final, on the same rows.
    options : FitOptions
    rules : Rules
    """
    by_model = {model_of(state): state for state in states}
    made = []
    for (covariance_type, n_components), state in by_model.items():
        smaller = by_model.get((covariance_type, n_components - 1))
        if smaller is None or not _breaks_the_law(state, smaller):
            continue
        rng = np.random.default_rng([options.seed, n_components, _SPLITS])
        heaviest = np.argsort(-smaller.parameters.weights, kind="stable")[:_SPLITS]
        for number, k in enumerate(heaviest, start=options.n_init + MOST_MADE):
            mixture = relocation.split(smaller.parameters, int(k), rules.regularization, rng)
            made.append(FitState(Candidate(covariance_type, n_components, number), mixture))
    return tuple(made)


def is_repair(state: FitState, options: FitOptions) -> bool:
    """Whether a candidate was made by :func:`lawful`."""
    return state.candidate.start >= options.n_init + MOST_MADE


def _breaks_the_law(state: FitState, smaller: FitState) -> bool:
    if {state.status, smaller.status} != {Status.CONVERGED}:
        return False  # what collapsed has no bound, what was stopped is not done
    most = smaller.log_likelihood
    return state.log_likelihood < most - _NOISE * abs(most)


def _made_from(
    state: FitState,
    smaller: FitState | None,
    larger: FitState | None,
    seed: int,
    rules: Rules,
) -> Iterator[Parameters]:
    mixture, regularization = state.parameters, rules.regularization
    n_components = mixture.n_components
    if n_components == 1:
        return
    rng = np.random.default_rng([seed, n_components, _RELOCATIONS])
    is_degenerate = state.status is Status.DEGENERATE
    lost = relocation.narrowest(mixture, regularization) if is_degenerate else None
    yield from islice(relocation.relocated(mixture, lost, regularization, rng), _RELOCATIONS)
    if smaller is not None and smaller.status is not Status.DEGENERATE:
        for k in rng.permutation(n_components - 1)[:_SPLITS]:
            yield relocation.split(smaller.parameters, k, regularization, rng)
    if larger is not None and larger.status is not Status.DEGENERATE:
        for _, i, j in relocation.merging_costs(larger.parameters)[:_MERGERS]:
            yield relocation.merged(larger.parameters, i, j, regularization)


def in_order(states: Sequence[FitState], options: FitOptions) -> tuple[FitState, ...]:
    """The states in the order in which their models were asked for."""
    order = {model: place for place, model in enumerate(options.models)}
    return tuple(sorted(states, key=lambda state: order[model_of(state)]))


def model_of(state: FitState) -> Model:
    """Covariance type and number of components."""
    return state.candidate.covariance_type, state.candidate.n_components
