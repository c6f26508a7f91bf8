"""Quasi-Newton steps: fewer iterations by the curvature that the last EM steps show.

An EM step is the gradient of the log-likelihood per row, preconditioned by the information that
labelled rows would carry. Where labels are uncertain the observed information is smaller, and EM is
slow. The changes of the step along the last few moves measure that curvature: quasi-Newton moves in
EM's own metric, of limited memory, follow it (Jamshidian & Jennrich 1997, J. R. Stat. Soc. B 59;
Liu & Nocedal 1989, Math. Program. 45). A move that loses likelihood is reverted and replaced by
EM's own step, which cannot lose any.
"""

from dataclasses import dataclass, replace

import numpy as np

from dgmm.mixture.em.fisher_metric import (
    apply_step,
    flatten,
    max_relative_change,
    to_metric_coordinates,
)
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

GAIN_SAFETY_FACTOR = 5.0
"""Times what a mixture is predicted to gain. On data whose components overlap, where predictions
are worst, two to five times as much was gained in the end."""

_MEMORY = 5
_FEWEST_PAIRS = 3  # far from the maximum EM's own steps are long, and the curvature changes
_FIRST_REACH, _GROWTH, _SHRINKAGE = 2.0, 2.0, 0.25  # of moves, in lengths of EM's own step
_LARGEST_SHARE = 0.5  # largest relative change of a weight or variance in one move
_LEAST_CURVATURE = 1e-10  # relative; below this the likelihood is not concave along a move
_SURROGATE = float("inf")  # the length of a move that is not measured in EM's steps
_NOTHING = (0.0, 0.0)  # is left to gain
_TINY = float(np.finfo(np.float64).tiny)
_UNSEEN = 3.0  # safety factor of the prediction, for directions that no move explored


@dataclass(frozen=True, slots=True, eq=False)
class Iterate:
    """Parameters that a pass has evaluated, and EM's step from there.

    Attributes
    ----------
    parameters : Parameters
    successor : Parameters
        Of the M-step.
    """

    parameters: Parameters
    successor: Parameters

    @property
    def step(self) -> Array:
        """EM's own step, a change as in :mod:`dgmm.mixture.em.fisher_metric`."""
        return flatten(self.successor) - flatten(self.parameters)


@dataclass(frozen=True, slots=True, eq=False)
class QuasiNewtonState:
    """The last steps of a candidate, from which the curvature is estimated.

    Attributes
    ----------
    pairs : tuple of (ndarray, ndarray)
        The last moves, oldest first, and by how much EM's step shrank along each: changes as in
        :mod:`dgmm.mixture.em.fisher_metric`.
    visit : Iterate or None
        The last evaluation that was not reverted.
    reach : float
        How long a move may be, in lengths of EM's own step.
    stretch : float
        The length of the move under way, in the same unit; 0 if it is EM's own step.
    may_leap : bool
        Whether no surrogate step was ever reverted; the name is that in checkpoint files.
    gains, predictions : tuple of float
        Of the last two visits: log-likelihood per unit of weight gained there, and how much the
        model of the curvature predicted as the remaining gain.
    """

    pairs: tuple[tuple[Array, Array], ...] = ()
    visit: Iterate | None = None
    reach: float = _FIRST_REACH
    stretch: float = 0.0
    may_leap: bool = True
    gains: tuple[float, ...] = ()
    predictions: tuple[float, ...] = ()

    @property
    def is_surrogate_step(self) -> bool:
        """Whether the move under way maximises a surrogate likelihood."""
        return self.stretch == _SURROGATE

    @property
    def fallback(self) -> Iterate | None:
        """Where to return if the move under way loses likelihood; None for EM's own step."""
        return self.visit if self.stretch > 0 else None

    def predicts_convergence(self, tol: float) -> bool:
        """Whether the remaining gain is below ``tol``, by past gains and by prediction.

        Both must decrease: near a saddle point they are small for a while, and then grow.
        """
        if len(self.predictions) < 2 or len(self.gains) < 2:  # a surrogate step may come first
            return False
        (gain_before, gain), (remaining_before, remaining_gain) = self.gains, self.predictions
        return (
            0 <= gain < tol
            and gain <= gain_before
            and 0 <= remaining_gain <= remaining_before
            and _UNSEEN * remaining_before < tol
        )

    def record_surrogate_step(self, expected: float) -> "QuasiNewtonState":
        """Record a move to the maximum of a surrogate likelihood, and its expected gain.

        The surrogate likelihood predicts better than the model of the curvature.
        """
        return replace(self, stretch=_SURROGATE, predictions=(expected, expected))

    @property
    def remaining_gain(self) -> float:
        """The remaining gain by the model of the curvature: the larger of the last two predictions.

        Per unit of weight, in nats; infinite where there is no prediction yet.
        """
        if len(self.predictions) < 2 or min(self.predictions) < 0:
            return float("inf")
        return max(self.predictions)

    def revert(self) -> "QuasiNewtonState":
        """The state after a move that lost likelihood: later moves are shorter."""
        reach = max(
            _FIRST_REACH, self.reach if self.is_surrogate_step else self.stretch * _SHRINKAGE
        )
        return replace(
            self, reach=reach, stretch=0.0, may_leap=self.may_leap and not self.is_surrogate_step
        )

    def restart(self) -> "QuasiNewtonState":
        """The state for other rows of the same kind: it keeps the curvature alone."""
        return QuasiNewtonState(self.pairs, reach=self.reach)

    def settle(self) -> "QuasiNewtonState":
        """The state for the same rows, read elsewhere, after convergence."""
        return replace(self.restart(), predictions=_NOTHING)

    @property
    def is_settled(self) -> bool:
        """Whether EM has converged on the same rows, and no pass has been made since."""
        return self.visit is None and self.predictions == _NOTHING


def quasi_newton_step(
    search: QuasiNewtonState, visit: Iterate, gain: float, regularization: Regularization
) -> tuple[QuasiNewtonState, Parameters]:
    """The next parameters after an evaluation.

    Parameters
    ----------
    search : QuasiNewtonState
        As it was before.
    visit : Iterate
        The evaluated parameters, and EM's step from them.
    gain : float
        Log-likelihood per unit of weight gained by the last move, in nats; infinite at a start.
    regularization : Regularization
        Without a ridge.

    Returns
    -------
    search : QuasiNewtonState
    parameters : Parameters
        For the next pass.
    """
    search = _add_curvature_pair(search, visit)
    if len(search.pairs) < _FEWEST_PAIRS:
        return search, visit.successor
    changes = np.stack([visit.step, *(change for pair in search.pairs for change in pair)])
    vectors = to_metric_coordinates(visit.parameters, changes)
    gram = vectors @ vectors.T
    mixing = _quasi_newton(gram)
    search = replace(
        search,
        gains=(*search.gains, gain)[-2:],
        predictions=(*search.predictions, 0.5 * float(gram[0] @ mixing))[-2:],
    )
    move = mixing @ changes
    stretch = _length(mixing @ vectors) / max(_length(vectors[0]), _TINY)
    share = max_relative_change(visit.parameters, move)
    shortening = min(1.0, search.reach / max(stretch, _TINY), _LARGEST_SHARE / max(share, _TINY))
    if not stretch * shortening > 1.0:  # EM's own step is as long, and safe
        return search, visit.successor
    target = apply_step(visit.parameters, shortening * move, regularization)
    return replace(search, stretch=stretch * shortening), target


def _add_curvature_pair(search: QuasiNewtonState, visit: Iterate) -> QuasiNewtonState:
    """Add the curvature along the last move; a long move that succeeded extends the reach."""
    pairs = search.pairs
    if search.visit is not None:
        move = flatten(visit.parameters) - flatten(search.visit.parameters)
        pairs = (*pairs, (move, search.visit.step - visit.step))[-_MEMORY:]
    reach = (
        search.reach if search.is_surrogate_step else max(search.reach, search.stretch * _GROWTH)
    )
    return replace(search, pairs=pairs, visit=visit, reach=reach, stretch=0.0)


def _quasi_newton(gram: Array) -> Array:
    """The move of limited-memory BFGS as a combination of EM's step and the pairs.

    The two loops of Nocedal & Wright 2006, algorithm 7.4, need inner products alone. Without pairs
    the move is EM's step. Pairs along which the likelihood is not concave are left out.

    Parameters
    ----------
    gram : ndarray of shape (1 + 2 * n_pairs, 1 + 2 * n_pairs)
        Inner products of the step, and of each pair's move and shrinkage, oldest first.

    Returns
    -------
    ndarray of shape (1 + 2 * n_pairs,)
        Coefficients.
    """
    moves = [i for i in range(1, len(gram), 2) if gram[i, i + 1] > _LEAST_CURVATURE * gram[i, i]]
    mixing = np.zeros(len(gram))
    mixing[0] = 1.0
    taken = {}
    for i in reversed(moves):
        taken[i] = (gram[i] @ mixing) / gram[i, i + 1]
        mixing[i + 1] -= taken[i]
    for i in moves:
        mixing[i] += taken[i] - (gram[i + 1] @ mixing) / gram[i, i + 1]
    return mixing


def _length(vector: Array) -> float:
    return float(np.linalg.norm(vector))
