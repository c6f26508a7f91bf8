"""Imputed values against the conditional distribution."""

import numpy as np
import pytest

from dgmm.mixture import conditioning
from dgmm.mixture.missing_values.imputation import draw_missing, impute
from dgmm.mixture.transform import FeatureTransform
from tests.mixture.kernels.test_incomplete_rows import TYPES, incomplete, mixture_of


@pytest.mark.parametrize("covariance_type", TYPES)
def test_moments_are_those_of_the_conditional_mixture(covariance_type):
    rows, mixture = incomplete(30), mixture_of(covariance_type)
    found = impute(mixture, rows)
    for row, mean, variance in zip(rows, found.mean, found.variance, strict=True):
        there = np.flatnonzero(~np.isnan(row))
        other = np.flatnonzero(np.isnan(row))
        np.testing.assert_array_equal(mean[there], row[there])
        np.testing.assert_array_equal(variance[there], 0)
        if len(other):
            given = conditioning.conditional(mixture, there.tolist(), row[there])
            expected = given.weights @ given.means
            np.testing.assert_allclose(mean[other], expected, atol=1e-10)
            second = given.weights @ (given.variances + given.means**2)
            np.testing.assert_allclose(variance[other], second - expected**2, atol=1e-9)


def test_a_transform_is_undone():
    rows, mixture = incomplete(20), mixture_of("full")
    transform = FeatureTransform(np.arange(4.0), np.array([1.0, 2.0, 0.5, 3.0]))
    found = impute(mixture, rows * transform.scale + transform.mean, transform)
    plain = impute(mixture, rows)
    np.testing.assert_allclose(found.mean, plain.mean * transform.scale + transform.mean)
    np.testing.assert_allclose(found.variance, plain.variance * transform.scale**2)


def test_a_row_without_a_value_stays_without():
    found = impute(mixture_of("full"), np.full((1, 4), np.nan))
    assert np.isnan(found.mean).all()
    assert np.isnan(found.variance).all()


def test_draws_have_the_conditional_moments():
    mixture = mixture_of("full")
    row = np.array([1.0, np.nan, -1.0, np.nan])
    drawn = draw_missing(mixture, np.tile(row, (20_000, 1)), np.random.default_rng(0))
    expected = impute(mixture, row[None])
    deviation = np.sqrt(expected.variance[0])
    np.testing.assert_array_equal(drawn[:, [0, 2]], np.tile([1.0, -1.0], (20_000, 1)))
    np.testing.assert_allclose(
        drawn.mean(axis=0), expected.mean[0], atol=4 * deviation.max() / np.sqrt(20_000)
    )
    np.testing.assert_allclose(drawn.std(axis=0), deviation, rtol=0.03)
