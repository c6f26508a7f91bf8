"""How a fit ends: convergence by what is left to gain, collapse, and the closed form of K = 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import iteration
from dgmm.mixture.em.convergence import estimate_iterations, has_converged
from tests.mixture.em.test_parity import fit
from tests.mixture.one_step import e_step, frame_of, regularization_of, relative_to
from tests.reference import Mixture
from tests.strategies import COVARIANCE_TYPES, random_mixture

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def linear_trace(rate, n, limit=-3.0):
    """A sequence that approaches its limit as EM does: what is left shrinks by a rate."""
    return [limit - rate**i for i in range(n)]


@given(st.floats(0.05, 0.99), st.floats(-8, -2))
def test_linear_convergence_stops_when_what_is_left_is_below_tol(rate, exponent):
    tol = 10.0**exponent
    whole = linear_trace(rate, 3000)
    n = next(n for n in range(3, 3000) if has_converged(whole[:n], tol))
    left = rate ** (n - 1)
    change = rate ** (n - 2) - left
    assert left < 1.01 * tol
    assert change < 1.01 * tol
    # and not a step later than both are
    if n > 3:
        earlier = rate ** (n - 2)
        assert max(earlier, rate ** (n - 3) - earlier) > 0.99 * tol


def test_small_steps_of_a_slow_fit_are_not_convergence():
    """Each step gains less than tol, but a hundred like it are to come."""
    trace = linear_trace(0.99, 400)
    assert trace[-1] - trace[-2] < 2e-4
    assert not has_converged(trace, 2e-4)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9, 0.99])
def test_a_geometric_trace_ends_when_it_is_estimated_to(rate):
    whole = -(rate ** np.arange(3000.0))
    end = next(n for n in range(3, 3000) if has_converged(whole[:n], 1e-9))
    for n in range(3, end):
        assert abs(estimate_iterations(whole[:n], 1e-9) - (end - n)) <= 1


@pytest.mark.parametrize("trace", [[-3.0, -2.0], [-3.0, -2.9, -2.0], [-3.0, -2.0, -2.5]])
def test_a_trace_that_does_not_slow_down_tells_no_end(trace):
    assert estimate_iterations(trace, 1e-6) is None


@pytest.mark.parametrize(
    ("trace", "converged"),
    [
        ([], False),
        ([-3.0], False),
        ([-3.0, -2.9], False),
        ([-3.0, -3.0], True),  # nothing moved
        ([-3.0, -3.0 + 1e-15], True),  # but rounding
        ([-3.0, -3.0 - 1e-15], True),
        ([-3.0, -2.0, -2.1], False),  # falling
        ([-3.0, -2.0, -2.0 - 1e-9], False),  # falling by little is still falling
        ([-3.0, -2.9, -2.7], False),  # gaining faster and faster
        ([-1e6, -1e6 + 1e-8], True),  # the rounding of a large number
    ],
)
def test_edges_of_convergence(trace, converged):
    assert has_converged(trace, 1e-3) is converged


def rules_for(X, **changes):
    centred = frame_of(X)
    values = {
        "tol": 1e-6,
        "max_iter": 100,
        "regularization": regularization_of(centred),
        "covariance": centred.scatter / centred.total_weight,
    }
    return iteration.EMOptions(**(values | changes))


def clumps(n_samples=200, n_features=2, apart=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, n_features)) + apart * rng.integers(0, 2, (n_samples, 1))


def run(X, start, **changes):
    """States of a fit, from the first to the final."""
    centred, rules = frame_of(X), rules_for(X, **changes)
    candidate = Candidate(start.covariance_type, len(start.weights))
    states = [iteration.FitState(candidate, relative_to(centred.origin, start))]
    while states[-1].status is Status.RUNNING:
        now = states[-1].parameters.translate(centred.origin)
        mixture = Mixture(now.covariance_type, now.weights, now.means, now.covariances)
        (moments,) = e_step(X, [mixture], centred=centred)
        states.append(iteration.step(states[-1], moments, rules))
    return states


@each_type
def test_a_fit_ends_converged_and_keeps_the_parameters_it_evaluated(covariance_type):
    X = clumps()
    states = run(X, random_mixture(np.random.default_rng(1), X, covariance_type, 2))
    final = states[-1]
    assert final.status is Status.CONVERGED
    assert final.parameters is states[-2].parameters
    assert len(final.trace) == final.n_iter + 1
    assert final.trace[-1] == pytest.approx(final.log_likelihood / len(X), rel=1e-15)


@each_type
def test_what_is_left_to_gain_is_below_tol(covariance_type):
    X = clumps(apart=3)  # overlapping, hence slow
    start = random_mixture(np.random.default_rng(1), X, covariance_type, 2)
    final = run(X, start, tol=1e-5)[-1]
    limit = fit(X, start, 2000)[0].trace[-1]
    left = limit - np.array(final.trace)
    assert 3 < final.n_iter < 100
    assert -1e-13 < left[-1] < 1e-5 < left[-4]


@pytest.mark.parametrize("max_iter", [0, 1, 5])
def test_max_iter_counts_m_steps(max_iter):
    X = clumps()
    start = random_mixture(np.random.default_rng(1), X, "full", 3)
    final = run(X, start, tol=0.0, max_iter=max_iter)[-1]
    assert final.status is Status.MAX_ITER
    assert final.n_iter == max_iter
    assert len(final.trace) == max_iter + 1


@each_type
def test_one_component_needs_one_m_step_and_one_to_see_it(covariance_type):
    X = clumps()
    start = random_mixture(np.random.default_rng(1), X, covariance_type, 1)
    final = run(X, start)[-1]
    assert final.status is Status.CONVERGED
    assert final.n_iter == 2


def repeated_value():
    """Half of the rows are one and the same value."""
    X = clumps()
    X[:100] = [2.5, -1.0]
    return X


def on_the_value(covariance_type):
    """A mixture whose second component sits on that value."""
    wide, narrow = 9.0 * np.eye(2), 1e-4 * np.eye(2)
    covariances = {
        "full": np.array([wide, narrow]),
        "diag": np.array([[9.0, 9.0], [1e-4, 1e-4]]),
        "spherical": np.array([9.0, 1e-4]),
    }[covariance_type]
    means = np.array([[3.0, 3.0], [2.5, -1.0]])
    return Mixture(covariance_type, np.array([0.5, 0.5]), means, covariances)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_component_on_a_repeated_value_is_degenerate(covariance_type):
    final = run(repeated_value(), on_the_value(covariance_type))[-1]
    assert final.status is Status.DEGENERATE
    assert np.isfinite(final.trace).all()


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_degenerate_candidate_goes_on_if_asked(covariance_type):
    start = on_the_value(covariance_type)
    stopped = run(repeated_value(), start)[-1]
    kept = run(repeated_value(), start, keep_degenerate=True)[-1]
    assert kept.status is Status.DEGENERATE
    assert kept.n_iter > stopped.n_iter
    assert kept.trace[-1] >= stopped.trace[-1]


@each_type
def test_an_empty_component_is_degenerate(covariance_type):
    X = clumps()
    start = random_mixture(np.random.default_rng(1), X, covariance_type, 2)
    start.means[1] = 1e6
    assert run(X, start)[-1].status is Status.DEGENERATE


def test_a_constant_feature_is_flat_data_and_not_collapse():
    X = np.column_stack([clumps(), np.full(200, 7.0)])
    start = random_mixture(np.random.default_rng(1), X, "diag", 2)
    assert run(X, start)[-1].status is Status.CONVERGED


@pytest.mark.parametrize("status", Status)
def test_every_status_has_its_sentence(status):
    assert status.sentence.endswith(".")
