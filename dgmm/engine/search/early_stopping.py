"""Candidates that can no longer become the choice are stopped early."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from dgmm.engine.candidates import model_of
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.passes import StopRule
from dgmm.engine.profile import Profile
from dgmm.engine.search.structure_race import single_component
from dgmm.mixture.candidate import Status
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.em.quasi_newton import GAIN_SAFETY_FACTOR
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.spurious_components import find_spurious_components
from dgmm.registry import CRITERIA

_FEW_ROWS = 1 << 11

Single = Callable[[str], float]
"""``single(covariance_type)``: log-likelihood per unit of weight of one component, in nats."""


def stop_rule(profile: Profile, options: FitOptions, rules: EMOptions) -> StopRule:
    """The rule that stops candidates early; they may resume on the next rows.

    With few rows a pass costs almost nothing, and all candidates are fitted to the end; so they are
    with a prior, of which bounds know nothing.
    """
    if profile.n_rows <= _FEW_ROWS or options.has_prior:
        return tuple
    size, single = SampleSize.of(profile.weight_totals, options.normalize), None
    # incomplete rows count by the values that they have, and a known component is not at its best
    if not profile.lacks_values and options.fixed is None:
        single = cache(  # which is asked for after every pass
            partial(
                single_component, covariance=profile.covariance, regularization=rules.regularization
            )
        )
    return partial(stop_dominated, n_effective=size.n_effective, options=options, single=single)


def stop_dominated(
    states: Sequence[FitState], n_effective: float, options: FitOptions, single: Single | None
) -> tuple[FitState, ...]:
    """Stop candidates that can no longer become the best; let go on those that can again.

    A candidate is stopped if one without collapsed or spurious components stays better even if it
    gains several times the remaining gain that its curvature predicts. Before there is such a
    prediction, it is expected to gain at most once more what all its components have gained. There
    is none for the classification, so criteria that use it, such as ICL, stop no candidate.

    Parameters
    ----------
    states : sequence of FitState
        After a pass over all rows.
    n_effective : float
        How many rows criteria count.
    options : FitOptions
    single : callable, or None
        None where it is not known what one component fits, or nothing follows from it.
    """
    if options.finish_all:
        return tuple(states)
    criterion = CRITERIA[options.criterion]

    def score(state: FitState, remaining_gain: float = 0.0) -> float:
        log_likelihood = n_effective * (state.trace[-1] + remaining_gain)
        n_parameters = state.parameters.n_parameters
        return criterion(FitSummary.of_likelihood(log_likelihood, n_parameters, n_effective))

    sound = [
        score(state)
        for state in states
        if state.status in (Status.CONVERGED, Status.RUNNING, Status.STOPPED_EARLY)
        and state.trace
        and not find_spurious_components(state.parameters, n_effective).size
    ]
    best = min(sound, default=float("inf"))

    def predict_gain(state: FitState) -> float:
        predicted = GAIN_SAFETY_FACTOR * state.search.remaining_gain
        kind, n_components = model_of(state)
        if single is None or n_components == 1:  # which is at its maximum soon
            return predicted
        return min(predicted, abs(state.trace[-1] - single(kind)))

    def decide(state: FitState) -> FitState:
        if state.status not in (Status.RUNNING, Status.STOPPED_EARLY) or state.search.visit is None:
            return state
        is_dominated = bool(score(state, predict_gain(state)) > best)
        if is_dominated is (state.status is Status.STOPPED_EARLY):
            return state
        return iteration.stop_early(state) if is_dominated else iteration.go_on(state)

    return tuple(map(decide, states))
