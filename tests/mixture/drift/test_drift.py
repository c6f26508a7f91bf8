"""What changed between two mixtures, against formulas by hand, SciPy, and 50 digits."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import mahalanobis

from dgmm.mixture.drift.alignment import ComponentLabels, align, jeffreys
from dgmm.mixture.drift.component_drift import component_drift, mean_shifts
from dgmm.mixture.drift.predictive_test import (
    SKEW,
    Estimate,
    compare_log_densities,
    estimate,
    estimate_overfit,
    held_out_test,
    is_held_out,
    row_segments,
    skew_divergence_terms,
)
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture, seeds

NONE = Estimate(0.0, 0.0)


def spherical(weights, means, variance=1.0):
    means = np.asarray(means, np.float64)
    variances = np.full(len(means), variance)
    return Parameters.from_covariances("spherical", np.asarray(weights), means, variances)


def any_mixture(seed, covariance_type, n_components, n_features=3):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(50, n_features)) * 3
    mixture = random_mixture(rng, rows, covariance_type, n_components)
    return relative_to(np.zeros(n_features), mixture)


# Components


def test_components_are_compared_by_their_labels():
    older = spherical([0.5, 0.3, 0.2], [[0, 0], [10, 0], [0, 10]], variance=4.0)
    newer = spherical([0.4, 0.35, 0.25], [[0, 11], [30, 30], [1, 0]], variance=4.0)
    found = component_drift(older, newer, (7, 2, 4), (4, 9, 7))
    assert found.labels.tolist() == [2, 4, 7, 9]
    assert found.has_vanished.tolist() == [True, False, False, False]
    assert found.has_appeared.tolist() == [False, False, False, True]
    np.testing.assert_allclose(found.older_weights, [0.3, 0.2, 0.5, np.nan])
    np.testing.assert_allclose(found.newer_weights, [np.nan, 0.4, 0.25, 0.35])
    np.testing.assert_allclose(found.weight_changes, [np.nan, 0.2, -0.25, np.nan])
    np.testing.assert_allclose(found.mean_shifts, [np.nan, 0.5, 0.5, np.nan])
    np.testing.assert_allclose(found.divergences, [np.nan, 0.25, 0.25, np.nan])


def test_noise_is_compared_by_its_weight():
    clean = spherical([0.5, 0.5], [[0, 0], [10, 0]])
    little, much = (clean.with_noise(Noise(-9.0, weight)) for weight in (0.1, 0.4))
    for older, newer, weights in ((little, much, [0.1, 0.4]), (clean, much, [0.0, 0.4])):
        found = component_drift(older, newer, (3, 5), (3, 5))
        assert found.names == ("noise", "3", "5")
        assert [found.older_weights[0], found.newer_weights[0]] == weights
        np.testing.assert_array_equal(found.mean_shifts, [np.nan, 0.0, 0.0])
        assert not (found.has_vanished | found.has_appeared).any()
    assert component_drift(clean, clean, (3, 5), (3, 5)).names == ("3", "5")


@settings(max_examples=30)
@given(seed=seeds, kinds=st.tuples(*[st.sampled_from(COVARIANCE_TYPES)] * 2))
def test_shifts_are_mahalanobis_distances_under_the_older_covariances(seed, kinds):
    older, newer = any_mixture(seed, kinds[0], 3), any_mixture(seed + 1, kinds[1], 3)
    inverses = {
        "full": lambda k: np.linalg.inv(older.covariances[k]),
        "tied": lambda _: np.linalg.inv(older.covariances),
        "diag": lambda k: np.diag(1 / older.covariances[k]),
        "spherical": lambda k: np.eye(3) / older.covariances[k],
    }[kinds[0]]
    expected = [mahalanobis(newer.means[k], older.means[k], inverses(k)) for k in range(3)]
    np.testing.assert_allclose(mean_shifts(older, newer), expected, rtol=1e-9)


@settings(max_examples=30)
@given(seed=seeds, kind=st.sampled_from(COVARIANCE_TYPES), order=st.permutations(range(4)))
def test_neither_order_nor_a_change_of_units_is_a_drift(seed, kind, order):
    older, newer = any_mixture(seed, kind, 4), any_mixture(seed + 1, kind, 4)
    labels, moved = (0, 1, 2, 3), np.arange(3.0)
    expected = component_drift(older, newer, labels, labels)
    found = component_drift(
        older.translate(moved),
        newer.translate(moved).permute(np.array(order)),
        labels,
        tuple(order),
    )
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.mean_shifts, expected.mean_shifts, rtol=1e-9)
    np.testing.assert_allclose(found.divergences, jeffreys(older, newer), rtol=1e-9)
    np.testing.assert_array_equal(found.weight_changes, expected.weight_changes)


def test_mixtures_without_a_common_component_have_nothing_to_compare():
    older, newer = spherical([1.0], [[0.0]]), spherical([1.0], [[50.0]])
    labels = ComponentLabels.first(1).follow(align(older, newer)).labels
    found = component_drift(older, newer, (0,), labels)
    assert found.labels.tolist() == [0, 1]
    assert np.isnan([found.mean_shifts, found.divergences, found.weight_changes]).all()


# Prediction


def test_stretches_are_consecutive_and_as_long_as_each_other():
    for n_rows in (1, 7, 50, 51, 1_234, 131_072):
        found = row_segments(n_rows)
        sizes = np.bincount(found)
        assert (np.diff(found) >= 0).all()
        assert len(sizes) == min(50, n_rows)
        assert sizes.max() - sizes.min() <= 1
    assert row_segments(0).shape == (0,)
    held = np.unique(row_segments(1000)[is_held_out(row_segments(1000))])
    assert held.tolist() == list(range(2, 50, 5))


def test_an_estimate_is_a_weighted_mean_with_the_error_of_a_ratio():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=500), rng.uniform(0.5, 2.0, 500)
    found = estimate(values, weights)
    assert found.mean == pytest.approx(np.average(values, weights=weights), rel=1e-13)
    sums = [(weights[i : i + 10] @ values[i : i + 10]) for i in range(0, 500, 10)]
    sizes = [weights[i : i + 10].sum() for i in range(0, 500, 10)]
    residuals = np.array(sums) - found.mean * np.array(sizes)
    variance = 50 * residuals.var(ddof=1) / weights.sum() ** 2  # the residuals' mean is zero
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_without_weights_it_is_the_error_of_the_mean_of_stretches():
    values = np.random.default_rng(1).normal(size=2_000)
    found = estimate(values, None)
    means = values.reshape(50, 40).mean(axis=1)
    assert found == estimate(values, np.ones(2_000))
    assert found.mean == pytest.approx(means.mean())
    assert found.standard_error == pytest.approx(stats.sem(means))
    assert math.isnan(estimate(values[:1], None).standard_error)


def test_rows_that_are_alike_make_an_estimate_less_certain():
    values = np.random.default_rng(2).normal(size=100)
    alike = estimate(np.repeat(values, 40), None)
    mixed = estimate(np.tile(values, 40), None)
    assert alike.mean == pytest.approx(mixed.mean)
    assert alike.standard_error > 5 * mixed.standard_error
    assert alike.standard_error == pytest.approx(stats.sem(values), rel=0.3)


def test_losses_keep_their_digits_and_their_bound():
    older = np.array([-3.0, -3.0, -1e5, -1e250, 40.0, -2.0])
    newer = np.array([-3.0, -2.5, -1.0, 5.0, -40.0, -2.0 + 1e-12])
    with mpmath.workdps(50):
        a = mpmath.mpf(SKEW)
        expected = [
            mpmath.mpf(n) - mpmath.log((1 - a) * mpmath.exp(o) + a * mpmath.exp(n))
            for o, n in zip(older.tolist(), newer.tolist(), strict=True)
        ]
        expected = [float(x) for x in expected]
    found = skew_divergence_terms(older, newer)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    assert found.max() <= -np.log(SKEW)
    assert math.isfinite(compare_log_densities(older, newer, None).difference.standard_error)


def test_the_loss_is_the_skew_divergence():
    p, q = stats.norm(0.5, 1.2), stats.norm(0, 1)
    rows = p.ppf((np.arange(200_000) + 0.5) / 200_000)
    found = skew_divergence_terms(q.logpdf(rows), p.logpdf(rows)).mean()
    x = np.linspace(-12, 12, 400_001)
    mixed = (1 - SKEW) * q.pdf(x) + SKEW * p.pdf(x)
    expected = np.trapezoid(p.pdf(x) * (p.logpdf(x) - np.log(mixed)), x)
    assert found == pytest.approx(expected, rel=1e-4)


# The test on rows held out


def test_it_is_students_paired_test_of_stretches():
    rng = np.random.default_rng(3)
    older, refit = rng.normal(size=(2, 1_000))
    found = held_out_test(older, refit, None, np.repeat(np.arange(2, 50, 5), 100), NONE)
    means = [x.reshape(10, 100).mean(axis=1) for x in (refit, older)]
    expected = stats.ttest_rel(*means, alternative="greater")
    assert found.n_segments == 10
    assert found.gain.mean == pytest.approx((refit - older).mean())
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    heavy = held_out_test(older, refit, np.full(1_000, 3.0), np.repeat(range(10), 100), NONE)
    assert heavy.p_value == pytest.approx(found.p_value)


def test_what_chance_takes_is_that_of_chi_squared():
    chi = stats.chi2(59)
    found = estimate_overfit(59, 1_000)
    assert found.mean == pytest.approx(chi.mean() / 2_000)
    assert found.standard_error == pytest.approx(chi.std() / 2_000)


def test_a_gain_that_chance_explains_is_not_significant():
    gains = 0.03 + 0.001 * np.random.default_rng(4).normal(size=1_000)
    stretch = np.repeat(range(10), 100)
    assert held_out_test(np.zeros(1_000), gains, None, stretch, NONE).p_value < 1e-10
    by_chance = held_out_test(np.zeros(1_000), gains, None, stretch, estimate_overfit(59, 1_000))
    assert by_chance.p_value == pytest.approx(
        stats.t(9).sf(0.0005 / estimate_overfit(59, 1_000).standard_error), rel=0.1
    )


def test_few_stretches_say_nothing_and_equal_ones_everything():
    assert held_out_test(np.zeros(2), np.ones(2), None, np.array([2, 7]), NONE) is None
    stretch = np.array([2, 7, 12])
    assert (
        held_out_test(np.zeros(3), np.ones(3), None, stretch, estimate_overfit(1, 10**9)).p_value
        < 1e-9
    )
    assert (
        held_out_test(np.zeros(3), np.zeros(3), None, stretch, estimate_overfit(1, 10**9)).p_value
        > 0.5
    )
