"""Merges, splits and the moves made of them, against sums over rows and EM itself."""

import numpy as np
import pytest

from dgmm.mixture.initialization import moves
from dgmm.mixture.initialization.moves import Merge, Posterior
from dgmm.mixture.initialization.split import NO_SPLIT, Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests import reference
from tests.mixture.one_step import em_step
from tests.reference import Mixture
from tests.strategies import COVARIANCE_TYPES, random_mixture

each_type = pytest.mark.parametrize("kind", COVARIANCE_TYPES)


def example(kind, n_components=4, n_rows=120, seed=0):
    """Rows, weights, a mixture that EM has come some way to, and its posterior by loops."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, 2)) + 3 * rng.integers(0, 3, (n_rows, 1))
    weights = rng.uniform(0.5, 2.0, n_rows)
    mixture = random_mixture(rng, rows, kind, n_components)
    for _ in range(5):
        mixture = reference.em_step(rows, mixture, weights)
    return rows, weights, mixture, posterior_of(rows, weights, mixture)


def posterior_of(rows, weights, mixture):
    r = reference.responsibilities(rows, mixture)
    return Posterior(r.T.copy(), reference.log_densities(rows, mixture), weights)


def regularization_of(rows):
    return Regularization.for_data(np.cov(rows.T), rows.mean(axis=0))


def pooled(mixture, i, j):
    """Weight, mean and covariance of two components taken together, from the definition."""
    a, b = mixture.weights[[i, j]]
    mean = (a * mixture.means[i] + b * mixture.means[j]) / (a + b)
    second = sum(
        mixture.weights[k]
        * (
            reference.covariance_of(mixture, k)
            + np.outer(mixture.means[k] - mean, mixture.means[k] - mean)
        )
        for k in (i, j)
    )
    return a + b, mean, second / (a + b)


def nearest(mixture, matrix):
    d = len(matrix)
    return {
        "full": matrix,
        "tied": mixture.covariances,
        "diag": np.diag(np.diag(matrix)),
        "spherical": np.trace(matrix) / d * np.eye(d),
    }[mixture.covariance_type]


@each_type
def test_the_loss_of_a_merge_is_the_sum_in_its_definition(kind):
    rows, weights, mixture, posterior = example(kind)
    found = moves.cheapest_merges(Parameters.from_covariances(*mixture), posterior)
    assert [merge.loss for merge in found] == sorted(merge.loss for merge in found)
    assert {(merge.i, merge.j) for merge in found} == {(i, j) for j in range(4) for i in range(j)}
    r, log_p = posterior.responsibilities, posterior.log_density
    for merge in found:
        s = r[merge.i] + r[merge.j]
        weight, _, matrix = pooled(mixture, merge.i, merge.j)
        covariance = nearest(mixture, matrix)
        n, d = (weights * s).sum(), rows.shape[1]
        spread = np.linalg.slogdet(covariance)[1] + np.trace(np.linalg.solve(covariance, matrix))
        loss = (weights * s * (np.log(s) + log_p)).sum() - n * np.log(weight)
        loss += n / 2 * (d * np.log(2 * np.pi) + spread)
        assert merge.loss == pytest.approx(loss, rel=1e-9, abs=1e-9 * n)


@each_type
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_merge_loses_no_more_than_its_bound(kind, seed):
    """Where EM has converged: there components have the moments of their rows."""
    rows, weights, mixture, _ = example(kind, seed=seed)
    for _ in range(1000):
        step = em_step(rows, mixture, weights)
        mixture = Mixture(kind, step.weights, step.means, step.covariances)
    posterior = posterior_of(rows, weights, mixture)
    before, r = reference.log_likelihood(rows, mixture, weights), posterior.responsibilities.T
    for merge in moves.cheapest_merges(Parameters.from_covariances(*mixture), posterior):
        kept = [k for k in range(4) if k not in (merge.i, merge.j)]
        merged = np.column_stack([r[:, kept], r[:, merge.i] + r[:, merge.j]])
        after = reference.m_step(rows, merged, kind, weights)
        value = reference.log_likelihood(rows, after, weights)
        assert value >= before - merge.loss - 1e-6


def split(gain):
    return Split(gain, np.array([0.5, 0.5]), np.zeros((2, 1)), np.ones((2, 1, 1)))


def chosen(gains, merges, most=9):
    splits = [NO_SPLIT if gain is None else split(gain) for gain in gains]
    found = moves.choose_moves(splits, [Merge(*merge) for merge in merges], most)
    return [(move.k, (move.merge.i, move.merge.j)) for move in found]


@pytest.mark.parametrize(
    ("gains", "merges", "most", "expected"),
    [
        ((9, 0, 0), [(3, 1, 2)], 9, [(0, (1, 2))]),  # gains more than the merge loses
        ((3, 0, 0), [(3, 1, 2)], 9, []),  # as much is not more
        ((9, 0, 0), [(1, 0, 1), (3, 1, 2)], 9, [(0, (1, 2))]),  # what is split is not merged
        ((None, None, None), [(-3, 1, 2)], 9, []),
        ((5, 9, 0, 0, 0, 0), [(1, 2, 3), (2, 4, 5)], 9, [(1, (2, 3)), (0, (4, 5))]),
        ((5, 9, 0, 0, 0, 0), [(1, 2, 3), (2, 4, 5)], 1, [(1, (2, 3))]),
        ((5, 9, 0, 0, 0), [(1, 2, 3), (2, 3, 4)], 9, [(1, (2, 3))]),  # each component once
        ((5, 9, 0, 0, 0), [(1, 0, 3), (2, 2, 4)], 9, [(1, (0, 3))]),
        ((9, 0), [], 9, []),
    ],
)
def test_moves_gain_and_are_disjoint(gains, merges, most, expected):
    assert chosen(gains, merges, most) == expected


def test_disjoint_merges_are_the_cheapest_of_components_that_occur_once():
    merges = [Merge(1.0, 0, 1), Merge(2.0, 1, 2), Merge(3.0, 2, 3), Merge(4.0, 4, 5)]
    assert moves.disjoint_merges(merges, 9) == [merges[0], merges[2], merges[3]]
    assert moves.disjoint_merges(merges, 2) == [merges[0], merges[2]]


@each_type
def test_changes_keep_the_weight_and_replace_only_what_they_name(kind):
    rows, _, mixture, _ = example(kind, n_components=5)
    before = Parameters.from_covariances(*mixture)
    halves = moves.halve(before, 4)
    regularization = regularization_of(rows)
    after = moves.apply_changes(before, [Merge(0.0, 1, 2)], [(4, halves)], regularization)
    weight, mean, matrix = pooled(mixture, 1, 2)
    assert after.weights.sum() == pytest.approx(1.0, rel=1e-14)
    expected = [*mixture.weights[[0, 3]], weight, *(mixture.weights[4] * halves.shares)]
    np.testing.assert_allclose(after.weights, expected, rtol=1e-12)
    np.testing.assert_allclose(after.means, [*mixture.means[[0, 3]], mean, *halves.means])
    if kind != "tied":
        np.testing.assert_allclose(after.matrices[:2], before.matrices[[0, 3]], rtol=1e-12)
        np.testing.assert_allclose(after.matrices[2], nearest(mixture, matrix), rtol=1e-12)


@each_type
@pytest.mark.parametrize("k", range(3))
def test_a_component_in_two_nearly_equal_halves_is_as_likely(kind, k):
    rows, weights, mixture, _ = example(kind, n_components=3)
    before = Parameters.from_covariances(*mixture)
    split = moves.halve(before, k)
    after = moves.apply_changes(before, [], [(k, split)], regularization_of(rows))
    numbers = Mixture(kind, after.weights, after.means, after.covariances)
    value = reference.log_likelihood(rows, mixture, weights)
    change = reference.log_likelihood(rows, numbers, weights) - value
    assert abs(change) < 1e-5 * weights.sum()
    centre = 0.5 * split.means.sum(axis=0)
    spread = np.einsum("ki,kj->ij", split.means - centre, split.means - centre) / 2
    np.testing.assert_allclose(centre, mixture.means[k], rtol=1e-12)
    np.testing.assert_allclose(split.matrices.mean(axis=0) + spread, before.matrices[k])


@pytest.mark.parametrize("seed", range(5))
def test_halves_of_a_cut_have_the_moments_of_the_component(seed):
    _, _, mixture, _ = example("full", n_components=3, seed=seed)
    before = Parameters.from_covariances(*mixture)
    split = moves.cut_in_half(before, 1, np.random.default_rng(seed))
    away = split.means - mixture.means[1]
    np.testing.assert_allclose(split.shares @ split.means, mixture.means[1], rtol=1e-12)
    spread = np.einsum("k,ki,kj->ij", split.shares, away, away)
    total = np.einsum("k,kij->ij", split.shares, split.matrices) + spread
    np.testing.assert_allclose(total, mixture.covariances[1], rtol=1e-10)


@each_type
def test_the_flattest_component_is_dropped_and_the_others_share_its_weight(kind):
    rows, _, mixture, _ = example(kind, n_components=3)
    if kind != "tied":
        covariances = mixture.covariances.copy()
        covariances[1] *= 1e-6
        mixture = mixture._replace(covariances=covariances)
    before, regularization = Parameters.from_covariances(*mixture), regularization_of(rows)
    if kind != "tied":
        assert moves.narrowest_component(before, regularization) == 1
    after = moves.drop_component(before, 1, regularization)
    kept = mixture.weights[[0, 2]]
    np.testing.assert_allclose(after.weights, kept / kept.sum(), rtol=1e-12)
    np.testing.assert_array_equal(after.means, mixture.means[[0, 2]])
