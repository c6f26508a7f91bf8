"""Diagonal mixtures are computed without matrices, and mean what the same full ones mean."""

import numpy as np
import pytest

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import centred_kernel, expanded_kernel
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters

K = 2


def mixture(covariance_type, n_features):
    rng = np.random.default_rng(n_features)
    shape = (K, n_features) if covariance_type == "diag" else (K,)
    return Parameters.from_covariances(
        covariance_type,
        np.array([0.4, 0.6]),
        rng.normal(size=(K, n_features)),
        rng.uniform(0.5, 2, size=shape),
    )


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_a_hundred_thousand_features_need_no_matrices(covariance_type):
    wide = mixture(covariance_type, 100_000)  # matrices of which would take 160 GB
    theta = expanded_kernel.natural_parameters([wide])
    np.testing.assert_allclose(theta[:, 100_001:], -0.5 / wide.variances, rtol=1e-14)
    assert 0 < expanded_kernel.relative_error(wide) < 1e-9
    sums = np.concatenate([np.ones((K, 1)), np.zeros((K, 100_000)), np.ones((K, 100_000))], axis=1)
    nothing = CentredScatter(np.zeros(100_000), float(K), np.zeros((0, 0)))
    found = centred_kernel.moments(wide, sums, 0.0, 0.0, nothing)
    np.testing.assert_array_equal(found.means, wide.means)
    expected = wide.structure.from_scatter(wide.variances, found.counts)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-14)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_natural_parameters_and_errors_are_those_of_the_full_mixture(covariance_type):
    narrow = mixture(covariance_type, 4)
    full = Parameters.from_covariances("full", narrow.weights, narrow.means, narrow.matrices)
    theta, whole = map(expanded_kernel.natural_parameters, ([narrow], [full]))
    np.testing.assert_allclose(theta, whole[:, : feature_map.length(1, 4)], rtol=1e-14)
    errors = map(expanded_kernel.relative_error, (narrow, full))
    np.testing.assert_allclose(*errors, rtol=1e-12)
