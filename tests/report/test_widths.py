"""Means and deviations from which a report tells how far components are from all rows."""

import numpy as np

from dgmm import GaussianMixture
from dgmm.estimator.attributes import to_parameters
from dgmm.mixture.column_functions.columnwise import choose_functions
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec
from dgmm.report.widths import fitted_moments


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
