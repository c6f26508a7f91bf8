"""Splitting, merging and moving components: moments, costs, and what they help."""

from itertools import islice

import numpy as np
import pytest

from dgmm.mixture.initialization import split_merge
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.registry import STRUCTURES

each_type = pytest.mark.parametrize("covariance_type", STRUCTURES)


def a_mixture(covariance_type, n_components=3, d=2, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(n_components, d, d)) + 2 * np.eye(d)
    matrices = roots @ roots.transpose(0, 2, 1)
    covariances = {
        "full": matrices,
        "tied": matrices[0],
        "diag": np.diagonal(matrices, axis1=1, axis2=2).copy(),
        "spherical": np.trace(matrices, axis1=1, axis2=2) / d,
    }[covariance_type]
    weights = rng.dirichlet(np.full(n_components, 5.0))
    means = 3 * rng.normal(size=(n_components, d))
    return Parameters.from_covariances(covariance_type, weights, means, covariances)


def regularization(d=2):
    return Regularization.for_data(np.eye(d), np.zeros(d))


def matrices_of(mixture):
    structure = STRUCTURES[mixture.covariance_type]
    return structure.matrices(mixture.covariances, *mixture.means.shape)


def overall_moments(mixture):
    """Mean and covariance of the whole mixture."""
    mean = mixture.weights @ mixture.means
    deviations = mixture.means - mean
    within = np.einsum("k,kij->ij", mixture.weights, matrices_of(mixture))
    return mean, within + (deviations.T * mixture.weights) @ deviations


@each_type
def test_a_split_keeps_weight_and_mean_and_the_variance_that_the_structure_can_keep(
    covariance_type,
):
    mixture = a_mixture(covariance_type)
    for seed in range(5):
        halves = split_merge.split_component(
            mixture, 1, regularization(), np.random.default_rng(seed)
        )
        assert halves.n_components == 4
        assert halves.weights[-2:].sum() == pytest.approx(mixture.weights[1])
        mean, covariance = overall_moments(halves)
        expected_mean, expected = overall_moments(mixture)
        np.testing.assert_allclose(mean, expected_mean, rtol=1e-12)
        if covariance_type in ("full", "tied"):
            np.testing.assert_allclose(covariance, expected, rtol=1e-10)
        else:
            assert np.trace(covariance) == pytest.approx(np.trace(expected))


def test_the_halves_have_the_moments_of_a_gaussian_cut_in_two():
    mixture = a_mixture("full")
    halves = split_merge.split_component(mixture, 0, regularization(), np.random.default_rng(0))
    lower, upper = halves.means[-2:]
    draws = np.random.default_rng(1).multivariate_normal(
        mixture.means[0], mixture.covariances[0], size=400_000
    )
    normal = np.linalg.solve(mixture.covariances[0], upper - lower)
    above = draws[(draws - mixture.means[0]) @ normal > 0]
    np.testing.assert_allclose(above.mean(axis=0), upper, atol=0.02)
    np.testing.assert_allclose(np.cov(above.T), halves.covariances[-1], atol=0.06)


@each_type
def test_a_merger_keeps_the_mean_and_the_variance_that_the_structure_can_keep(covariance_type):
    mixture = a_mixture(covariance_type)
    whole = split_merge.merge_components(mixture, 0, 2, regularization())
    assert whole.n_components == 2
    mean, covariance = overall_moments(whole)
    expected_mean, expected = overall_moments(mixture)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12)
    if covariance_type in ("full", "tied"):
        np.testing.assert_allclose(covariance, expected, rtol=1e-10)
    else:
        assert np.trace(covariance) == pytest.approx(np.trace(expected))


@each_type
def test_merging_twins_costs_nothing_and_comes_first(covariance_type):
    mixture = a_mixture(covariance_type)
    twins = Parameters.from_covariances(
        covariance_type,
        np.array([0.2, 0.2, 0.6]),
        mixture.means[[0, 0, 1]],
        mixture.covariances if covariance_type == "tied" else mixture.covariances[[0, 0, 1]],
    )
    (cost, i, j), *others = split_merge.merge_costs(twins)
    assert (i, j) == (0, 1)
    assert cost == pytest.approx(0.0, abs=1e-12)
    assert all(other > 0.01 for other, _, _ in others)


def test_merging_costs_bound_the_divergence():
    """Runnalls' bound against the divergence itself, by Monte Carlo."""
    rng = np.random.default_rng(0)
    mixture = a_mixture("full")

    def log_density(model, rows):
        terms = [
            np.log(w)
            - 0.5 * np.log(np.linalg.det(2 * np.pi * c))
            - 0.5 * np.einsum("ni,ij,nj->n", rows - m, np.linalg.inv(c), rows - m)
            for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
        ]
        return np.logaddexp.reduce(terms)

    labels = rng.choice(3, size=20_000, p=mixture.weights)
    roots = np.linalg.cholesky(mixture.covariances)
    rows = mixture.means[labels] + np.einsum(
        "nij,nj->ni", roots[labels], rng.normal(size=(20_000, 2))
    )
    for cost, i, j in split_merge.merge_costs(mixture):
        whole = split_merge.merge_components(mixture, i, j, regularization())
        divergence = (log_density(mixture, rows) - log_density(whole, rows)).mean()
        assert -0.01 < divergence < cost + 0.01


@each_type
def test_relocations_have_as_many_components_and_are_all_different(covariance_type):
    mixture = a_mixture(covariance_type, n_components=4)
    endless = split_merge.relocations(mixture, None, regularization(), np.random.default_rng(0))
    moved = list(islice(endless, 30))  # more than there are choices
    assert {each.n_components for each in moved} == {4}
    assert len({each.means.tobytes() for each in moved}) == len(moved)
    assert all(each.weights.sum() == pytest.approx(1.0) for each in moved)


def test_a_collapsed_component_is_the_one_to_go():
    mixture = a_mixture("full")
    covariances = mixture.covariances.copy()
    covariances[1] = 1e-10 * np.eye(2)
    collapsed = Parameters.from_covariances("full", mixture.weights, mixture.means, covariances)
    assert split_merge.narrowest_component(collapsed, regularization()) == 1
    endless = split_merge.relocations(collapsed, 1, regularization(), np.random.default_rng(0))
    for each in islice(endless, 4):
        assert np.linalg.eigvalsh(each.covariances).min() > 1e-3


def test_an_empty_component_is_the_one_to_go():
    mixture = a_mixture("diag")
    empty = Parameters.from_covariances(
        "diag", np.array([0.5, 0.5, 0.0]), mixture.means, mixture.covariances
    )
    assert split_merge.narrowest_component(empty, regularization()) == 2
