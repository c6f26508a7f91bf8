"""Rows of one Gaussian are known as such, and two clumps are told from it and cut apart."""

import numpy as np
import pytest

from dgmm.mixture.initialization import cuts


def whitened(rows, weights):
    centred = rows - np.average(rows, axis=0, weights=weights)
    return centred, np.atleast_2d(np.cov(centred.T, aweights=weights, ddof=0))


def looks_gaussian(rows, weights, kind="full"):
    return cuts.looks_gaussian(*_ordered(rows, weights), kind)


def _ordered(rows, weights):
    centred, covariance = whitened(rows, weights)
    return centred, weights, covariance


@pytest.mark.parametrize(("n_rows", "n_features"), [(500, 1), (500, 2), (2000, 5), (5000, 10)])
@pytest.mark.parametrize("weighted", [False, True])
def test_gaussian_rows_are_found_gaussian_of_most_seeds(n_rows, n_features, weighted):
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        weights = rng.uniform(0.5, 1.0, n_rows) if weighted else np.ones(n_rows)
        found += looks_gaussian(rng.normal(size=(n_rows, n_features)), weights)
    assert found > 30


@pytest.mark.parametrize("kind", ["full", "diag", "spherical", "fixed"])
@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_two_clumps_are_never_found_gaussian(kind, n_features):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(1000, n_features))
        rows[:, 0] += 5.0 * (np.arange(1000) % 2)
        rows[:, 0] /= rows[:, 0].std()
        assert not looks_gaussian(rows, np.ones(1000), kind)


def test_correlation_is_not_gaussian_where_the_covariance_must_be_the_unit_matrix():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 2)) @ np.array([[1.0, 0.5], [0.0, 0.9]])
    assert looks_gaussian(rows, np.ones(2000))
    assert not looks_gaussian(rows, np.ones(2000), "diag")


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_one_of_the_cuts_separates_two_clumps(n_features):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        is_second = rng.random(400) < 0.4
        rows = rng.normal(size=(400, n_features))
        rows[is_second] += 8.0
        weights = rng.uniform(0.5, 1.0, 400)
        centred, covariance = whitened(rows, weights)
        z = np.linalg.solve(np.linalg.cholesky(covariance), centred.T).T
        proposed = cuts.propose_cuts(z, weights, rng)
        assert all(cut.shape == (400,) and cut.dtype == bool for cut in proposed)
        agreement = [np.mean(cut == is_second) for cut in proposed]
        assert max(max(share, 1 - share) for share in agreement) > 0.99
