"""The stages of EM: their rows, their rules and their initial states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dgmm.engine import candidates
from dgmm.engine.events import FIT, REPAIR, SAMPLE, Observer
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.search_rows import SearchRows
from dgmm.errors import DataError, Remedy
from dgmm.mixture.candidate import Status
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.background_mixture import BackgroundMixture
from dgmm.mixture.prior_knowledge.conjugate_prior import ConjugatePrior
from dgmm.mixture.prior_knowledge.mixture_prior import Prior
from dgmm.mixture.types import Array

SAMPLE_TOL = 1e-5
"""Tolerance of a fit to the sample, unless that to all rows is wider."""

_MOST_REPAIRS = 4  # rounds
_FEW_ROWS = 1 << 17  # up to which a read costs hardly more than a pass over rows in memory


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


def starts_on_sample(profile: Profile, *, is_in_memory: bool) -> bool:
    """Whether EM begins on the sample, to save reads of all rows.

    The sample may be all rows. Then it saves reads where the rows are not those of the caller, and
    are many.
    """
    saves_reads = profile.n_rows > _FEW_ROWS and not is_in_memory
    return saves_reads or not profile.is_sample_complete


def stages(profile: Profile, options: FitOptions, *, is_in_memory: bool) -> tuple[str, ...]:
    """Names of the stages of EM, in their order; ``"fit"`` and what follows are on all rows."""
    kinds = [kind for kind, _ in options.models]
    sample = (SAMPLE,) if starts_on_sample(profile, is_in_memory=is_in_memory) else ()
    # with a prior, likelihoods may fall with the number of components
    may_repair = options.max_iter > 0 and options.is_plain
    repair = (REPAIR,) if len(set(kinds)) < len(kinds) and may_repair else ()
    return (*sample, FIT, *repair)


def sample_stage(
    sample: SearchRows, profile: Profile, rules: EMOptions, observer: Observer
) -> Stage:
    """The stage on the sample, which the driver holds and its threads process."""
    runner = PassRunner(sample.held, LocalExecution(), observer)
    tol = rules.tol if profile.is_sample_complete else max(rules.tol, SAMPLE_TOL)
    return Stage(runner, sample.scatter, replace(rules, tol=tol))


def prior_of(
    profile: Profile, options: FitOptions, earlier: Mapping[Model, Parameters]
) -> Prior | None:
    """The prior, or the parts that stay, about the mean of all rows, if there are such."""
    if options.fixed is not None:
        return options.fixed.translate(-profile.mean)
    if options.relevance is not None:
        return BackgroundMixture(earlier, options.relevance)
    if options.prior is None:
        return None
    return ConjugatePrior.of_data(profile.scatter, profile.total_weight)


def search_rows(profile: Profile, rules: EMOptions, prior: Prior | None = None) -> SearchRows:
    """The sample, relative to the mean of all rows, for the search for initial mixtures.

    Their weights are 1 on average: the search counts the rows of each component. All rows with a
    label count beside those of the sample that have none.

    Raises
    ------
    DataError
        If all rows of the sample have a label.
    """
    rows, weights = positive_weight_sample(profile)
    labelled = None
    if profile.labelled is not None and profile.sample_labels is not None and len(profile.sample):
        chosen = profile.sample_labels < 0
        if profile.sample_weights is not None and profile.sample_weights.any():
            chosen = chosen[profile.sample_weights > 0]
        if not chosen.any():
            message = (
                f"All {len(rows):,} rows of the sample have a label; expected some without, from "
                "which to start."
            )
            raise DataError(message, remedy=Remedy.ENLARGE_SAMPLE)
        rows, weights = rows[chosen], None if weights is None else weights[chosen]
        labelled = profile.labelled.about(profile.mean)
    each = np.ones(len(rows)) if weights is None else weights / weights.max()
    each = np.maximum(each, np.finfo(np.float64).tiny)
    each /= each.mean()
    rows = np.ascontiguousarray(rows - profile.mean)
    whole = profile.total_weight
    if profile.labelled is not None:
        whole = profile.labelled.others.total_weight
    prior = prior and prior.scale(float(each.sum()) / whole)
    return SearchRows(rows, each, rules.regularization, labelled, prior)


def initial_states(
    stage: str,
    states: tuple[FitState, ...],
    profile: Profile,
    earlier: Mapping[Model, Parameters],
) -> tuple[FitState, ...]:
    """The states with which a stage starts."""
    if stage != FIT or not earlier:
        return states
    is_sample = not profile.is_sample_complete
    sample = centre_sample(profile)
    return candidates.choose_warm_starts(states, earlier, *sample, is_sample=is_sample)


def next_states(
    stage: str,
    states: Sequence[FitState],
    options: FitOptions,
    search: ModelSearch,
    profile: Profile,
) -> tuple[FitState, ...]:
    """The states with which the next stage starts.

    What EM did on a sample of all rows stays done.
    """
    if stage in (FIT, REPAIR):
        return repair(states, options, search)
    if profile.is_sample_complete:
        states = best_states(states)
    return tuple(_on_all_rows(state, profile) for state in states)


def repair(
    states: Sequence[FitState], options: FitOptions, search: ModelSearch
) -> tuple[FitState, ...]:
    """The states, and other starts of models that are less likely than smaller ones.

    Where splits of the smaller one will not outdo it, the model is given its likelihood instead.
    There are no more rounds of repairs once one has mended nothing, and at most a few: where
    covariances reach the floor, likelihoods differ by rounding for ever.
    """
    best = best_states(states)
    matched = candidates.match_smaller(best, search.may_gain)
    now = dict(zip(best, matched, strict=True))
    states, best = tuple(now.get(state, state) for state in states), matched
    done, useful = (max(map(candidates.repair_round, some)) for some in (states, best))
    if done == _MOST_REPAIRS or useful < done:
        return tuple(states)
    repairs = candidates.repair_starts(best, options, (search.grow, search.halve))
    return candidates.sort_by_model((*states, *repairs), options)


def _on_all_rows(state: FitState, profile: Profile) -> FitState:
    """The state after EM on the sample."""
    if not profile.is_sample_complete:
        return FitState(state.candidate, state.parameters, search=state.search.restart())
    candidate = replace(state.candidate, start=0)  # repairs of the sample are no reads of all rows
    if state.status is Status.STOPPED_EARLY:
        return replace(state, candidate=candidate, trace=state.trace[-1:])
    is_settled = state.status is Status.CONVERGED
    search = state.search.settle() if is_settled else state.search.restart()
    return FitState(candidate, state.parameters, n_iter=state.n_iter, search=search)


def positive_weight_sample(profile: Profile) -> tuple[Array, Array | None]:
    """Rows and weights of the sample with positive weight; all rows if none has any."""
    rows, weights = profile.sample, profile.sample_weights
    if weights is None or not weights.any():
        return rows, None
    return rows[weights > 0], weights[weights > 0]


def centre_sample(profile: Profile) -> tuple[Array, Array | None]:
    """The same about the mean of all rows."""
    rows, weights = positive_weight_sample(profile)
    return rows - profile.mean, weights


def best_states(states: Sequence[FitState]) -> tuple[FitState, ...]:
    """The most likely start of each model; sound ones before degenerate ones."""
    by_model: dict[tuple[str, int], list[FitState]] = {}
    for state in states:
        by_model.setdefault(candidates.model_of(state), []).append(state)
    return tuple(max(rivals, key=_quality) for rivals in by_model.values())


def _quality(state: FitState) -> tuple[bool, float]:
    return state.status is not Status.DEGENERATE, state.trace[-1]
