"""A mixture with copies of its components is the same density."""

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from tests.strategies import COVARIANCE_TYPES, random_mixture


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("n_components", [3, 4, 9])
def test_copies_of_components_leave_the_density_as_it_is(kind, n_components):
    rng = np.random.default_rng(n_components)
    rows = rng.normal(size=(50, 2))
    mixture = Parameters.from_covariances(*random_mixture(rng, rows, kind, 3))
    more = mixture.repeat_heaviest(n_components)
    assert more.n_components == n_components
    expected = assign(mixture, rows).log_density
    np.testing.assert_allclose(assign(more, rows).log_density, expected, rtol=0, atol=1e-13)


def test_the_heaviest_component_becomes_two_again_and_again():
    ones = np.ones(3)
    means = np.arange(3.0)[:, None]
    mixture = Parameters("spherical", np.array([0.125, 0.625, 0.25]), means, ones, ones)
    more = mixture.repeat_heaviest(6)
    # 0.625 is cut, then its halves of 0.3125, which are both heavier than 0.25
    assert more.weights.tolist() == [0.125, 0.15625, 0.25, 0.15625, 0.15625, 0.15625]
    assert more.means.ravel().tolist() == [0.0, 1.0, 2.0, 1.0, 1.0, 1.0]
