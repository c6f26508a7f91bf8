"""Quasi-Newton moves: the metric, the algebra, the safeguard, and what they save."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import iteration, quasi_newton
from dgmm.mixture.em.fisher_metric import (
    apply_step,
    flatten,
    max_relative_change,
    to_metric_coordinates,
)
from dgmm.mixture.em.quasi_newton import QuasiNewtonState
from dgmm.mixture.initialization import initializers
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.registry import STRUCTURES
from tests.strategies import COVARIANCE_TYPES

each_type = pytest.mark.parametrize("covariance_type", STRUCTURES)
some_types = pytest.mark.parametrize(
    "covariance_type",
    [
        pytest.param(name, marks=[] if name in (*COVARIANCE_TYPES, "VEI") else pytest.mark.slow)
        for name in STRUCTURES
    ],
)
N_SOUND = {name: 5 if name in ("VEE", "VVE") else 6 for name in STRUCTURES}
"""Components that do not collapse on the rows below, from the starts below."""


def rows_of_overlapping_clumps(seed=0, n_rows=600, d=2):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, d)) * 1.2
    return centres[rng.integers(4, size=n_rows)] + rng.normal(size=(n_rows, d))


def problem(rows, covariance_type, n_components, seed, **rules):
    """The rules, the frame and a start for EM on these rows."""
    rows = rows - rows.mean(axis=0)
    covariance = rows.T @ rows / len(rows)
    regularization = Regularization.for_data(
        covariance, rows.mean(axis=0), rules.pop("ridge", None)
    )
    rng = np.random.default_rng(seed)
    equal = np.ones(len(rows))
    guess = initializers.plusplus(rows, equal, n_components, rng)
    first = initializers.first_parameters(covariance_type, rows, guess, equal, regularization, rng)
    centred = CentredScatter(np.zeros(rows.shape[1]), float(len(rows)), rows.T @ rows)
    settled = {"tol": 1e-7, "max_iter": 3000, **rules}
    return (
        rows,
        centred,
        iteration.EMOptions(regularization=regularization, covariance=covariance, **settled),
        iteration.FitState(Candidate(covariance_type, n_components, 0), first),
    )


def evaluated(rows, centred, mixture):
    packed = packed_models.pack([mixture], centred.origin)
    (moments,) = packed_models.moments(
        packed, [mixture], packed_models.accumulate(packed, rows), centred
    )
    return moments


def path(rows, centred, rules, state):
    """Every state on the way, the first one included."""
    states = [state]
    while states[-1].is_running:
        moments = evaluated(rows, centred, states[-1].parameters)
        states.append(iteration.step(states[-1], moments, rules))
    return states


def nearby(mixture, size, seed):
    """A mixture close by, its covariances in the shape of its structure."""
    rng = np.random.default_rng(seed)
    weights = mixture.weights * np.exp(size * rng.normal(size=mixture.weights.shape))
    means = mixture.means + size * rng.normal(size=mixture.means.shape)
    factor = np.eye(mixture.n_features) + size * rng.normal(size=(mixture.n_features,) * 2)
    covariances = mixture.covariances
    if mixture.structure.is_diagonal:
        covariances = covariances * np.exp(size * rng.normal(size=covariances.shape))
    else:
        covariances = factor @ covariances @ factor.T
    return Parameters.from_covariances(
        mixture.covariance_type, weights / weights.sum(), means, covariances
    )


def divergence(p, q):
    """Kullback-Leibler divergence between the joint densities of row and label, in closed form."""
    k, d = p.means.shape
    structure = STRUCTURES[p.covariance_type]
    total = 0.0
    for w, v, m, n, s, t in zip(
        p.weights,
        q.weights,
        p.means,
        q.means,
        structure.matrices(p.covariances, k, d),
        structure.matrices(q.covariances, k, d),
        strict=True,
    ):
        precision = np.linalg.inv(t)
        gaussians = 0.5 * (
            np.trace(precision @ s)
            - d
            + (n - m) @ precision @ (n - m)
            - np.log(np.linalg.det(precision @ s))
        )
        total += w * (np.log(w / v) + gaussians)
    return total


@each_type
def test_half_the_squared_length_of_a_small_change_is_the_divergence(covariance_type):
    *_, state = problem(rows_of_overlapping_clumps(d=3), covariance_type, 3, seed=1)
    for seed in range(5):
        other = nearby(state.parameters, 1e-3, seed)
        change = flatten(other) - flatten(state.parameters)
        (vector,) = to_metric_coordinates(state.parameters, change[None])
        expected = divergence(state.parameters, other)
        assert 0.5 * vector @ vector == pytest.approx(expected, rel=2e-2)


@each_type
def test_no_change_within_its_share_makes_a_variance_or_a_weight_negative(covariance_type):
    *_, state = problem(rows_of_overlapping_clumps(d=3), covariance_type, 3, seed=1)
    mixture = state.parameters
    for seed in range(20):
        change = flatten(nearby(mixture, 0.5, seed)) - flatten(mixture)
        shrunk = -0.99 / max_relative_change(mixture, change) * change
        nothing = Regularization(np.zeros(3), np.full(3, 1e-300))
        assert (
            apply_step(mixture, shrunk, nothing).weights > 0
        ).all()  # and covariances have factors


@pytest.mark.parametrize("n_pairs", [0, 1, 3, 6])
def test_the_two_loops_multiply_by_the_inverse_of_the_bfgs_matrix(n_pairs):
    """Against the textbook's dense update (Nocedal & Wright 2006, eq. 6.19)."""
    rng = np.random.default_rng(n_pairs)
    size = 8
    root = rng.normal(size=(size, size))
    hessian = np.eye(size) * 0.1 + root @ root.T / 20
    step = rng.normal(size=size)
    moves = rng.normal(size=(n_pairs, size))
    shrinkages = moves @ hessian
    expected = np.eye(size)
    for s, y in zip(moves, shrinkages, strict=True):
        left = np.eye(size) - np.outer(s, y) / (s @ y)
        expected = left @ expected @ left.T + np.outer(s, s) / (s @ y)
    vectors = np.array([step, *(v for pair in zip(moves, shrinkages, strict=True) for v in pair)])
    mixing = quasi_newton._quasi_newton(vectors @ vectors.T)
    np.testing.assert_allclose(mixing @ vectors, expected @ step, rtol=1e-9)


def test_a_pair_along_which_the_likelihood_is_no_hill_is_left_out():
    rng = np.random.default_rng(0)
    step, move = rng.normal(size=(2, 5))
    vectors = np.array([step, move, -0.3 * move])
    assert quasi_newton._quasi_newton(vectors @ vectors.T).tolist() == [1.0, 0.0, 0.0]


@each_type
@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_never_falls_and_is_that_of_the_parameters(covariance_type, seed):
    rows = rows_of_overlapping_clumps(seed)
    rows, centred, rules, first = problem(rows, covariance_type, N_SOUND[covariance_type], seed)
    states = path(rows, centred, rules, first)
    final = states[-1]
    assert (np.diff(final.trace) >= 0).all()
    assert final.status is Status.CONVERGED
    assert len(final.trace) == len(states) - 1 == final.n_iter + 1
    again = evaluated(rows, centred, final.parameters)
    assert again.log_likelihood == final.log_likelihood
    assert again.log_likelihood / len(rows) == final.trace[-1]
    assert again.log_classification == final.log_classification


def test_moves_that_lose_likelihood_happen_and_are_taken_back():
    n_taken_back = 0
    for seed in range(2):
        for covariance_type in STRUCTURES:
            rows = rows_of_overlapping_clumps(seed)
            rows, centred, rules, first = problem(rows, covariance_type, 8, seed)
            states = path(rows, centred, rules, first)
            for before, after in pairwise(states):
                fallback = before.search.fallback
                if fallback is None or after.trace[-1] != before.trace[-1]:
                    continue
                n_taken_back += 1
                lost = evaluated(rows, centred, before.parameters)
                assert lost.log_likelihood / lost.total_weight < before.trace[-1]
                assert after.trace == (*before.trace, before.trace[-1])
                assert after.log_likelihood == before.log_likelihood
                assert after.parameters is fallback.successor
                assert after.search.reach < max(before.search.reach, before.search.stretch) * 2
    assert n_taken_back >= 5


def test_a_move_is_taken_back_at_the_last_iteration_too():
    rows, centred, rules, first = problem(rows_of_overlapping_clumps(), "full", 8, 0)
    states = path(rows, centred, rules, first)
    falls = [
        (before, after)
        for before, after in pairwise(states)
        if before.search.fallback is not None and after.trace[-1] == before.trace[-1]
    ]
    assert falls
    before, _ = falls[0]
    moments = evaluated(rows, centred, before.parameters)
    final = iteration.step(before, moments, replace(rules, max_iter=before.n_iter))
    assert final.status is Status.MAX_ITER
    assert final.parameters is before.search.fallback.parameters
    assert len(final.trace) == final.n_iter + 1


@pytest.mark.parametrize(
    "covariance_type",
    [
        "full",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in (*COVARIANCE_TYPES[1:], "VEI")),
    ],
)
def test_it_takes_a_third_of_the_passes(covariance_type):
    """Overlapping clumps and too many components: where EM creeps."""
    n_plain = n_accelerated = 0
    for seed in range(3):
        rows = rows_of_overlapping_clumps(seed)
        rows, centred, rules, first = problem(rows, covariance_type, 6, seed)
        plain = path(rows, centred, replace(rules, accelerate=False), first)
        accelerated = path(rows, centred, rules, first)
        n_plain += len(plain)
        n_accelerated += len(accelerated)
    assert 3 * n_accelerated < n_plain


@each_type
def test_what_it_stops_at_is_stationary(covariance_type):
    rows, centred, rules, first = problem(rows_of_overlapping_clumps(5), covariance_type, 3, 5)
    final = path(rows, centred, rules, first)[-1]
    onwards = iteration.FitState(final.candidate, final.parameters)
    longer = path(rows, centred, replace(rules, tol=1e-12, accelerate=False), onwards)[-1]
    assert 0 <= longer.trace[-1] - final.trace[-1] < 3e-7


def test_a_ridge_is_left_to_plain_em():
    rows, centred, rules, first = problem(rows_of_overlapping_clumps(), "full", 3, 0, ridge=1e-3)
    assert rules.accelerate
    assert not rules.may_accelerate
    plain = path(rows, centred, replace(rules, accelerate=False), first)[-1]
    assert path(rows, centred, rules, first)[-1].trace == plain.trace


def test_the_curvature_goes_over_to_other_rows():
    """Who knows it moves by it at once; what was gained on the other rows says nothing here."""
    rows = rows_of_overlapping_clumps(3, n_rows=4000)
    rows, centred, rules, first = problem(rows, "full", 3, 3)
    half = rows[::2]
    half_frame = CentredScatter(np.zeros(2), float(len(half)), half.T @ half)
    state = path(half, half_frame, rules, first)[-1]
    carried = state.search.restart()
    assert carried.pairs == state.search.pairs
    assert (carried.gains, carried.predictions, carried.fallback) == ((), (), None)
    fresh = iteration.FitState(state.candidate, state.parameters)
    moments = evaluated(rows, centred, state.parameters)
    assert (
        iteration.step(replace(fresh, search=carried), moments, rules).search.fallback is not None
    )
    assert iteration.step(fresh, moments, rules).search.fallback is None


def test_settled_wants_small_and_falling_gains_and_predictions():
    search = QuasiNewtonState(gains=(1e-5, 2e-7), predictions=(3e-7, 1e-8))
    assert search.predicts_convergence(1e-6)
    assert not search.predicts_convergence(1e-7)
    assert not replace(search, gains=(1e-7, 2e-7)).predicts_convergence(1e-6)  # growing again
    assert not replace(search, predictions=(1e-8, 3e-7)).predicts_convergence(1e-6)
    assert not replace(search, gains=(1e-5, -1e-9)).predicts_convergence(1e-6)
    assert not replace(search, predictions=(4e-7, 1e-8)).predicts_convergence(1e-6)
    assert not QuasiNewtonState(gains=(1e-9,), predictions=(1e-9,)).predicts_convergence(1e-6)
    # a surrogate step before there was any model of the curvature
    first = QuasiNewtonState().record_surrogate_step(1e-9)
    later = replace(first, gains=(1e-9,), predictions=(*first.predictions, 1e-9)[-2:])
    assert not later.predicts_convergence(1e-6)


def test_the_first_moves_are_those_of_em():
    rows, centred, rules, first = problem(rows_of_overlapping_clumps(), "full", 3, 0)
    plain = path(rows, centred, replace(rules, accelerate=False), first)
    accelerated = path(rows, centred, rules, first)
    for ours, theirs in zip(accelerated[:4], plain[:4], strict=True):
        assert ours.parameters.means.tobytes() == theirs.parameters.means.tobytes()
        assert ours.search.fallback is None
