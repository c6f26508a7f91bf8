"""Models that were stopped early are as likely as all smaller ones, where splits gain nothing."""

import numpy as np
import pytest

from dgmm.engine.candidates import match_smaller
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.parameters import Parameters

CONVERGED, STOPPED, DEGENERATE = Status.CONVERGED, Status.STOPPED_EARLY, Status.DEGENERATE


def state(n_components, status, value, kind="spherical"):
    ones = np.ones(n_components)
    mixture = Parameters(kind, ones / n_components, ones[:, None], ones, ones)
    candidate = Candidate(kind, n_components)
    return FitState(candidate, mixture, status, 5, (-9.0, value), log_likelihood=value)


def matched(*states, gains=False):
    """Log-likelihoods afterwards, and the numbers of components whose splits were asked for."""
    asked = []
    found = match_smaller(states, lambda one: asked.append(one.n_components) or gains)
    assert [each.candidate for each in found] == [each.candidate for each in states]
    assert all(after.parameters.n_components == after.candidate.n_components for after in found)
    return [each.log_likelihood for each in found], asked


@pytest.mark.parametrize(
    ("states", "expected", "asked"),
    [
        pytest.param(
            [state(2, CONVERGED, -2.0), state(3, STOPPED, -2.5), state(4, STOPPED, -2.2)],
            [-2.0, -2.0, -2.0],
            [2],  # once for all that follow
            id="both below the same one",
        ),
        pytest.param(
            [state(4, STOPPED, -2.2), state(2, CONVERGED, -2.0), state(3, STOPPED, -1.9)],
            [-1.9, -2.0, -1.9],
            [3],
            id="in any order, below the next smaller one",
        ),
        pytest.param(
            [state(2, CONVERGED, -2.0), state(3, CONVERGED, -2.5), state(4, STOPPED, -2.2)],
            [-2.0, -2.5, -2.0],
            [2],
            id="one that has converged is for repairs",
        ),
        pytest.param(
            [state(2, DEGENERATE, 5.0), state(3, CONVERGED, -2.0), state(4, STOPPED, -2.2)],
            [5.0, -2.0, -2.0],
            [3],
            id="a collapsed one has no bound to keep",
        ),
        pytest.param(
            [state(2, CONVERGED, -2.0), state(3, STOPPED, -2.5, "diag")],
            [-2.0, -2.5],
            [],
            id="other structures are no smaller models",
        ),
        pytest.param(
            [state(2, CONVERGED, -2.0), state(3, STOPPED, -2.0 - 1e-12)],
            [-2.0, -2.0 - 1e-12],
            [],
            id="rounding is no difference",
        ),
    ],
)
def test_who_was_stopped_below_a_smaller_one_becomes_as_likely(states, expected, asked):
    assert matched(*states) == (expected, asked)


def test_who_may_gain_from_splits_is_left_to_repairs():
    states = state(2, CONVERGED, -2.0), state(3, STOPPED, -2.5), state(4, STOPPED, -2.6)
    assert matched(*states, gains=True) == ([-2.0, -2.5, -2.6], [2])


def test_the_state_says_how_it_ended_and_what_it_is_now():
    smaller, stopped = state(2, CONVERGED, -2.0), state(3, STOPPED, -2.5)
    _, found = match_smaller((smaller, stopped), lambda _: False)
    assert (found.status, found.n_iter, found.trace) == (STOPPED, 5, (-9.0, -2.0))
    assert found.search.visit is None  # its curvature was that of other parameters
    assert found.parameters.weights.tolist() == [0.25, 0.5, 0.25]
