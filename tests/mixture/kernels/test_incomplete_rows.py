"""EM on rows with missing values against a textbook loop, brute-force marginals and 50 digits."""

import mpmath
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import incomplete_rows, packed_models, tiling
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from tests.mixture.one_step import using

TYPES = ("full", "tied", "diag", "spherical", "EII", "VEI", "VVE", "EVV")
RULES = Regularization(np.zeros(4), np.full(4, 1e-12))


def mixture_of(covariance_type, seed=0, n_components=3, d=4):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(n_components, d, d))
    matrices = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(d)
    structure = structure_of(covariance_type)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    averages = structure.from_scatter(structure.diagonals(matrices), weights)
    covariances = structure.estimate(averages, weights, RULES)
    means = rng.normal(0, 2, (n_components, d))
    return Parameters.from_covariances(covariance_type, weights, means, covariances)


def incomplete(n_rows=200, d=4, share=0.35, seed=1):
    """Rows of which every one has a value."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 2, (n_rows, d))
    missing = rng.random((n_rows, d)) < share
    missing[np.arange(n_rows), rng.integers(0, d, n_rows)] = False
    rows[missing] = np.nan
    return rows


def textbook_step(rows, mixture, weights):
    """Log-likelihood, counts, means and full covariances of EM, a row at a time."""
    n_components, d = mixture.means.shape
    matrices = mixture.matrices
    counts, first = np.zeros(n_components), np.zeros((n_components, d))
    second, log_likelihood = np.zeros((n_components, d, d)), 0.0
    for row, w in zip(rows, weights, strict=True):
        o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
        logs = np.array(
            [
                np.log(mixture.weights[k])
                + multivariate_normal.logpdf(row[o], mixture.means[k][o], matrices[k][np.ix_(o, o)])
                for k in range(n_components)
            ]
        )
        log_likelihood += w * logsumexp(logs)
        r = w * np.exp(logs - logsumexp(logs))
        for k in range(n_components):
            slope = matrices[k][np.ix_(m, o)] @ np.linalg.inv(matrices[k][np.ix_(o, o)])
            x, left = row.copy(), np.zeros((d, d))
            x[m] = mixture.means[k][m] + slope @ (row[o] - mixture.means[k][o])
            left[np.ix_(m, m)] = matrices[k][np.ix_(m, m)] - slope @ matrices[k][np.ix_(o, m)]
            counts[k] += r[k]
            first[k] += r[k] * x
            second[k] += r[k] * (np.outer(x, x) + left)
    means = first / counts[:, None]
    scatters = second / counts[:, None, None] - means[:, :, None] * means[:, None, :]
    return log_likelihood, counts, means, scatters


def moments_of(rows, mixtures, weights=None, kernel=None, origin=None):
    origin = np.zeros(rows.shape[1]) if origin is None else origin
    moved = [mixture.translate(-origin) for mixture in mixtures]
    with using(kernel):
        models = incomplete_rows.pack(moved, origin)
    total = len(rows) if weights is None else weights.sum()
    found = incomplete_rows.accumulate(models, rows, weights)
    centred = CentredScatter(origin, float(total), None)
    return packed_models.moments(models.packed, moved, found, centred)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("kernel", ["expanded", "centred"])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("fewest", [1, 16, 1000])
def test_a_step_is_that_of_a_loop_over_rows(
    covariance_type, kernel, is_weighted, fewest, monkeypatch
):
    monkeypatch.setattr(incomplete_rows, "FEWEST_ROWS", fewest)
    rows, mixture = incomplete(120), mixture_of(covariance_type)
    w = np.random.default_rng(3).random(len(rows)) if is_weighted else None
    origin = np.array([3.0, -2.0, 0.5, 10.0])
    (found,) = moments_of(rows, [mixture], w, kernel, origin)
    log_likelihood, counts, means, scatters = textbook_step(
        rows, mixture, np.ones(len(rows)) if w is None else w
    )
    np.testing.assert_allclose(found.log_likelihood, log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found.counts, counts, rtol=1e-11)
    np.testing.assert_allclose(found.means + origin, means, atol=1e-11)
    structure = mixture.structure
    expected = structure.from_scatter(structure.diagonals(scatters), counts)
    np.testing.assert_allclose(found.covariances, expected, atol=1e-10)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_compiled_loops_add_what_others_do(is_weighted, monkeypatch):
    rows = incomplete(20_000)
    mixtures = [mixture_of(kind, seed, 2) for seed, kind in enumerate(TYPES[:3])]
    w = np.random.default_rng(3).random(len(rows)) if is_weighted else None
    compiled = moments_of(rows, mixtures, w, origin=np.ones(4))
    monkeypatch.setattr(tiling, "COMPILED_FROM", 10**9)
    for ours, theirs in zip(
        compiled, moments_of(rows, mixtures, w, origin=np.ones(4)), strict=True
    ):
        np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, rtol=1e-12)
        np.testing.assert_allclose(ours.log_classification, theirs.log_classification, rtol=1e-10)
        np.testing.assert_allclose(ours.counts, theirs.counts, rtol=1e-11)
        np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-10)
        np.testing.assert_allclose(ours.covariances, theirs.covariances, rtol=1e-9, atol=1e-10)


def test_models_of_all_structures_share_a_pass():
    rows, mixtures = incomplete(), [mixture_of(kind, seed) for seed, kind in enumerate(TYPES)]
    together = moments_of(rows, mixtures)
    for ours, mixture in zip(together, mixtures, strict=True):
        (alone,) = moments_of(rows, [mixture])
        np.testing.assert_allclose(ours.log_likelihood, alone.log_likelihood, rtol=1e-13)
        np.testing.assert_allclose(ours.covariances, alone.covariances, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["expanded", "centred"])
def test_the_log_likelihood_has_the_digits_of_a_reference(kernel):
    rows, mixture = incomplete(12), mixture_of("full")
    (found,) = moments_of(rows, [mixture], kernel=kernel)
    with mpmath.workdps(50):
        total = mpmath.mpf(0)
        for row in rows:
            o = np.flatnonzero(~np.isnan(row))
            density = mpmath.mpf(0)
            for k in range(3):
                x = mpmath.matrix((row[o] - 0).tolist()) - mpmath.matrix(
                    mixture.means[k][o].tolist()
                )
                sigma = mpmath.matrix(mixture.matrices[k][np.ix_(o, o)].tolist())
                square = (x.T * mpmath.lu_solve(sigma, x))[0]
                norm = mpmath.sqrt((2 * mpmath.pi) ** len(o) * mpmath.det(sigma))
                density += mixture.weights[k] * mpmath.exp(-square / 2) / norm
            total += mpmath.log(density)
        error = abs((mpmath.mpf(found.log_likelihood) - total) / total)
    assert error < 1e-14


@pytest.mark.parametrize("covariance_type", TYPES)
def test_every_step_gains_likelihood(covariance_type):
    rows, mixture = incomplete(400), mixture_of(covariance_type, 5)
    trace = []
    for _ in range(30):
        (found,) = moments_of(rows, [mixture])
        trace.append(found.log_likelihood)
        mixture = m_step(covariance_type, found, RULES, mixture.covariances)
    assert (np.diff(trace) > -1e-10).all()
    assert trace[-1] > trace[0] + 1


def test_the_mean_of_expected_values_is_the_gradient():
    """Fisher's identity: the score is the expected score of complete rows."""
    rows, mixture = incomplete(60), mixture_of("full")
    (found,) = moments_of(rows, [mixture])
    k, step = 1, 1e-5
    gradient = np.empty(4)
    for j in range(4):
        values = []
        for sign in (1, -1):
            means = mixture.means.copy()
            means[k, j] += sign * step
            moved = Parameters.from_covariances("full", mixture.weights, means, mixture.covariances)
            values.append(moments_of(rows, [moved])[0].log_likelihood)
        gradient[j] = (values[0] - values[1]) / (2 * step)
    expected = np.linalg.solve(
        mixture.matrices[k], found.counts[k] * (found.means[k] - mixture.means[k])
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_complete_rows_have_the_bits_of_complete_rows(covariance_type):
    rows = np.random.default_rng(0).normal(size=(500, 4))
    mixture = mixture_of(covariance_type)
    models = incomplete_rows.pack([mixture], np.zeros(4))
    ours = incomplete_rows.accumulate(models, rows)
    theirs = packed_models.accumulate(packed_models.pack([mixture], np.zeros(4)), rows)
    np.testing.assert_array_equal(ours.log_likelihood, theirs.log_likelihood)
    for a, b in zip(ours.sums, theirs.sums, strict=True):
        np.testing.assert_array_equal(a, b)


def test_marginals_that_are_not_kept_have_the_same_bits(monkeypatch):
    rows, mixture = incomplete(), mixture_of("full")
    kept = moments_of(rows, [mixture])[0]
    monkeypatch.setattr(incomplete_rows, "MOST_KEPT", 0)
    made_again = moments_of(rows, [mixture])[0]
    np.testing.assert_array_equal(kept.covariances, made_again.covariances)
