"""Convergence of EM."""

import math
from collections.abc import Sequence

TOL = 1e-6
"""Default of what may be left to gain, in nats per unit of weight, in every interface."""

_ROUNDING = 1e-13
"""Changes of the log-likelihood below this, relative, are arithmetic and not progress."""


def has_converged(trace: Sequence[float], tol: float, noise: float = 0.0) -> bool:
    """Whether the remaining gain is below ``tol``.

    EM converges linearly, so the last two changes predict the limit: with a their ratio, the
    remaining gain is change * a / (1 - a), Aitken's estimate (McLachlan & Peel 2000, sec. 2.11).
    A small step alone proves nothing: with a = 0.99 a hundred such steps are still to come. A
    falling likelihood is never converged.

    Parameters
    ----------
    trace : sequence of float
        Log-likelihood per unit of weight after each iteration, in nats.
    tol : float
        In the same unit.
    noise : float
        Changes up to this are arithmetic too, in the same unit.
    """
    if is_rounding_noise(trace, noise):
        return True
    if len(trace) < 3:
        return False
    change, before = trace[-1] - trace[-2], trace[-2] - trace[-3]
    if change < 0 or before <= change:
        return False
    rate = change / before
    return change < tol and change * rate / (1.0 - rate) < tol


def estimate_iterations(trace: Sequence[float], tol: float) -> int | None:
    """How many more iterations it takes until :func:`has_converged`, if EM goes on as it did.

    Parameters
    ----------
    trace : sequence of float
        Log-likelihood per unit of weight after each iteration, in nats.
    tol : float
        In the same unit.

    Returns
    -------
    int or None
        None unless each of the last two changes was a gain, and the second a smaller one.
    """
    if len(trace) < 3:
        return None
    change, before = trace[-1] - trace[-2], trace[-2] - trace[-3]
    if not 0 < change < before:
        return None
    rate = change / before
    excess = max(change, change * rate / (1.0 - rate)) / tol
    return max(1, math.ceil(math.log(excess) / -math.log(rate))) if excess > 0 else None


def is_rounding_noise(trace: Sequence[float], noise: float = 0.0) -> bool:
    """Whether the last change is within rounding errors.

    Parameters
    ----------
    trace : sequence of float
        Log-likelihood per unit of weight after each iteration, in nats.
    noise : float
        Changes up to this are arithmetic, in the same unit.
    """
    if len(trace) < 2:
        return False
    rounding = max(_ROUNDING * max(1.0, abs(trace[-1])), noise)
    return abs(trace[-1] - trace[-2]) <= rounding
