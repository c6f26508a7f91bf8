"""Splits of one component: what they gain, and how they move with the data."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from dgmm.mixture.initialization import local_fit
from dgmm.mixture.parameters import Parameters
from tests import reference
from tests.reference import Mixture

LOCAL = {"full": "full", "tied": "fixed", "diag": "diag", "spherical": "spherical"}


def two_clumps(n_rows=160, n_features=2, seed=0):
    """Rows of two clumps, and weights between 0 and 1."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, n_features))
    rows[: n_rows // 3] = 0.6 * rows[: n_rows // 3] + 5.0
    return rows, rng.uniform(0.1, 1.0, n_rows)


def one_gaussian(kind, rows, weights):
    """The mixture of one component that fits best, by NumPy alone."""
    mean = np.average(rows, axis=0, weights=weights)
    matrix = np.atleast_2d(np.cov(rows.T, aweights=weights, ddof=0))
    covariances = {
        "full": matrix[None],
        "tied": matrix,
        "diag": np.diag(matrix)[None],
        "spherical": np.array([np.trace(matrix) / len(matrix)]),
    }[kind]
    return Mixture(kind, np.ones(1), mean[None], covariances)


def split_of(one, rows, weights, seed=0):
    mixture = Parameters.from_covariances(*one)
    rng = np.random.default_rng(seed)
    return local_fit.split_component(mixture, 0, rows, weights, 4.0, rng)


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("seed", range(3))
def test_the_gain_is_that_of_the_two_components_over_the_one(kind, seed):
    rows, weights = two_clumps(seed=seed)
    one = one_gaussian(kind, rows, weights)
    assert Parameters.from_covariances(*one).structure.local_kind == LOCAL[kind]
    split = split_of(one, rows, weights)
    two = Mixture("full", split.shares, split.means, split.matrices)
    gain = reference.log_likelihood(rows, two, weights)
    gain -= reference.log_likelihood(rows, one, weights)
    assert split.gain > (0 if kind == "tied" else 10)  # one covariance spans both clumps
    assert split.gain == pytest.approx(gain, rel=1e-6)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_em_of_two_components_gains_as_much(kind):
    rows, weights = two_clumps()
    one = one_gaussian(kind, rows, weights)
    guess = np.eye(2)[(rows.sum(axis=1) > 5).astype(int)]
    two = reference.m_step(rows, guess, kind, weights)
    for _ in range(30):
        two = reference.em_step(rows, two, weights)
    most = reference.log_likelihood(rows, two, weights)
    most -= reference.log_likelihood(rows, one, weights)
    assert 0.98 * most < split_of(one, rows, weights).gain <= most * (1 + 1e-6)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_of_rows_so_many_that_some_are_tried_first_all_count(kind):
    rows, _ = two_clumps(20_000)
    weights = np.ones(len(rows))
    split = split_of(one_gaussian(kind, rows, weights), rows, weights)
    one, two = (GaussianMixture(k, covariance_type=kind, tol=1e-6).fit(rows) for k in (1, 2))
    most = len(rows) * (two.score(rows) - one.score(rows))
    assert 0.98 * most < split.gain <= most * (1 + 1e-6)


@pytest.mark.parametrize("kind", LOCAL)
def test_halves_have_covariances_of_their_structure(kind):
    rows, weights = two_clumps(n_features=3)
    one = one_gaussian(kind, rows, weights)
    split = split_of(one, rows, weights)
    assert split.shares.sum() == pytest.approx(1.0, rel=1e-12)
    for matrix in split.matrices:
        if kind == "tied":
            np.testing.assert_allclose(matrix, one.covariances, rtol=1e-6)
        if kind in ("diag", "spherical"):
            np.testing.assert_allclose(matrix, np.diag(np.diag(matrix)), atol=1e-12)
        if kind == "spherical":
            np.testing.assert_allclose(np.diag(matrix), matrix[0, 0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_affine_maps_of_the_rows_move_the_halves_with_them(seed):
    rows, weights = two_clumps(n_features=3, seed=seed)
    rng = np.random.default_rng(seed)
    # A lower triangle with a positive diagonal leaves whitened coordinates as they are.
    change = np.tril(rng.normal(size=(3, 3)), -1) + np.diag(rng.uniform(0.5, 20.0, 3))
    shift = 100 * rng.normal(size=3)
    moved = rows @ change.T + shift
    before = split_of(one_gaussian("full", rows, weights), rows, weights)
    after = split_of(one_gaussian("full", moved, weights), moved, weights)
    assert after.gain == pytest.approx(before.gain, rel=1e-6)
    first, second = np.argsort(before.shares), np.argsort(after.shares)  # either may come first
    np.testing.assert_allclose(after.shares[second], before.shares[first], rtol=1e-6)
    means = before.means[first] @ change.T + shift
    np.testing.assert_allclose(after.means[second], means, rtol=1e-6)
    expected = change @ before.matrices[first] @ change.T
    size = 1e-8 * expected.max()
    np.testing.assert_allclose(after.matrices[second], expected, rtol=1e-5, atol=size)


def test_too_few_rows_are_not_split():
    rows, weights = two_clumps()
    one = Parameters.from_covariances(*one_gaussian("full", rows, weights))
    rng = np.random.default_rng(0)
    least = 0.51 * weights.sum()
    assert not local_fit.split_component(one, 0, rows, weights, least, rng).exists


@pytest.mark.parametrize("kind", LOCAL)
def test_a_component_far_narrower_than_its_rows_is_not_split(kind):
    rows, weights = two_clumps()
    one = one_gaussian(kind, rows, weights)
    narrow = one._replace(covariances=one.covariances * 1e-14)
    assert not split_of(narrow, rows, weights).exists
