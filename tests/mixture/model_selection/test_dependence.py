"""Design effects of series of known dependence, and errors against plain loops."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from dgmm.mixture.model_selection.dependence import N_GROUPS, Dependence, standard_error
from dgmm.mixture.model_selection.model_differences import ModelDifference, differences

N_ROWS = 320_000


def autoregressive(design_effect, seed, n_rows=N_ROWS):
    """A stationary AR(1) series of variance 1, whose sums have this many times the variance."""
    phi = (design_effect - 1) / (design_effect + 1)
    noise = np.random.default_rng(seed).normal(size=n_rows)
    noise[1:] *= math.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise)


def measured(values):
    groups = np.array_split(values, N_GROUPS)
    weights = np.array([len(group) for group in groups], float)
    sums = np.array([[group.sum() for group in groups]])
    return Dependence.from_groups(weights, sums, np.array([values.var()]))


@pytest.mark.parametrize("design_effect", [1, 5, 50, 500])
def test_known_design_effects_lie_in_the_interval_nine_times_of_ten(design_effect):
    found = [measured(autoregressive(design_effect, seed)) for seed in range(40)]
    hits = sum(each.low <= design_effect <= each.high for each in found)
    assert hits >= 36
    assert sum(each.is_long for each in found) <= 4
    median = np.median([each.design_effect for each in found])
    assert median == pytest.approx(design_effect, rel=0.25)


def test_dependence_beyond_the_groups_is_recognised():
    found = [measured(autoregressive(50_000, seed)) for seed in range(10)]
    assert sum(each.is_long for each in found) >= 9


def test_effective_rows_are_never_more_than_there_are():
    assert Dependence(32, 4.0, 3.0, 7.0, 0.0).effective(100.0) == 25.0
    assert Dependence(32, 0.5, 0.3, 0.9, 0.0).effective(100.0) == 100.0


def test_few_groups_or_nothing_that_varies_tell_nothing():
    assert Dependence.from_groups(np.ones(7), np.ones((1, 7)), np.ones(1)) is None
    assert Dependence.from_groups(np.ones(9), np.ones((1, 9)), np.zeros(1)) is None
    assert Dependence.from_groups(np.r_[np.ones(7), 0, 0], np.ones((1, 9)), np.ones(1)) is None


def test_standard_errors_are_those_of_a_jackknife_in_loops():
    rng = np.random.default_rng(0)
    weights, sums = rng.uniform(1, 3, 9), rng.normal(size=(2, 9))
    for found, own in zip(standard_error(weights, sums), sums, strict=True):
        means = [(own.sum() - own[g]) / (weights.sum() - weights[g]) for g in range(9)]
        variance = 8 / 9 * sum((mean - np.mean(means)) ** 2 for mean in means)
        assert found == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert np.isnan(standard_error(np.ones(1), np.ones((1, 1)))).all()
    assert np.isnan(standard_error(np.array([1e20, 1.0, 1.0]), np.ones((1, 3)))).all()


def test_differences_of_models_are_means_with_their_error():
    rng = np.random.default_rng(1)
    weights, first, second = np.full(8, 10.0), rng.normal(size=8), rng.normal(size=8)
    whole = np.array([[80.0], [second.sum()]])
    groups = [np.stack([weights, first]), np.stack([weights, second]), whole]
    found = differences(groups, [first.sum(), second.sum(), second.sum() - 8], 1)
    assert found[0].mean == pytest.approx((first - second).sum() / 80)
    expected = standard_error(weights, (first - second)[None])[0]
    assert found[0].standard_error == pytest.approx(expected)
    assert found[0].z == pytest.approx(found[0].mean / expected)
    assert (found[1].mean, found[1].standard_error) == (0.0, 0.0)
    assert math.isnan(found[1].z)
    assert found[2].mean == pytest.approx(-0.1)
    assert math.isnan(found[2].standard_error)  # of other groups


def test_an_interval_reaches_as_far_as_students_distribution():
    found = ModelDifference(-1.0, 0.5)
    assert found.may_be_above(-0.2, 32)  # 1.696 standard errors
    assert not found.may_be_above(-0.1, 32)
    assert ModelDifference(-1.0, math.nan).may_be_above(-1.0, 1)
