"""The candidates of a sweep: new starts made from other fits, and passes that they need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.profile import Profile
from dgmm.errors import DataError
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.density import assign
from dgmm.mixture.drift.alignment import align
from dgmm.mixture.em.convergence import estimate_iterations
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.em.quasi_newton import QuasiNewtonState
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform, WarmStart, transform_mixture
from dgmm.mixture.types import Array

_STARTS_OF_REPAIR = 2
"""Of each model in a round of repairs."""

_NOISE = 1e-9
"""Relative: likelihoods that differ by less are the same."""


def repair_starts(
    states: Sequence[FitState],
    options: FitOptions,
    ways: Sequence[Callable[[Parameters, int], Parameters]],
) -> tuple[FitState, ...]:
    """Starts for models that are less likely than the same model with fewer components.

    The best likelihood never falls with the number of components. Where that of a model does,
    components of the smaller one are split in its place. One that ``max_iter`` has stopped says so,
    and stays as it is.

    Parameters
    ----------
    states : sequence of FitState
        One of each model, final, on the same rows.
    options : FitOptions
    ways : sequence of two callables
        Each makes a mixture of so many components from one with fewer.
    """
    made = []
    first = 1 + _STARTS_OF_REPAIR * max(map(repair_round, states))
    for kind in dict.fromkeys(kind for kind, _ in options.models):
        best: FitState | None = None
        for state in sorted(
            (state for state in states if state.candidate.covariance_type == kind),
            key=lambda state: state.candidate.n_components,
        ):
            if state.status is Status.DEGENERATE:  # its likelihood has no bound
                continue
            if best is None or not _is_less_likely(state, best):
                best = state
            elif state.status is not Status.MAX_ITER:  # which says itself that it is not done
                n_components = state.candidate.n_components
                for number, grow in enumerate(ways, start=first):
                    mixture = grow(best.parameters, n_components)
                    made.append(FitState(Candidate(kind, n_components, number), mixture))
    return tuple(made)


def match_smaller(
    states: Sequence[FitState], may_gain: Callable[[Parameters], bool]
) -> tuple[FitState, ...]:
    """The states, where those stopped early are as likely as all smaller models.

    EM of a model that cannot be chosen was stopped below the likelihood of a smaller one. It
    becomes that one, with copies of components: the same likelihood, without another pass.

    Parameters
    ----------
    states : sequence of FitState
        One of each model, final, on the same rows.
    may_gain : callable
        Whether a mixture would gain from a split; then :func:`repair_starts` will do better.
    """
    matched: dict[Model, FitState] = {}
    leaders: dict[str, tuple[FitState, bool | None]] = {}
    for state in sorted(states, key=lambda state: state.candidate.n_components):
        kind, _ = model = model_of(state)
        matched[model] = state
        if state.status is Status.DEGENERATE:
            continue
        leader, gains = leaders.get(kind, (state, None))
        if not _is_less_likely(state, leader):
            leaders[kind] = state, None
        elif state.status is Status.STOPPED_EARLY:
            gains = may_gain(leader.parameters) if gains is None else gains
            leaders[kind] = leader, gains
            if not gains:
                matched[model] = _as_likely(state, leader)
    return tuple(matched[model_of(state)] for state in states)


def _as_likely(state: FitState, leader: FitState) -> FitState:
    """A state that has become a smaller one with copies of components; these share their rows."""
    return replace(
        leader,
        candidate=state.candidate,
        parameters=leader.parameters.repeat_heaviest(state.candidate.n_components),
        status=state.status,
        n_iter=state.n_iter,
        trace=(*state.trace[:-1], leader.trace[-1]),
        search=QuasiNewtonState(),
    )


def choose_warm_starts(
    states: Sequence[FitState],
    earlier: Mapping[Model, Parameters],
    rows: Array,
    weights: Array | None,
    *,
    is_sample: bool,
) -> tuple[FitState, ...]:
    """The states, replaced by the earlier fit where the sample prefers it.

    The optimum of a sample gains half the number of its parameters on that sample by chance, and is
    as far from the optimum of all rows; the earlier one, of as many rows or more, may be nearer. It
    is replaced if its Akaike criterion on the sample is worse (Akaike 1974, IEEE Trans. Autom.
    Control 19). The curvature learnt on the way to the sample's optimum is kept.

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
            mixture = mixture.with_noise(state.parameters.noise)
            gain = _mean_log_density(state.parameters, rows, weights)
            gain -= _mean_log_density(mixture, rows, weights)
            n_parameters = mixture.n_parameters if is_sample else 0
            if not len(rows) * gain > n_parameters:
                state = _replace_by_earlier(state, mixture)
        chosen.append(state)
    return tuple(chosen)


def _replace_by_earlier(state: FitState, mixture: Parameters) -> FitState:
    """The earlier mixture as a state; it keeps the curvature if components correspond."""
    pairs = align(state.parameters, mixture, max_distance=1.0).pairs
    if len(pairs) < mixture.n_components:
        return FitState(state.candidate, mixture)
    order = np.array([newer for _, newer in pairs])
    return FitState(state.candidate, mixture.permute(order), search=state.search)


def _mean_log_density(mixture: Parameters, rows: Array, weights: Array | None) -> float:
    return float(np.average(assign(mixture, rows, may_lack=True).log_density, weights=weights))


def check_features(earlier: WarmStart, n_features: int) -> None:
    """Refuse to start from mixtures of another number of features.

    Raises
    ------
    DataError
        With both numbers.
    """
    for mixture in earlier.mixtures:
        known = mixture.n_features if earlier.transform is None else earlier.transform.n_features
        if known != n_features:
            raise DataError(
                f"The data have {n_features} features; the mixture to start from has {known}. "
                "Start from one that was fitted to the same features."
            )


def transform_earlier(
    options: FitOptions, transform: FeatureTransform | None, profile: Profile, rules: EMOptions
) -> dict[Model, Parameters]:
    """The earlier mixtures of the requested models, relative to the mean of the rows.

    None where parts of one of them are fixed, which is the only start.
    """
    if options.fixed is not None:
        return {}
    known = {(m.covariance_type, m.n_components): m for m in options.earlier.mixtures}
    before, covariance = options.earlier.transform, profile.covariance
    return {
        model: transform_mixture(
            known[model], before, transform, covariance, rules.regularization
        ).translate(-profile.mean)
        for model in options.models
        if model in known
    }


def repair_round(state: FitState) -> int:
    """In which round of repairs a candidate was made, from 1 on; 0 for the fit."""
    return -(-state.candidate.start // _STARTS_OF_REPAIR)


def _is_less_likely(state: FitState, smaller: FitState) -> bool:
    most = smaller.log_likelihood
    return state.log_likelihood < most - _NOISE * abs(most)


def sort_by_model(states: Sequence[FitState], options: FitOptions) -> tuple[FitState, ...]:
    """The states in the order in which their models were asked for."""
    order = {model: place for place, model in enumerate(options.models)}
    return tuple(sorted(states, key=lambda state: order[model_of(state)]))


def model_of(state: FitState) -> Model:
    """Covariance type and number of components."""
    return state.candidate.covariance_type, state.candidate.n_components


def count_passes(states: Sequence[FitState]) -> int:
    """Passes over all rows: those of the fit, and those of each round of repairs."""
    rounds: dict[int, int] = {}
    for state in states:
        number = repair_round(state)
        rounds[number] = max(rounds.get(number, 0), len(state.trace))
    return sum(rounds.values())


def estimate_passes(states: Sequence[FitState], rules: EMOptions) -> int | None:
    """About how many more passes the slowest candidate needs; None if no trace tells."""
    running = [state for state in states if state.is_running]
    needed = [estimate_iterations(state.trace, rules.tol) for state in running]
    known = [
        min(number, rules.max_iter - state.n_iter)
        for number, state in zip(needed, running, strict=True)
        if number is not None
    ]
    return max(known, default=None)
