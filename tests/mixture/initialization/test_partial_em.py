"""What a trial gains is what the whole mixture gains."""

import numpy as np
import pytest

from dgmm.mixture.initialization import moves, partial_em
from dgmm.mixture.initialization.moves import Merge, Move
from dgmm.mixture.parameters import Parameters
from tests import reference
from tests.mixture.initialization.test_moves import example, regularization_of
from tests.reference import Mixture
from tests.strategies import COVARIANCE_TYPES


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
@pytest.mark.parametrize("n_steps", [0, pytest.param(1, marks=pytest.mark.slow), 6])
@pytest.mark.parametrize("n_components", [3, pytest.param(4, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize("is_merge", [False, True])
def test_a_trial_of_rows_that_all_count_gains_what_the_mixture_gains(
    kind, n_steps, n_components, is_merge, monkeypatch
):
    monkeypatch.setattr(partial_em, "_LEAST_SHARE", -1.0)  # all rows count
    rows, weights, mixture, posterior = example(kind, n_components, n_rows=300)
    before, regularization = Parameters.from_covariances(*mixture), regularization_of(rows)
    r = posterior.responsibilities
    overlaps = (r * weights) @ r.T
    merge = Merge(0.0, 0, 1)
    move = merge if is_merge else Move(merge, 2, moves.halve(before, 2))
    trial = partial_em.try_move(
        before, posterior, overlaps, move, rows, regularization, n_steps, 1000
    )
    after = partial_em.apply_trials(before, [trial], regularization)
    assert after.n_components == n_components - is_merge
    assert after.weights.sum() == pytest.approx(1.0, rel=1e-12)
    numbers = Mixture(kind, after.weights, after.means, after.covariances)
    gain = reference.log_likelihood(rows, numbers, weights)
    gain -= reference.log_likelihood(rows, mixture, weights)
    assert trial.gain == pytest.approx(gain, rel=1e-6, abs=1e-6)
    others = sorted(set(range(n_components)) - set(trial.replaced))
    np.testing.assert_allclose(after.weights[: len(others)], mixture.weights[others], rtol=1e-12)
    np.testing.assert_array_equal(after.means[: len(others)], mixture.means[others])


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_steps_of_a_trial_never_lose(kind):
    rows, weights, mixture, posterior = example(kind, 6, n_rows=400, seed=2)
    before, regularization = Parameters.from_covariances(*mixture), regularization_of(rows)
    r = posterior.responsibilities
    move = Move(Merge(0.0, 0, 1), 2, moves.halve(before, 2))
    gains = [
        partial_em.try_move(
            before, posterior, (r * weights) @ r.T, move, rows, regularization, n_steps, 1000
        ).gain
        for n_steps in range(6)
    ]
    assert gains == sorted(gains)
    assert gains[5] > gains[0]
