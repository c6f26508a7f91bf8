"""Fewer steps of EM: what its last steps say about the curvature of the likelihood.

An EM step is the gradient of the log-likelihood per row, preconditioned by the information that
labelled rows would carry. Where labels are uncertain the observed information is smaller, and EM
creeps. The changes of the step along the last few moves measure that curvature: quasi-Newton
moves in EM's own metric, of limited memory, follow it (Jamshidian & Jennrich 1997, J. R. Stat.
Soc. B 59; Liu & Nocedal 1989, Math. Program. 45). A move that loses likelihood is taken back, and
EM's own step, which cannot lose any, is made instead.
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

_MEMORY = 5
VECTORS_HELD = 2 * _MEMORY + 4  # the pairs, and covariances and factors of a visit
_FEWEST_PAIRS = 3  # far from the top EM's own steps are long, and the curvature changes
_FIRST_REACH, _GROWTH, _SHRINKAGE = 2.0, 2.0, 0.25  # of moves, in lengths of EM's own step
_LARGEST_SHARE = 0.5  # of any weight or variance that one move may take
_LEAST_CURVATURE = 1e-10  # relative; along a move with less the likelihood is no hill
_LEAP = float("inf")  # the length of a move that is not measured in EM's steps
_TINY = float(np.finfo(np.float64).tiny)
_UNSEEN = 3.0  # times what the model predicts may be left, for directions that no move explored


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
    """What a candidate remembers of its way.

    Attributes
    ----------
    pairs : tuple of (ndarray, ndarray)
        The last moves, oldest first, and by how much EM's step shrank along each: changes as in
        :mod:`dgmm.mixture.em.fisher_metric`.
    visit : Iterate or None
        The last place that was not taken back.
    reach : float
        How long a move may be, in lengths of EM's own step.
    stretch : float
        The length of the move under way, in the same unit; 0 if it is EM's own step.
    may_leap : bool
        Whether no move to where another likelihood has its top was ever taken back.
    gains, predictions : tuple of float
        Of the last two visits: log-likelihood per unit of weight gained there, and how much the
        model of the curvature says was left.
    """

    pairs: tuple[tuple[Array, Array], ...] = ()
    visit: Iterate | None = None
    reach: float = _FIRST_REACH
    stretch: float = 0.0
    may_leap: bool = True
    gains: tuple[float, ...] = ()
    predictions: tuple[float, ...] = ()

    @property
    def is_leap(self) -> bool:
        """Whether the move under way is to where another likelihood has its top."""
        return self.stretch == _LEAP

    @property
    def fallback(self) -> Iterate | None:
        """Where to return if the move under way loses likelihood; EM's own steps never do."""
        return self.visit if self.stretch > 0 else None

    def has_settled(self, tol: float) -> bool:
        """Whether less than ``tol`` is left to gain, by what was gained and what is predicted.

        Both must fall: near a saddle they are small for a while, and then grow.
        """
        if len(self.predictions) < 2 or len(self.gains) < 2:  # a leap may be the first to predict
            return False
        (gain_before, gain), (left_before, left) = self.gains, self.predictions
        return (
            0 <= gain < tol
            and gain <= gain_before
            and 0 <= left <= left_before
            and _UNSEEN * left_before < tol
        )

    def expect_gain(self, expected: float) -> "QuasiNewtonState":
        """For a move to where another likelihood has its top, which promises this gain.

        That likelihood knows more than the model of the curvature has ever said.
        """
        return replace(self, stretch=_LEAP, predictions=(expected, expected))

    @property
    def left(self) -> float:
        """What the model of the curvature says is left to gain, the more of the last two times.

        Per unit of weight, in nats; infinite where it says nothing yet.
        """
        if len(self.predictions) < 2 or min(self.predictions) < 0:
            return float("inf")
        return max(self.predictions)

    def take_back(self) -> "QuasiNewtonState":
        """After a move that lost likelihood: shorter ones from now on."""
        reach = max(_FIRST_REACH, self.reach if self.is_leap else self.stretch * _SHRINKAGE)
        return replace(self, reach=reach, stretch=0.0, may_leap=self.may_leap and not self.is_leap)

    def carry_over(self) -> "QuasiNewtonState":
        """For other rows of the same kind: the curvature is alike, the likelihood is not."""
        return QuasiNewtonState(self.pairs, reach=self.reach)


def quasi_newton_step(
    search: QuasiNewtonState, visit: Iterate, gain: float, regularization: Regularization
) -> tuple[QuasiNewtonState, Parameters]:
    """Where to go from a place that has been evaluated.

    Parameters
    ----------
    search : QuasiNewtonState
        As it was before.
    visit : Iterate
        The place, and EM's step from it.
    gain : float
        Log-likelihood per unit of weight gained by coming here, in nats; infinite at a start.
    regularization : Regularization
        Without a ridge.

    Returns
    -------
    search : QuasiNewtonState
    parameters : Parameters
        For the next pass.
    """
    search = _having_seen(search, visit)
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


def _having_seen(search: QuasiNewtonState, visit: Iterate) -> QuasiNewtonState:
    """With the curvature along the last move, and a longer reach if that move was a long one."""
    pairs = search.pairs
    if search.visit is not None:
        move = flatten(visit.parameters) - flatten(search.visit.parameters)
        pairs = (*pairs, (move, search.visit.step - visit.step))[-_MEMORY:]
    reach = search.reach if search.is_leap else max(search.reach, search.stretch * _GROWTH)
    return replace(search, pairs=pairs, visit=visit, reach=reach, stretch=0.0)


def _quasi_newton(gram: Array) -> Array:
    """The move of limited-memory BFGS as a combination of EM's step and the pairs.

    The two loops of Nocedal & Wright 2006, algorithm 7.4, need inner products alone. Without
    pairs the move is EM's step. Pairs along which the likelihood is no hill are left out.

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
