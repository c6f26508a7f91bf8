import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from dgmm.mixture import criteria
from dgmm.mixture.criteria import FitSummary, SweepSummary
from dgmm.mixture.structures import structure_of
from dgmm.registry import CRITERIA
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
    n = structure_of(covariance_type).n_parameters(n_components, n_features)
    ours = FitSummary(log_likelihood, math.nan, n, len(X))
    assert criteria.bic(ours) == pytest.approx(theirs.bic(X), rel=1e-14)
    assert criteria.aic(ours) == pytest.approx(theirs.aic(X), rel=1e-14)


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
    assert structure_of(covariance_type).n_parameters(n_components, n_features) == expected


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=60)
@given(case=cases())
def test_criteria_of_a_pass_equal_the_textbook(kernel, case):
    X, s, mixture, chunks = case
    (moments,) = e_step(X, [mixture], s, chunks, kernel)
    n = structure_of(mixture.covariance_type).n_parameters(*mixture.means.shape)
    size = 1e-11 * moments.total_weight
    fit = FitSummary(moments.log_likelihood, moments.log_classification, n, moments.total_weight)
    found = criteria.evaluate(fit)
    for name in ("bic", "aic", "icl"):
        value = found[name]
        expected = getattr(reference, name)(X, mixture, s)
        assert value == pytest.approx(expected, rel=1e-11, abs=size)
    assert found["icl"] >= found["bic"]


def test_more_parameters_cost_more_and_more_likelihood_less():
    fit = FitSummary(-10.0, math.nan, 3, 100.0)
    larger, likelier = replace(fit, n_parameters=4), replace(fit, log_likelihood=-9.0)
    assert criteria.bic(larger) - criteria.bic(fit) == pytest.approx(math.log(100))
    assert criteria.aic(larger) - criteria.aic(fit) == 2.0
    assert criteria.bic(likelier) - criteria.bic(fit) == -2.0


OF_SWEEPS = ("bic_effective", "icl_effective", "bic_coarsened", "tolerance", "slope")


def summary(effective=100.0, most=-10.0, slope=2.0, n=100.0, log_likelihood=-10.0):
    return FitSummary(log_likelihood, -4.0, 3, n, SweepSummary(effective, most, slope))


def test_criteria_that_compare_models_are_unknown_of_one():
    found = criteria.evaluate(FitSummary(-10.0, -4.0, 3, 100.0))
    assert [name for name, value in found.items() if math.isnan(value)] == [*OF_SWEEPS]


def test_with_independent_rows_effective_criteria_are_the_usual_ones():
    fit = summary()
    assert criteria.bic_effective(fit) == criteria.bic(fit)
    assert criteria.icl_effective(fit) == criteria.icl(fit)


def test_effective_criteria_are_those_of_fewer_rows_of_the_same_mean_density():
    few = FitSummary(-2.5, -1.0, 3, 25.0)
    assert criteria.bic_effective(summary(25.0)) == pytest.approx(criteria.bic(few))
    assert criteria.icl_effective(summary(25.0)) == pytest.approx(criteria.icl(few))


@pytest.mark.parametrize("n", [1e2, 1e4, 1e9])
def test_the_coarsened_criterion_counts_no_more_than_its_limit(n):
    fit = summary(effective=n, n=n, log_likelihood=-3.0 * n, most=-3.0 * n)
    counted = criteria.COARSENING * n / (criteria.COARSENING + n)
    expected = FitSummary(-3.0 * counted, math.nan, 3, counted)
    assert criteria.bic_coarsened(fit) == pytest.approx(criteria.bic(expected))
    assert counted < criteria.COARSENING


def test_tolerance_takes_the_fewest_parameters_within_a_hundredth_of_a_nat_a_row():
    assert criteria.tolerance(summary(most=-9.001)) == 3.0
    assert criteria.tolerance(summary(most=-8.99)) == math.inf


def test_the_slope_is_paid_twice():
    assert criteria.slope(summary(slope=2.0)) == 20.0 + 4.0 * 2.0 * 3
    assert math.isnan(criteria.slope(summary(slope=math.nan)))


def test_criteria_are_called_by_the_names_of_their_functions():
    assert dict(CRITERIA) == {
        "bic": criteria.bic,
        "aic": criteria.aic,
        "icl": criteria.icl,
        "bic_effective": criteria.bic_effective,
        "icl_effective": criteria.icl_effective,
        "bic_coarsened": criteria.bic_coarsened,
        "tolerance": criteria.tolerance,
        "slope": criteria.slope,
    }
