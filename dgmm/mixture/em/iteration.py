"""EM as ``step(state, moments) -> state``: from the E-step's moments to the next state."""

from dataclasses import dataclass, field, replace

import numpy as np

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import convergence, quasi_newton
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.em.quasi_newton import Iterate, QuasiNewtonState
from dgmm.mixture.kernels.statistics import Moments, is_empty
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

_UNSEEN = 3.0  # safety factor of the gain expected from a proposed step
_AT_FLOOR = 2.0  # times floor plus ridge: at most half of the variance is the data's own
_NOT_THE_DATA = 100.0  # times the same: the data are not flat in this direction


@dataclass(frozen=True, slots=True, eq=False)
class EMOptions:
    """The rules of EM, the same for every candidate of a fit.

    Attributes
    ----------
    tol : float
        EM stops when less than this is left to gain, in nats per unit of weight.
    max_iter : int
        Most M-steps.
    regularization : Regularization
    covariance : ndarray of shape (n_features, n_features)
        Of all data, to tell a collapsed component from flat data.
    keep_degenerate : bool
        Whether a candidate with a collapsed component goes on to convergence.
    accelerate : bool
        Whether to move by :mod:`dgmm.mixture.em.quasi_newton`. With a ridge it never is: EM's steps
        then are not those of the likelihood.
    n_fixed : int
        How many components are known in part, the first; they may have no rows.
    """

    tol: float
    max_iter: int
    regularization: Regularization
    covariance: Array
    keep_degenerate: bool = False
    accelerate: bool = True
    n_fixed: int = 0

    @property
    def may_accelerate(self) -> bool:
        """Whether candidates may take longer steps than EM's own."""
        return self.accelerate and not self.regularization.ridge.any()


@dataclass(frozen=True, slots=True, eq=False)
class FitState:
    """The state of the fit of a candidate.

    Attributes
    ----------
    candidate : Candidate
    parameters : Parameters
        Relative to the frame's origin. Once the status is final, the ones that the last entry of
        ``trace`` belongs to.
    status : Status
    n_iter : int
        Moves so far.
    trace : tuple of float
        Log-likelihood per unit of weight after each E-step, in nats: of its parameters, or of those
        before if a move was reverted. With a prior its log density is part of it.
    log_likelihood, log_classification : float
        Of the same parameters, in nats (:class:`dgmm.mixture.kernels.statistics.Moments`).
    groups : ndarray of shape (2, n_groups), or None
        Of the same parameters: weights of groups of consecutive rows, and their log-likelihoods.
    search : QuasiNewtonState
        What the next moves are made from.
    n_births : int
        Components that were put among the least likely rows, and made all rows more likely.
    n_pending : int
        Those of the move under way.
    """

    candidate: Candidate
    parameters: Parameters
    status: Status = Status.RUNNING
    n_iter: int = 0
    trace: tuple[float, ...] = ()
    log_likelihood: float = float("nan")
    log_classification: float = float("nan")
    search: QuasiNewtonState = field(default_factory=QuasiNewtonState)
    groups: Array | None = None
    n_births: int = 0
    n_pending: int = 0

    @property
    def is_running(self) -> bool:
        """Whether another E-step is due."""
        return self.status is Status.RUNNING


@dataclass(frozen=True, slots=True, eq=False)
class ProposedStep:
    """A step to take instead of EM's own.

    Attributes
    ----------
    parameters : Parameters
    gain : float
        Log-likelihood per unit of weight that is expected of it, in nats.
    n_births : int
        Components that it puts elsewhere; such a step is not one towards the nearest maximum.
    """

    parameters: Parameters
    gain: float
    n_births: int = 0


def step(
    state: FitState, moments: Moments, rules: EMOptions, proposal: ProposedStep | None = None
) -> FitState:
    """Use the E-step of ``state.parameters``: stop, or move on.

    Parameters
    ----------
    state : FitState
        Running.
    moments : Moments
        The outcome of a pass with ``state.parameters``.
    rules : EMOptions
    proposal : ProposedStep, or None
        To the estimated maximum; if its gain is below ``tol``, the state has converged. One with
        births is taken even if EM has converged.

    Returns
    -------
    FitState
        Final, with parameters that a pass has evaluated, or running, with the next ones.
    """
    objective = moments.objective / moments.total_weight
    fallback = find_fallback(state, moments)
    if fallback is not None:
        return _reject_step(state, fallback, rules)
    gain = objective - state.trace[-1] if state.trace else np.inf
    evaluated = replace(
        state,
        trace=(*state.trace, objective),
        log_likelihood=moments.log_likelihood,
        log_classification=moments.log_classification,
        groups=moments.groups,
        n_births=state.n_births + state.n_pending,
        n_pending=0,
    )
    if not rules.keep_degenerate and is_degenerate(state.parameters, rules):
        return replace(evaluated, status=Status.DEGENERATE)
    kind, current = state.candidate.covariance_type, state.parameters.covariances
    successor = m_step(kind, moments, rules.regularization, current)
    # curvature is lost where components were put elsewhere
    search, parameters = QuasiNewtonState() if state.n_pending else state.search, successor
    if rules.may_accelerate:
        visit, regular = Iterate(state.parameters, successor), rules.regularization
        search, parameters = quasi_newton.quasi_newton_step(search, visit, gain, regular)
        if moments.fixed is not None:
            parameters = moments.fixed.put_into(parameters)
    status, n_pending = _status(evaluated, search, rules), 0
    if proposal is not None:
        status, n_pending = _status_with(proposal, status, state, rules), proposal.n_births
        search, parameters = search.record_surrogate_step(proposal.gain), proposal.parameters
    if status is not Status.RUNNING:
        return replace(evaluated, status=status)
    n_iter = state.n_iter + 1
    return replace(
        evaluated, parameters=parameters, n_iter=n_iter, search=search, n_pending=n_pending
    )


def find_fallback(state: FitState, moments: Moments) -> Iterate | None:
    """The parameters to return to, if the last move lost likelihood."""
    fallback = state.search.fallback
    if fallback is None or moments.objective / moments.total_weight >= state.trace[-1]:
        return None
    return fallback


def stop_early(state: FitState) -> FitState:
    """A running state, stopped at the last parameters that a pass has evaluated."""
    seen = state.search.visit
    if seen is None:
        raise ValueError("no pass has evaluated this state")
    status = Status.STOPPED_EARLY
    return replace(state, parameters=seen.parameters, n_iter=state.n_iter - 1, status=status)


def go_on(state: FitState) -> FitState:
    """A state that was stopped early, on its way again by EM's own step."""
    seen = state.search.visit
    if seen is None:
        raise ValueError("no pass has evaluated this state")
    return replace(
        state,
        parameters=seen.successor,
        status=Status.RUNNING,
        n_iter=state.n_iter + 1,
        search=replace(state.search, stretch=0.0),
        n_pending=0,
    )


def _reject_step(state: FitState, fallback: Iterate, rules: EMOptions) -> FitState:
    """Return to the parameters before a move that lost likelihood, and take EM's own step."""
    trace, search = (*state.trace, state.trace[-1]), state.search.revert()
    if state.n_pending:  # which says nothing of steps that the sample proposes
        state = replace(state, n_pending=0)
        search = replace(search, may_leap=state.search.may_leap)
    if state.n_iter >= rules.max_iter:
        status = _terminal_status(fallback.parameters, rules, Status.MAX_ITER)
        return replace(state, parameters=fallback.parameters, trace=trace, status=status)
    return replace(
        state,
        parameters=fallback.successor,
        trace=trace,
        n_iter=state.n_iter + 1,
        search=search,
    )


def _status(state: FitState, search: QuasiNewtonState, rules: EMOptions) -> Status:
    noise = _rounding_error(state.parameters)
    if search.predictions:
        is_flat = convergence.is_rounding_noise(state.trace, noise)
        converged = is_flat or search.predicts_convergence(rules.tol)
    else:
        converged = convergence.has_converged(state.trace, rules.tol, noise)
    if converged:
        return _terminal_status(state.parameters, rules, Status.CONVERGED)
    if state.n_iter >= rules.max_iter:
        return _terminal_status(state.parameters, rules, Status.MAX_ITER)
    return Status.RUNNING


def _status_with(
    proposal: ProposedStep, status: Status, state: FitState, rules: EMOptions
) -> Status:
    """The status if a step is proposed."""
    if proposal.n_births:
        return Status.RUNNING if state.n_iter < rules.max_iter else status
    if status is Status.RUNNING and 0 <= _UNSEEN * proposal.gain < rules.tol:
        return _terminal_status(state.parameters, rules, Status.CONVERGED)
    return status


def _terminal_status(mixture: Parameters, rules: EMOptions, status: Status) -> Status:
    return Status.DEGENERATE if is_degenerate(mixture, rules) else status


def _rounding_error(mixture: Parameters) -> float:
    """Rounding error of the log-likelihood per row: eps times the worst conditioning.

    A covariance near singular, as that of collinear features on the floor, is known no better.
    """
    if mixture.structure.is_diagonal:
        return 0.0
    conditioning = np.abs(mixture.precisions * mixture.covariances).sum(axis=(-2, -1))
    return float(np.finfo(np.float64).eps * conditioning.max())


def is_degenerate(mixture: Parameters, rules: EMOptions) -> bool:
    """Whether a component is empty, or flat in a direction in which the data are not."""
    if is_empty(mixture.weights[rules.n_fixed :], 1.0).any():
        return True
    if mixture.n_components == 1:
        return False
    least = rules.regularization.ridge + rules.regularization.floor
    if mixture.structure.is_diagonal:  # whose directions are the features
        values, pooled = mixture.variances / least, np.diagonal(rules.covariance) / least
    else:
        found = _narrow_directions(mixture, rules.covariance, np.sqrt(least))
        if found is None:
            return False
        values, pooled = found
    return bool(((values <= _AT_FLOOR) & (pooled >= _NOT_THE_DATA)).any())


def _narrow_directions(
    mixture: Parameters, covariance: Array, deviation: Array
) -> tuple[Array, Array] | None:
    """Variances of components and of the data along the axes of components, shape (K, d).

    In units of ``deviation``; None if no component can be at the floor.
    """
    # The trace of a precision bounds its eigenvalues, and costs nothing.
    traces = ((mixture.factor_matrices * deviation[:, None]) ** 2).sum(axis=(1, 2))
    if traces.max() < 1.0 / _AT_FLOOR:
        return None
    scale = 1.0 / np.outer(deviation, deviation)
    values, vectors = np.linalg.eigh(mixture.matrices * scale)
    return values, (((covariance * scale) @ vectors) * vectors).sum(axis=1)
