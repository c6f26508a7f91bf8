"""Starts of which fewer and fewer go on, and steps of EM that mixtures take together."""

import numpy as np
import pytest

from dgmm.engine.search.race import race
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests.strategies import COVARIANCE_TYPES, random_mixture


def make_rows(n_rows=900, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, 3)) + 6.0 * rng.integers(0, 3, (n_rows, 1))
    rows -= rows.mean(axis=0)
    regularization = Regularization.for_data(np.cov(rows.T), np.zeros(3))
    return SearchRows(rows, rng.uniform(0.5, 2.0, n_rows), regularization)


def make_mixtures(rows, kind, n_mixtures=4, n_components=3):
    rng = np.random.default_rng(1)
    drawn = (random_mixture(rng, rows.rows, kind, n_components) for _ in range(n_mixtures))
    return [Parameters.from_covariances(*each) for each in drawn]


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_mixtures_that_climb_together_go_where_each_goes_alone(kind):
    rows = make_rows()
    mixtures = make_mixtures(rows, kind)
    together, values = rows.climb_each(mixtures, 4)
    for mixture, found, value in zip(mixtures, together, values, strict=True):
        for _ in range(4):
            moments = rows.expect(mixture)
            mixture = m_step(kind, moments, rows.regularization)
        np.testing.assert_allclose(found.means, mixture.means, atol=1e-6)
        np.testing.assert_allclose(found.covariances, mixture.covariances, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(found.weights, mixture.weights, rtol=1e-6)
        assert value == pytest.approx(moments.log_likelihood, rel=1e-7)


def test_a_mixture_that_gains_no_more_takes_no_more_steps():
    rows = make_rows()
    settled, _ = rows.climb_each(make_mixtures(rows, "full", 1), 500)
    again, values = rows.climb_each(settled, 500)
    assert rows.expect(again[0]).log_likelihood == pytest.approx(values[0], abs=0.01)


def test_a_collapsed_mixture_loses_a_race_against_a_sound_one():
    rows = make_rows()
    (sound,) = make_mixtures(rows, "full", 1)
    sound = rows.climb(sound, 30)
    factors = sound.covariances.copy()
    means = sound.means.copy()
    means[0], factors[0] = rows.rows[0], np.diag(rows.regularization.floor)
    weights = np.array([1e-3, *sound.weights[1:]])
    collapsed = Parameters.from_covariances("full", weights / weights.sum(), means, factors)
    rules = EMOptions(1e-6, 100, rows.regularization, np.cov(rows.rows.T))
    assert iteration.is_degenerate(rows.climb(collapsed, 1), rules)
    found = race(rows, [collapsed, sound], rules, [(1, 1)])
    assert not iteration.is_degenerate(found, rules)


def test_the_winner_of_a_race_is_the_most_likely_of_all():
    rows = make_rows()
    mixtures = make_mixtures(rows, "full", 8)
    rules = EMOptions(1e-6, 100, rows.regularization, np.cov(rows.rows.T))
    found = race(rows, mixtures, rules, [(200, 1)])
    each = [rows.expect(rows.climb(mixture, 200)).log_likelihood for mixture in mixtures]
    assert rows.expect(found).log_likelihood == pytest.approx(max(each), abs=0.02)
