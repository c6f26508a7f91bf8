"""A whole sweep: profile the data, choose starts on a sample, finish on all rows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from dgmm.engine import passes
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Observer, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.passes import Reader
from dgmm.engine.profile import Profile, SampleRule, checked
from dgmm.mixture import criteria, starts
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import FitState, Rules
from dgmm.mixture.frame import Frame
from dgmm.mixture.given import Given
from dgmm.mixture.regularization import Regularization, constant_features
from dgmm.mixture.result import FitResult, Sweep, rank

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

SAMPLE_ROWS = 1 << 17
_START_ROWS = 1 << 13
_LEAST_ROWS = 64  # of the sample for each component
_ROUNDS = (("starts", 3, 15, 1e-3), ("finalists", 1, 60, 1e-5))
"""Stages of choosing a start: how many go on, after how many steps at most, at which tol."""

_SAMPLE_TOL = 1e-5
_SMALL_BLOCK_ROWS, _LARGE_BLOCK_ROWS, _BLOCKS_WANTED = 1 << 10, 1 << 13, 8


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What to fit and how.

    Attributes
    ----------
    models : tuple of (str, int)
        Covariance type and number of components of each model.
    criterion : str
        ``"bic"``, ``"aic"`` or ``"icl"``.
    n_init : int
        Starts of each model.
    init_params : tuple of str, or None
        Kinds of start, taken in turn (:data:`dgmm.mixture.starts.METHODS`); None takes
        :func:`dgmm.mixture.starts.default_methods`.
    tol : float
        EM stops when less than this is left to gain, in nats per unit of weight.
    max_iter : int
        Most M-steps over all rows, and as many on the sample.
    reg_covar : float or None
        Added to variances, squared data units; None adds nothing.
    seed : int
    sample_rows : int
        Expected size of the sample; at least 64 for each component are drawn.
    allow_degenerate : bool
        Whether a candidate with a collapsed component is carried on.
    given : Given
        Parts of the first parameters that the caller knows, for models they fit.
    """

    models: tuple[tuple[str, int], ...]
    criterion: str = "bic"
    n_init: int = 5
    init_params: tuple[str, ...] | None = None
    tol: float = 1e-5
    max_iter: int = 1000
    reg_covar: float | None = None
    seed: int = 0
    sample_rows: int = SAMPLE_ROWS
    allow_degenerate: bool = False
    given: Given = field(default_factory=Given)

    @property
    def max_components(self) -> int:
        """The largest number of components of any model."""
        return max(n_components for _, n_components in self.models)

    @property
    def methods(self) -> tuple[str, ...]:
        """Kinds of start, taken in turn."""
        return self.init_params or starts.default_methods(self.n_init)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A sweep, and what its data are like."""

    sweep: Sweep
    profile: Profile


def fit(
    dataset: Dataset,
    options: FitOptions,
    execution: Execution | None = None,
    observer: Observer = ignore,
) -> Fit:
    """Fit all models to all rows.

    Parameters
    ----------
    dataset : Dataset
    options : FitOptions
    execution : Execution, optional
        Threads of this process unless given.
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        If the data cannot be fitted, or change while they are.
    """
    reader = Reader(dataset, execution or LocalExecution(), observer)
    sample_rows = max(options.sample_rows, _LEAST_ROWS * options.max_components)
    rule = SampleRule(options.seed, sample_rows / dataset.n_rows)
    profile = checked(passes.profile(reader, rule), dataset.feature_names, options.max_components)
    constant = constant_features(profile.covariance, profile.mean)
    if constant.any():
        names = [name for name, c in zip(dataset.feature_names, constant, strict=True) if c]
        logger.warning("Constant features add nothing and should be left out: %s.", names)
    rules = _rules(options, profile)
    states = _on_sample(profile, options, rules, observer)
    reader = replace(reader, checksums=profile.checksums)
    states = passes.run_em(reader, "fit", states, profile.frame, rules)
    n_passes = 1 + max(len(state.trace) for state in states)
    results = tuple(_result(state, profile, options.given) for state in states)
    best = min(results, key=lambda result: rank(result, options.criterion))
    return Fit(Sweep(results, options.criterion, best, n_passes), profile)


def _rules(options: FitOptions, profile: Profile) -> Rules:
    regularization = Regularization.for_data(profile.covariance, profile.mean, options.reg_covar)
    return Rules(
        options.tol,
        options.max_iter,
        regularization,
        profile.covariance,
        options.allow_degenerate,
    )


def _on_sample(
    profile: Profile, options: FitOptions, rules: Rules, observer: Observer
) -> tuple[FitState, ...]:
    """The best start of each model, brought close to its optimum without reading the data again."""
    rows, weights = _weighty(profile.sample - profile.mean, profile.sample_weights)
    few = slice(None, None, max(1, len(rows) // _START_ROWS))
    few_weights = None if weights is None else weights[few]
    states = _started(rows[few], few_weights, profile.mean, options, rules)
    if len(states) > len(options.models):
        for stage, n_kept, n_steps, tol in _ROUNDS:
            steps = n_steps if rules.max_iter else 0
            short = replace(rules, tol=tol, max_iter=steps, keep_degenerate=False)
            states = _run_in_memory(stage, rows[few], few_weights, states, short, observer)
            states = tuple(_restarted(state) for state in _best_starts(states, n_kept))
    if not profile.is_sample_complete:
        long = replace(rules, tol=max(rules.tol, _SAMPLE_TOL))
        states = _run_in_memory("sample", rows, weights, states, long, observer)
        states = tuple(_restarted(state) for state in states)
    return states


def _weighty(rows: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """The rows that have weight; all, as equals, if none has."""
    if weights is None or not weights.any():
        return rows, None
    return rows[weights > 0], weights[weights > 0]


def _started(
    rows: Array, weights: Array | None, origin: Array, options: FitOptions, rules: Rules
) -> tuple[FitState, ...]:
    """All starts of all models; covariance types share the guesses of who belongs together."""
    given = options.given.relative_to(origin)
    states = []
    for n_components in sorted({n_components for _, n_components in options.models}):
        covariance_types = [kind for kind, k in options.models if k == n_components]
        for index in range(options.n_init if n_components > 1 else 1):
            method = options.methods[index % len(options.methods)]
            rng = np.random.default_rng([options.seed, n_components, index])
            guess = starts.METHODS[method](rows, n_components, rng)
            for covariance_type in covariance_types:
                guessed = starts.first_parameters(
                    covariance_type, rows, guess, weights, rules.regularization, rng
                )
                candidate = Candidate(covariance_type, n_components, index)
                states.append(FitState(candidate, given.replacing(guessed)))
    order = {model: place for place, model in enumerate(options.models)}
    return tuple(sorted(states, key=lambda state: order[_model(state)]))


def _model(state: FitState) -> tuple[str, int]:
    return state.candidate.covariance_type, state.candidate.n_components


def _run_in_memory(
    stage: str,
    rows: Array,
    weights: Array | None,
    states: Sequence[FitState],
    rules: Rules,
    observer: Observer,
) -> tuple[FitState, ...]:
    """EM on rows that the driver holds, by threads of this process."""
    w = np.ones(len(rows)) if weights is None else weights
    frame = Frame(np.zeros(rows.shape[1]), float(w.sum()), (rows.T * w) @ rows)
    size = max(_SMALL_BLOCK_ROWS, min(_LARGE_BLOCK_ROWS, len(rows) // _BLOCKS_WANTED))
    dataset = Dataset.from_array(
        da.from_array(rows, chunks=(size, -1)),
        None if weights is None else da.from_array(weights, chunks=size),
    )
    reader = Reader(dataset, LocalExecution(), observer)
    return passes.run_em(reader, stage, states, frame, rules)


def _best_starts(states: Sequence[FitState], n_kept: int) -> list[FitState]:
    """The starts of each model with the largest likelihoods, sound ones before degenerate ones."""
    by_model: dict[tuple[str, int], list[FitState]] = {}
    for state in states:
        by_model.setdefault(_model(state), []).append(state)
    return [
        state
        for rivals in by_model.values()
        for state in sorted(rivals, key=_quality, reverse=True)[:n_kept]
    ]


def _quality(state: FitState) -> tuple[bool, float]:
    return state.status is not Status.DEGENERATE, state.trace[-1]


def _restarted(state: FitState) -> FitState:
    """The same parameters, to be carried on with other rows."""
    return FitState(state.candidate, state.parameters)


def _result(state: FitState, profile: Profile, given: Given) -> FitResult:
    """What was found, in the units of the data."""
    parameters = state.parameters.translated(profile.mean)
    if given.is_empty:  # else the caller knows components by their places
        parameters = parameters.ordered()
    covariance_type, n_components = _model(state)
    n_parameters = criteria.n_parameters(covariance_type, n_components, len(profile.mean))
    log_likelihood, total = state.log_likelihood, profile.total_weight
    return FitResult(
        candidate=state.candidate,
        parameters=parameters,
        status=state.status,
        n_iter=state.n_iter,
        trace=state.trace,
        log_likelihood=log_likelihood,
        n_parameters=n_parameters,
        bic=criteria.bic(log_likelihood, n_parameters, total),
        aic=criteria.aic(log_likelihood, n_parameters),
        icl=criteria.icl(log_likelihood, state.log_classification, n_parameters, total),
    )
