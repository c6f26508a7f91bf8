"""The variational posterior against scikit-learn, step by step from the same responsibilities."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.mixture import BayesianGaussianMixture

from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.prior_name import STICKS
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.variational.posterior import VariationalPosterior, responsibility_entropy
from dgmm.mixture.variational.prior import Prior, covariance_of

K, D = 5, 3
RIDGE = Regularization(np.full(D, 1e-3), np.full(D, 1e-12))
KINDS = ("full", "tied", "diag", "spherical")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    parts = [
        rng.normal(0, 1, (120, D)),
        rng.normal(4, 2, (90, D)),
        rng.normal([0, 8, 1], 1, (60, D)),
    ]
    rows = np.concatenate(parts)
    return rows - rows.mean(axis=0)


def moments_of(rows, mixture):
    origin = np.zeros(D)
    packed = packed_models.pack([mixture], origin)
    sums = packed_models.accumulate(packed, rows)
    scatter = CentredScatter.of(rows, None, origin)
    return packed_models.moments(packed, [mixture], sums, scatter)[0]


def moments_of_responsibilities(kind, rows, responsibilities):
    counts = responsibilities.sum(axis=0)
    means = responsibilities.T @ rows / counts[:, None]
    each = [
        (responsibilities[:, k, None] * (rows - means[k])).T @ (rows - means[k]) / counts[k]
        for k in range(K)
    ]
    structure = structure_of(kind)
    own = structure.from_scatter(structure.diagonals(np.array(each)), counts)
    return Moments(0.0, 0.0, float(len(rows)), counts, means, own)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [STICKS, "dirichlet_distribution"])
def test_thirty_steps_are_those_of_scikit_learn(kind, weights, rows):
    responsibilities = np.random.default_rng(1).dirichlet(np.ones(K), len(rows))
    prior = Prior(
        kind, weights, 0.1, 0.5, np.full(D, 0.25), 6.0, covariance_of(kind, 2 * np.cov(rows.T))
    )
    theirs = BayesianGaussianMixture(
        n_components=K,
        covariance_type=kind,
        weight_concentration_prior_type=weights,
        weight_concentration_prior=0.1,
        mean_precision_prior=0.5,
        mean_prior=prior.mean,
        degrees_of_freedom_prior=6.0,
        covariance_prior=prior.covariance if prior.covariance.ndim else float(prior.covariance),
        reg_covar=1e-3,
    )
    theirs._check_parameters(rows)
    theirs._initialize(rows, responsibilities)
    moments = moments_of_responsibilities(kind, rows, responsibilities)
    ours = VariationalPosterior.from_moments(prior, moments, RIDGE)
    for _ in range(30):
        log_norm, log_responsibilities = theirs._e_step(rows)
        mixture = ours.expected_mixture
        moments = moments_of(rows, mixture)
        np.testing.assert_allclose(moments.log_likelihood / len(rows) + ours.log_total, log_norm)
        entropy = responsibility_entropy(mixture, moments)
        theirs._m_step(rows, log_responsibilities)
        ours = VariationalPosterior.from_moments(prior, moments, RIDGE)
        bound = theirs._compute_lower_bound(log_responsibilities, log_norm)
        np.testing.assert_allclose(ours.lower_bound(entropy), np.squeeze(bound), rtol=1e-11)
    pairs = [
        (ours.mixture.means, theirs.means_),
        (ours.mixture.covariances, theirs.covariances_),
        (ours.mixture.precisions_cholesky, theirs.precisions_cholesky_),
        (ours.mean_precision, theirs.mean_precision_),
        (ours.degrees_of_freedom, theirs.degrees_of_freedom_),
        (ours.weight_concentration, np.array(theirs.weight_concentration_)),
    ]
    for own, other in pairs:
        np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_entropy_is_that_of_the_responsibilities(kind, rows):
    rng = np.random.default_rng(2)
    matrices = np.array([np.cov(rng.normal(size=(D, 9))) + np.eye(D) for _ in range(K)])
    structure = structure_of(kind)
    weights = np.full(K, 1 / K)
    own = structure.from_scatter(structure.diagonals(matrices), weights)
    mixture = Parameters.from_covariances(kind, weights, rows[:K], own)
    logs = np.array(
        [
            np.log(w) + multivariate_normal(mean, covariance).logpdf(rows)
            for w, mean, covariance in zip(weights, mixture.means, mixture.matrices, strict=True)
        ]
    )
    logs -= logsumexp(logs, axis=0)
    expected = -np.sum(np.exp(logs) * logs)
    moments = moments_of(rows, mixture)
    np.testing.assert_allclose(responsibility_entropy(mixture, moments), expected, rtol=1e-11)


def test_expected_weights_add_up_to_one_and_a_prior_moves_with_its_posterior(rows):
    prior = Prior("full", STICKS, 0.1, 1.0, np.zeros(D), 3.0, np.eye(D))
    responsibilities = np.random.default_rng(1).dirichlet(np.ones(K), len(rows))
    moments = moments_of_responsibilities("full", rows, responsibilities)
    posterior = VariationalPosterior.from_moments(prior, moments, RIDGE)
    moved = posterior.translate(np.ones(D))
    np.testing.assert_allclose(moved.mixture.means, posterior.mixture.means + 1.0)
    np.testing.assert_array_equal(moved.prior.mean, np.ones(D))
    assert moved.expected_mixture.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert posterior.mixture.weights.sum() == pytest.approx(1.0, abs=1e-14)
