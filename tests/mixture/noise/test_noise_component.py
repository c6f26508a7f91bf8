"""A component of constant density in mixtures."""

import numpy as np
import pytest

from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.em.fisher_metric import apply_step, flatten
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.noise.hypervolume import log_hypervolume
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.transform import FeatureTransform, transform_mixture

RULES = Regularization.for_data(np.eye(2), np.zeros(2), None)


def two(noise=None):
    means, covariances = np.array([[0.0, 0.0], [5.0, 1.0]]), np.stack([np.eye(2)] * 2)
    return Parameters.from_covariances("full", np.array([0.6, 0.4]), means, covariances).with_noise(
        noise
    )


def test_weights_leave_room_for_noise():
    found = two(Noise(-3.0, 0.2))
    np.testing.assert_allclose(found.weights, [0.48, 0.32])
    np.testing.assert_allclose(found.proportions, [0.48, 0.32, 0.2])
    assert found.n_terms == 3
    np.testing.assert_allclose(found.with_noise(None).weights, [0.6, 0.4])


def test_other_noise_keeps_the_weight():
    assert two(Noise(-3.0, 0.2)).with_noise(Noise(-7.0)).noise == Noise(-7.0, 0.2)


def test_a_step_moves_the_weight_of_noise():
    mixture, target = two(Noise(-3.0, 0.2)), two(Noise(-3.0, 0.3))
    found = apply_step(mixture, flatten(target) - flatten(mixture), RULES)
    assert found.noise.weight == pytest.approx(0.3)
    np.testing.assert_allclose(found.weights, target.weights)


def test_given_weights_leave_the_rest_to_noise():
    guess = two(Noise(-3.0, 0.05))
    found = InitialParameters(weights=np.array([0.5, 0.4])).replace_in(guess)
    assert found.noise.weight == pytest.approx(0.1)
    found = InitialParameters(weights=np.array([0.5, 0.5])).replace_in(guess)
    np.testing.assert_allclose(found.weights, [0.475, 0.475])


def test_a_margin_has_no_noise():
    found = two(Noise(-3.0, 0.2)).marginal([1])
    assert found.noise is None
    np.testing.assert_allclose(found.weights, [0.6, 0.4])


def test_densities_follow_the_units_of_features():
    newer = FeatureTransform(np.zeros(2), np.array([2.0, 10.0]))
    found = transform_mixture(two(Noise(-3.0, 0.2)), None, newer, np.eye(2), RULES)
    assert found.noise.log_density == pytest.approx(-3.0 + np.log(20.0))
    assert found.noise.weight == 0.2


def test_noise_is_told_from_missing_rows():
    r = np.array([[0.7, 0.2], [0.1, 0.2]])
    found = RowPosteriors(np.zeros(2), r, noise=np.array([0.1, 0.7]))
    assert found.labels.tolist() == [0, -1]
    np.testing.assert_allclose(found.uncertainty, [0.3, 0.3])
    spread = found.spread(np.array([True, False, True]))
    assert spread.labels.tolist() == [0, -1, -1]
    np.testing.assert_array_equal(np.isnan(spread.noise), [False, True, False])


def test_rows_on_a_line_have_no_volume():
    assert log_hypervolume(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])) == -np.inf
