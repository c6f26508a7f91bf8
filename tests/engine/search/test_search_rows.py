"""Rows of a search: what mixtures say of them, against density and the textbook."""

import numpy as np
import pytest

from dgmm.engine.search import search_rows
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture import density
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests import reference
from tests.reference import Mixture
from tests.strategies import COVARIANCE_TYPES, random_mixture

each_type = pytest.mark.parametrize("kind", COVARIANCE_TYPES)


def rows_of(n_rows=300, n_features=3, seed=0, *, weighted=True):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, n_features)) + 3 * rng.integers(0, 2, (n_rows, 1))
    rows -= rows.mean(axis=0)
    weights = rng.uniform(0.5, 2.0, n_rows) if weighted else np.ones(n_rows)
    return SearchRows(rows, weights, Regularization.for_data(np.cov(rows.T), np.zeros(n_features)))


def mixture_of(rows, kind, n_components=4):
    numbers = random_mixture(np.random.default_rng(1), rows.rows, kind, n_components)
    return Parameters.from_covariances(*numbers)


def assert_evaluated(rows, mixture, rtol=1e-9):
    moments, posterior = rows.evaluate(mixture)
    found = density.assign(mixture, rows.rows)
    np.testing.assert_allclose(
        posterior.responsibilities, found.responsibilities.T, rtol=1e-6, atol=rtol
    )
    np.testing.assert_allclose(posterior.log_density, found.log_density, rtol=rtol, atol=rtol)
    assert posterior.weights is rows.weights
    assert moments.log_likelihood == pytest.approx(rows.weights @ found.log_density, rel=rtol)
    expected = rows.expect(mixture)
    assert moments.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(moments.counts, expected.counts, rtol=1e-12)
    np.testing.assert_allclose(moments.means, expected.means, rtol=1e-10, atol=1e-12)


@each_type
@pytest.mark.parametrize("n_rows", [1, 300, 9_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_a_mixture_says_of_rows_is_what_density_says(kind, n_rows, weighted):
    rows = rows_of(max(n_rows, 300), weighted=weighted)
    rows = SearchRows(rows.rows[:n_rows], rows.weights[:n_rows], rows.regularization)
    assert_evaluated(rows, mixture_of(rows_of(), kind))


@each_type
def test_one_component_has_all_rows(kind):
    rows = rows_of()
    mixture = mixture_of(rows, kind, 1)
    assert_evaluated(rows, mixture)
    np.testing.assert_array_equal(rows.evaluate(mixture)[1].responsibilities, 1.0)


@each_type
def test_narrow_components_take_the_kernel_that_keeps_their_digits(kind, monkeypatch):
    rows = rows_of()
    wide = mixture_of(rows, kind)
    narrow = Parameters.from_covariances(kind, wide.weights, wide.means, wide.covariances * 1e-14)
    asked = []
    original = density.assign

    def assign(mixture, part):
        asked.append(len(part))
        return original(mixture, part)

    monkeypatch.setattr(search_rows.density, "assign", assign)
    rows.evaluate(wide)
    assert not asked
    rows.evaluate(narrow)
    assert sum(asked) == rows.n_rows
    assert_evaluated(rows, narrow)


@each_type
def test_steps_of_em_are_those_of_the_textbook(kind):
    rows = rows_of(80)
    start = random_mixture(np.random.default_rng(1), rows.rows, kind, 3)
    expected = start
    for _ in range(3):
        expected = reference.em_step(rows.rows, expected, rows.weights)
    found = rows.climb(Parameters.from_covariances(*start), 3)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-7)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-6, atol=1e-8)


@each_type
def test_mixtures_take_their_steps_together_as_each_does_by_itself(kind):
    rows = rows_of()
    wide = [mixture_of(rows, kind, k) for k in (3, 4, 4)]
    narrow = Parameters.from_covariances(
        kind, wide[0].weights, wide[0].means, wide[0].covariances * 1e-14
    )
    together, values = rows.climb_each([wide[0], narrow, *wide[1:]], 2)
    for start, found, value in zip([wide[0], narrow, *wide[1:]], together, values, strict=True):
        (alone,), (expected,) = rows.climb_each([start], 2)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(found.means, alone.means, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.covariances, alone.covariances, rtol=1e-8, atol=1e-12)


def test_integer_weights_are_repeated_rows():
    rows = rows_of(60)
    times = np.arange(60) % 3 + 1
    weighted = SearchRows(rows.rows, times.astype(float), rows.regularization)
    repeated = SearchRows(np.repeat(rows.rows, times, axis=0), np.ones(times.sum()), None)
    mixture = mixture_of(rows, "full")
    ours, theirs = weighted.expect(mixture), repeated.expect(mixture)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(ours.counts, theirs.counts, rtol=1e-12)


def test_equal_rows_become_one_of_their_weights():
    rows = rows_of(40)
    doubled = SearchRows(
        np.repeat(rows.rows, 2, axis=0), np.repeat(rows.weights, 2), rows.regularization
    ).distinct()
    order = np.lexsort(rows.rows.T[::-1])
    np.testing.assert_array_equal(doubled.rows, rows.rows[order])
    np.testing.assert_allclose(doubled.weights, 2 * rows.weights[order], rtol=1e-14)


@pytest.mark.parametrize(("wanted", "found"), [(300, 300), (200, 300), (150, 150), (100, 100)])
def test_thinned_rows_are_at_least_as_many_as_wanted(wanted, found):
    assert rows_of().thin(wanted).n_rows == found


def test_textbook_densities():
    rows = rows_of(50)
    numbers = random_mixture(np.random.default_rng(2), rows.rows, "tied", 3)
    _, posterior = rows.evaluate(Parameters.from_covariances(*numbers))
    expected = reference.log_densities(rows.rows, Mixture(*numbers))
    np.testing.assert_allclose(posterior.log_density, expected, rtol=1e-10)
