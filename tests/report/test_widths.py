"""Means and deviations from which a report tells how far components are from all rows."""

import numpy as np

from dgmm import GaussianMixture
from dgmm.estimator.attributes import to_parameters
from dgmm.mixture.column_functions.columnwise import choose_functions
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec
from dgmm.report.widths import data_moments, fitted_moments, relative_widths
from tests.report import results


def test_moments_after_functions_are_those_of_the_values():
    z = np.random.default_rng(0).normal((3.0, 7.0), 0.5, (500, 2))
    mixture = to_parameters(GaussianMixture(2, random_state=0).fit(z))
    functions = choose_functions("arcsinh", ("a", "b"), "it")
    mean, deviations = fitted_moments(None, mixture, FeatureTransform.columnwise(functions))
    np.testing.assert_allclose(mean, z.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviations, z.std(axis=0), rtol=1e-4)
    rule = FeatureTransformSpec(standardize=True, functions=functions)
    scaled = FeatureTransform.fit(rule, z.mean(axis=0), np.cov(z.T, bias=True))
    found = fitted_moments(None, mixture, scaled)
    np.testing.assert_allclose(found, [z.mean(axis=0), z.std(axis=0)], rtol=1e-12)


def test_noise_does_not_move_the_mean_of_the_components():
    plain = results.mixture().translate(np.array([1_000.0, 0.0]))
    beside = plain.with_noise(Noise(-9.0, 0.2))
    np.testing.assert_allclose(data_moments(None, beside), data_moments(None, plain), rtol=1e-12)
    np.testing.assert_allclose(relative_widths(beside), relative_widths(plain), rtol=1e-9)
