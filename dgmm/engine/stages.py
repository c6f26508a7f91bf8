"""The stages of EM: on which rows, by which rules, and which starts go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dgmm.engine import candidates
from dgmm.engine.events import Observer
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner, StepProposal
from dgmm.engine.profile import Profile
from dgmm.engine.surrogate_steps import SampleSurrogate
from dgmm.mixture.candidate import Status
from dgmm.mixture.em import quasi_newton
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.types import Array

PROFILE, SAMPLE, FIT, REPAIR = "profile", "sample", "fit", "repair"

_MEMORY_OF_WAYS = 1 << 28  # bytes of the driver, for a round of candidates that are accelerated


@dataclass(frozen=True, slots=True)
class _Round:
    """A stage of choosing a start: how many go on, from about how many rows, after how many steps.

    The top of the likelihood of few rows is not near that of all: rows are many more once few
    candidates are left, and steps are few unless the rows are all there are. Acceleration pays for
    starts that are carried far and for moved components, not for starts from scratch, of which
    there may be many and few go on.
    """

    n_kept: int
    n_rows: int
    n_steps: int
    tol: float
    accelerate: bool


_ROUNDS = {
    "starts": _Round(3, 1 << 13, 15, 1e-3, accelerate=False),
    "finalists": _Round(1, 1 << 15, 10, 1e-5, accelerate=True),
    "relocations": _Round(4, 1 << 13, 6, 1e-3, accelerate=True),
    "relocated": _Round(1, 1 << 15, 10, 1e-5, accelerate=True),
}
_FIRST, _LAST_FROM_SCRATCH = "starts", "finalists"
_STEPS_ON_ALL_ROWS = 60

_SAMPLE_TOL = 1e-5
_ROWS_PER_SAMPLED = 4  # from which on the sample guides the fit to all rows


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """EM for all candidates on the same rows.

    Attributes
    ----------
    runner : PassRunner
        Of these rows.
    centred : CentredScatter
    rules : EMOptions
    """

    runner: PassRunner
    centred: CentredScatter
    rules: EMOptions


def stages(profile: Profile, options: FitOptions) -> tuple[str, ...]:
    """Names of the stages of EM, in their order; ``"fit"`` and what follows are on all rows."""
    has_choice = any(n_components > 1 for _, n_components in options.models) and options.n_init > 1
    rounds = tuple(_ROUNDS) if has_choice else ()
    sample = () if profile.is_sample_complete else (SAMPLE,)
    repair = (REPAIR,) if has_choice and options.max_iter else ()
    return (*rounds, *sample, FIT, *repair)


def sample_stage(
    stage: str, profile: Profile, options: FitOptions, rules: EMOptions, observer: Observer
) -> Stage:
    """A stage whose rows the driver holds; threads of this process work on it."""
    if stage == SAMPLE:
        rows, weights = positive_weight_sample(profile)
        rows = rows - profile.mean
        rules = replace(rules, tol=max(rules.tol, _SAMPLE_TOL))
    else:
        of_round = _ROUNDS[stage]
        rows, weights, is_all = _some(profile, of_round.n_rows)
        n_steps = _STEPS_ON_ALL_ROWS if is_all else of_round.n_steps
        rules = replace(
            rules,
            tol=of_round.tol,
            max_iter=n_steps if options.max_iter else 0,
            keep_degenerate=False,
            accelerate=of_round.accelerate and rules.accelerate and _is_light(options, rows),
        )
    runner = PassRunner(InMemoryRows(rows, weights), LocalExecution(), observer)
    return Stage(runner, CentredScatter.of(rows, weights, np.zeros(rows.shape[1])), rules)


def surrogate_guide(profile: Profile, rules: EMOptions) -> StepProposal | None:
    """How the sample guides the fit to all rows; not at all if it is much of them, or all.

    A leap takes up to thirty E-steps on the sample: a few reads of all rows must cost more.
    """
    if profile.n_rows < _ROWS_PER_SAMPLED * len(profile.sample) or not rules.may_accelerate:
        return None
    rows, weights = positive_weight_sample(profile)
    rows = rows - profile.mean
    centred = CentredScatter.of(rows, weights, np.zeros(rows.shape[1]))
    return SampleSurrogate(InMemoryRows(rows, weights), centred, rules).leaps


def _is_light(options: FitOptions, rows: Array) -> bool:
    """Whether the driver can remember the ways of as many candidates as a round may have."""
    d = rows.shape[1]
    n_candidates = len(options.models) * candidates.MAX_NEW_STARTS
    n_numbers = options.max_components * (1 + d + d * d) * quasi_newton.VECTORS_HELD
    return 8 * n_candidates * n_numbers <= _MEMORY_OF_WAYS


def next_states(
    stage: str, states: Sequence[FitState], options: FitOptions, rules: EMOptions
) -> tuple[FitState, ...]:
    """With what the next stage begins: the best of each model, and what may be better yet.

    After the fit to all rows, only models that break the law of likelihoods get another start.
    """
    if stage == FIT:
        repairs = candidates.repair_starts(states, options, rules) if options.n_init > 1 else ()
        return candidates.sort_by_model((*states, *repairs), options)
    if stage == REPAIR:
        return tuple(_best_starts(states, 1))
    chosen = _best_starts(states, _ROUNDS[stage].n_kept) if stage in _ROUNDS else states
    others = (
        candidates.split_merge_starts(chosen, options, rules) if stage == _LAST_FROM_SCRATCH else ()
    )
    carried = tuple(
        FitState(state.candidate, state.parameters, search=state.search.carry_over())
        for state in chosen
    )
    return candidates.sort_by_model((*carried, *others), options)


def positive_weight_sample(profile: Profile) -> tuple[Array, Array | None]:
    """The sample's rows that have weight, and the weights; all, as equals, if none has."""
    rows, weights = profile.sample, profile.sample_weights
    if weights is None or not weights.any():
        return rows, None
    return rows[weights > 0], weights[weights > 0]


def start_sample(profile: Profile) -> tuple[Array, Array]:
    """The sample's rows, about the mean, that starts are made from and first tried on.

    Returns
    -------
    rows : ndarray of shape (m, n_features)
        Distinct, in an order of their own, so that the order of the data means nothing.
    weights : ndarray of shape (m,)
        Those of equal rows are added: a weight means as much as repeated rows.
    """
    rows, weights, _ = _some(profile, _ROUNDS[_FIRST].n_rows)
    return rows, weights


def _some(profile: Profile, n_rows: int) -> tuple[Array, Array, bool]:
    """About as many rows, distinct, and their weights; and whether they are all that count."""
    rows, weights = positive_weight_sample(profile)
    every = max(1, len(rows) // n_rows)
    step = slice(None, None, every)
    distinct, places = np.unique(rows[step], axis=0, return_inverse=True)
    counts = np.bincount(
        places.ravel(),
        weights=None if weights is None else weights[step],
        minlength=len(distinct),
    )
    is_all = every == 1 and profile.is_sample_complete
    return distinct - profile.mean, counts.astype(np.float64), is_all


def _best_starts(states: Sequence[FitState], n_kept: int) -> list[FitState]:
    """The starts of each model with the largest likelihoods, sound ones before degenerate ones."""
    by_model: dict[tuple[str, int], list[FitState]] = {}
    for state in states:
        by_model.setdefault(candidates.model_of(state), []).append(state)
    return [
        state
        for rivals in by_model.values()
        for state in sorted(rivals, key=_quality, reverse=True)[:n_kept]
    ]


def _quality(state: FitState) -> tuple[bool, float]:
    return state.status is not Status.DEGENERATE, state.trace[-1]
