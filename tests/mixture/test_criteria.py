import math

import numpy as np
import pytest
from hypothesis import given, settings

from dgmm.mixture import criteria
from tests import reference
from tests.mixture.one_step import KERNELS, e_step
from tests.strategies import COVARIANCE_TYPES, cases, random_mixture
from tests.test_reference import scikit_learn_em_step

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@each_type
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 4), (5, 1), (4, 3)])
def test_bic_and_aic_equal_scikit_learn(covariance_type, n_components, n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, n_features)) + 2 * rng.integers(0, 2, (90, 1))
    start = random_mixture(rng, X, covariance_type, n_components)
    theirs = scikit_learn_em_step(X, start, 1e-2)
    log_likelihood = theirs.score(X) * len(X)
    n = criteria.n_parameters(covariance_type, n_components, n_features)
    assert criteria.bic(log_likelihood, n, len(X)) == pytest.approx(theirs.bic(X), rel=1e-14)
    assert criteria.aic(log_likelihood, n) == pytest.approx(theirs.aic(X), rel=1e-14)


@pytest.mark.parametrize(
    ("covariance_type", "n_components", "n_features", "expected"),
    [
        ("full", 1, 1, 2),  # a mean and a variance
        ("full", 3, 2, 17),  # 2 + 6 + 3 * 3
        ("tied", 3, 2, 11),  # 2 + 6 + 3
        ("diag", 3, 2, 14),  # 2 + 6 + 6
        ("spherical", 3, 2, 11),  # 2 + 6 + 3
        ("full", 2, 10, 131),  # 1 + 20 + 2 * 55
    ],
)
def test_parameter_counts_by_hand(covariance_type, n_components, n_features, expected):
    assert criteria.n_parameters(covariance_type, n_components, n_features) == expected


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=60)
@given(case=cases())
def test_criteria_of_a_pass_equal_the_textbook(kernel, case):
    X, s, mixture, chunks = case
    (moments,) = e_step(X, [mixture], s, chunks, kernel)
    n = criteria.n_parameters(mixture.covariance_type, *mixture.means.shape)
    size = 1e-11 * moments.total_weight
    bic = criteria.bic(moments.log_likelihood, n, moments.total_weight)
    assert bic == pytest.approx(reference.bic(X, mixture, s), rel=1e-11, abs=size)
    aic = criteria.aic(moments.log_likelihood, n)
    assert aic == pytest.approx(reference.aic(X, mixture, s), rel=1e-11, abs=size)
    icl = criteria.icl(moments.log_likelihood, moments.log_classification, n, moments.total_weight)
    assert icl == pytest.approx(reference.icl(X, mixture, s), rel=1e-11, abs=size)
    assert icl >= bic


def test_more_parameters_cost_more_and_more_likelihood_less():
    assert criteria.bic(-10.0, 4, 100.0) - criteria.bic(-10.0, 3, 100.0) == pytest.approx(
        math.log(100)
    )
    assert criteria.aic(-10.0, 4) - criteria.aic(-10.0, 3) == 2.0
    assert criteria.bic(-9.0, 3, 100.0) - criteria.bic(-10.0, 3, 100.0) == -2.0


def test_names_of_criteria_are_functions_of_the_module():
    assert criteria.CRITERIA == ("bic", "aic", "icl")
    assert all(callable(getattr(criteria, name)) for name in criteria.CRITERIA)
