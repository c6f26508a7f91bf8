"""The oracles themselves: loops against scikit-learn, and loops against 50 digits."""

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from tests import high_precision, reference
from tests.strategies import COVARIANCE_TYPES, cases, random_mixture

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def scikit_learn_em_step(X, mixture, reg_covar):
    """GaussianMixture after one EM step from the given mixture."""
    covariances = mixture.covariances
    precisions = (
        np.linalg.inv(covariances)
        if mixture.covariance_type in ("full", "tied")
        else 1 / covariances
    )
    model = GaussianMixture(
        len(mixture.weights),
        covariance_type=mixture.covariance_type,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=precisions,
        max_iter=1,
        reg_covar=reg_covar,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one iteration is what we want
        return model.fit(X)


def rows_and_mixture(covariance_type, n_samples=200, n_features=3, n_components=4, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) + 2 * rng.integers(0, 3, (n_samples, 1))
    return X, random_mixture(rng, X, covariance_type, n_components)


@each_type
def test_em_step_equals_scikit_learn(covariance_type):
    X, start = rows_and_mixture(covariance_type)
    ours = reference.em_step(X, start, ridge=1e-2)
    theirs = scikit_learn_em_step(X, start, reg_covar=1e-2)
    np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=1e-12)
    np.testing.assert_allclose(ours.means, theirs.means_, rtol=1e-11)
    np.testing.assert_allclose(ours.covariances, theirs.covariances_, rtol=1e-11, atol=1e-12)


@each_type
def test_densities_and_criteria_equal_scikit_learn(covariance_type):
    X, start = rows_and_mixture(covariance_type)
    theirs = scikit_learn_em_step(X, start, reg_covar=1e-2)
    mixture = reference.Mixture(
        covariance_type, theirs.weights_, theirs.means_, theirs.covariances_
    )
    np.testing.assert_allclose(
        reference.log_densities(X, mixture), theirs.score_samples(X), rtol=1e-12
    )
    np.testing.assert_allclose(
        reference.responsibilities(X, mixture), theirs.predict_proba(X), rtol=1e-10
    )
    assert reference.bic(X, mixture) == pytest.approx(theirs.bic(X), rel=1e-12)
    assert reference.aic(X, mixture) == pytest.approx(theirs.aic(X), rel=1e-12)


@settings(max_examples=30)
@given(cases(min_rows=12))
def test_em_step_equals_50_digits(case):
    ours = reference.em_step(case.X, case.mixture, case.sample_weight, ridge=0.25)
    exact = high_precision.em_step(case.X, case.mixture, case.sample_weight, ridge=0.25)
    assert high_precision.largest_error(ours.weights, exact.weights) < 1e-12
    size = abs(case.X).max()
    assert high_precision.largest_error(ours.means, exact.means, size) < 1e-12
    assert (
        high_precision.covariance_error(ours.covariances, exact.covariances, ours.covariance_type)
        < 1e-10
    )


@settings(max_examples=20)
@given(cases())
def test_log_densities_equal_50_digits(case):
    ours = reference.log_densities(case.X, case.mixture)
    exact = high_precision.log_densities(case.X, case.mixture)
    assert high_precision.largest_error(ours, exact, 1.0) < 1e-10


def test_50_digits_are_50_digits():
    X, start = rows_and_mixture("full", n_samples=40)
    exact = high_precision.em_step(X, start)
    with mpmath.workdps(50):
        assert abs(sum(exact.weights) - 1) < mpmath.mpf(10) ** -48
        whole = sum(w * (m[0]) for w, m in zip(exact.weights, exact.means, strict=True))
        mean = mpmath.fsum(high_precision.exact(X[:, 0])) / 40
        assert abs(whole - mean) < mpmath.mpf(10) ** -47


@each_type
def test_integer_weights_are_repeated_rows(covariance_type):
    X, start = rows_and_mixture(covariance_type, n_samples=25)
    times = np.arange(25) % 4
    weighted = reference.em_step(X, start, times)
    repeated = reference.em_step(np.repeat(X, times, axis=0), start)
    np.testing.assert_allclose(weighted.covariances, repeated.covariances, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=1e-13)


def test_icl_of_certain_rows_is_bic():
    """Classes so far apart that every row is surely in one: no uncertainty to pay for."""
    X = np.array([[0.0], [0.1], [1e3], [1e3 + 0.1]])
    mixture = reference.Mixture(
        "spherical", np.array([0.5, 0.5]), np.array([[0.05], [1e3 + 0.05]]), np.array([1.0, 1.0])
    )
    assert reference.icl(X, mixture) == reference.bic(X, mixture)


def test_icl_of_two_equal_components_pays_log_2_a_row():
    X = np.array([[0.0], [0.1], [2.0]])
    mixture = reference.Mixture(
        "spherical", np.array([0.5, 0.5]), np.array([[1.0], [1.0]]), np.array([1.0, 1.0])
    )
    paid = reference.icl(X, mixture) - reference.bic(X, mixture)
    assert paid == pytest.approx(2 * 3 * np.log(2), rel=1e-14)
