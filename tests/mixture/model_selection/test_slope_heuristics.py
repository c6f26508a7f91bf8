"""Slopes of sweeps whose likelihoods are known."""

import math

import numpy as np
import pytest

from dgmm.mixture.model_selection.slope_heuristics import estimate_slope


def planted(n_models=15, best=4, slope=3.0, seed=0):
    """Gains much up to the best model, and then by a slope with a little noise."""
    p = 6.0 * np.arange(1, n_models + 1) - 1
    gain = slope * p - 500.0 * np.maximum(0, best - np.arange(1, n_models + 1))
    return p, gain + np.random.default_rng(seed).normal(0, 0.5, n_models)


@pytest.mark.parametrize("best", [2, 4, 8])
def test_the_slope_of_large_models_chooses_where_gains_end(best):
    p, gain = planted(best=best)
    slope = estimate_slope(p, gain)
    assert 2.9 < slope < 30
    assert np.argmax(gain - 2 * slope * p) == best - 1


def test_where_models_are_too_large_from_the_start_the_slope_is_theirs():
    assert estimate_slope(*planted(best=1)) == pytest.approx(3.0, rel=0.05)


def test_of_models_with_as_many_parameters_the_likeliest_counts():
    p, gain = planted()
    order = np.random.default_rng(1).permutation(30)
    both = np.concatenate([p, p])[order], np.concatenate([gain, gain - 40])[order]
    assert estimate_slope(*both) == estimate_slope(p, gain)


def test_few_models_or_no_gain_have_no_slope():
    assert math.isnan(estimate_slope(np.arange(4.0), np.arange(4.0)))
    assert math.isnan(estimate_slope(np.arange(9.0), -np.arange(9.0)))
