"""Distances of rows in their components, against chi-squared and plain loops."""

import numpy as np
import pytest
from scipy.stats import chi2

from dgmm.mixture.density import assign
from dgmm.mixture.goodness_of_fit import PROBABILITIES, DistanceStatistics, GoodnessOfFit
from tests.mixture.assigned_sums import sums_of
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

is_weighted = pytest.mark.parametrize("is_weighted", [False, True])


def squared_distances(X, mixture, k):
    difference = X - mixture.means[k]
    inverse = np.linalg.inv(mixture.matrices[k])
    return np.array([row @ inverse @ row for row in difference])


def drawn(rng, mixture, n_rows):
    labels = rng.choice(mixture.n_components, n_rows, p=mixture.weights)
    factors = np.linalg.cholesky(mixture.matrices)
    noise = rng.normal(size=(n_rows, mixture.n_features))
    return mixture.means[labels] + np.einsum("nij,nj->ni", factors[labels], noise)


def a_mixture(rng, covariance_type="full", n_components=3):
    X = rng.normal(size=(60, 2)) + 2 * rng.integers(0, 2, (60, 1))
    return relative_to(np.zeros(2), random_mixture(rng, X, covariance_type, n_components))


@is_weighted
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_are_those_of_plain_loops(covariance_type, is_weighted):
    rng = np.random.default_rng(0)
    mixture = a_mixture(rng, covariance_type)
    X = drawn(rng, mixture, 700)
    w = rng.random(700) if is_weighted else np.ones(700)
    assigned = assign(mixture, X)
    one, two = slice(0, 300), slice(300, None)
    found = sum(
        (sums_of(X[p], mixture, w[p] if is_weighted else None).distances for p in (one, two)),
        DistanceStatistics.zero(3),
    )
    edges = [0.0, *chi2.ppf(PROBABILITIES, 2), np.inf]
    for k in range(3):
        share, distances = w * assigned.responsibilities[:, k], squared_distances(X, mixture, k)
        expected = np.histogram(distances, edges, weights=share)[0]
        np.testing.assert_allclose(found.histogram[k], expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.fourth_powers[k], share @ distances**2, rtol=1e-9)


def test_rows_of_the_mixture_itself_fit_however_much_components_overlap():
    rng = np.random.default_rng(1)
    mixture = a_mixture(rng)
    X = drawn(rng, mixture, 40_000)
    found = GoodnessOfFit.from_sums(sums_of(X, mixture).distances, 2)
    sizes = mixture.weights * len(X)
    assert (found.discrepancy < 1.63 / np.sqrt(sizes)).all()
    np.testing.assert_allclose(found.kurtosis, 1.0, atol=0.05)
    assert found.notable(sizes).size == 0
    np.testing.assert_allclose(found.beyond[:, 31], 0.5, atol=0.02)


@pytest.mark.parametrize(
    ("draw", "is_heavy"),
    [(lambda rng, n: rng.standard_t(3, (n, 2)), True), (lambda rng, n: rng.random((n, 2)), False)],
)
def test_rows_that_are_not_gaussian_are_notable(draw, is_heavy):
    rng = np.random.default_rng(2)
    X = draw(rng, 20_000)
    mixture = type(a_mixture(rng)).from_covariances(
        "full", np.ones(1), X.mean(axis=0)[None], np.cov(X.T, bias=True)[None]
    )
    found = GoodnessOfFit.from_sums(sums_of(X, mixture).distances, 2)
    distances = squared_distances(X, mixture, 0)
    assert found.kurtosis[0] == pytest.approx((distances**2).mean() / 8, rel=1e-9)
    assert (found.kurtosis[0] > 1.5) if is_heavy else (found.kurtosis[0] < 0.8)
    assert found.notable(np.array([20_000.0])).tolist() == [0]


def test_a_component_without_rows_has_no_goodness_and_is_not_notable():
    found = GoodnessOfFit.from_sums(DistanceStatistics.zero(2), 3)
    assert np.isnan(found.discrepancy).all()
    assert np.isnan(found.kurtosis).all()
    assert found.notable(np.zeros(2)).size == 0
