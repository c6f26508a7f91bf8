"""Adaptation of a background mixture, beside the formulas of Reynolds et al. (2000)."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.background_mixture import BackgroundMixture
from dgmm.mixture.regularization import Regularization
from tests.estimator.test_labels import MEANS, planted

RELEVANCE = 16.0
COVARIANCES = {
    "full": np.array([[[1.0, 0.3], [0.3, 2.0]]] * 4),
    "tied": np.array([[1.0, 0.3], [0.3, 2.0]]),
    "diag": np.array([[1.0, 2.0]] * 4),
    "spherical": np.array([1.0, 1.5, 2.0, 1.0]),
}
each_kind = pytest.mark.parametrize("kind", COVARIANCES)


def background(kind):
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    return Parameters.from_covariances(kind, weights, MEANS + 0.5, COVARIANCES[kind])


def e_step(mixture, rows, before):
    origin = np.zeros(2)
    packed = packed_models.pack([mixture], origin)
    prior = BackgroundMixture({(before.covariance_type, 4): before}, RELEVANCE)
    scatter = replace(CentredScatter.of(rows, None, origin), known=(prior,))
    sums = packed_models.accumulate(packed, rows)
    return packed_models.moments(packed, [mixture], sums, scatter)[0]


@each_kind
def test_one_step_adapts_means_and_second_moments(kind):
    rows, _ = planted(300)
    before = background(kind)
    moments = e_step(before, rows, before)
    found = m_step(kind, moments, Regularization(np.zeros(2), np.full(2, 1e-9)), before.covariances)
    r = assign(before, rows).responsibilities
    n = r.sum(axis=0)
    share = n / (n + RELEVANCE)
    means = share[:, None] * (r.T @ rows) / n[:, None] + (1 - share)[:, None] * before.means
    np.testing.assert_allclose(found.means, means, rtol=1e-9)
    second = np.einsum("nk,ni,nj->kij", r, rows, rows) / n[:, None, None]
    old = before.matrices + before.means[:, :, None] * before.means[:, None, :]
    a = share[:, None, None]
    matrices = a * second + (1 - a) * old - means[:, :, None] * means[:, None, :]
    structure = before.structure
    expected = structure.from_scatter(structure.diagonals(matrices), n + RELEVANCE)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-7)
    weights = n + RELEVANCE * 4 * before.weights
    np.testing.assert_allclose(found.weights, weights / weights.sum(), rtol=1e-10)


@each_kind
def test_steps_gain(kind):
    rows, _ = planted(300)
    before = mixture = background(kind)
    values = []
    for _ in range(6):
        moments = e_step(mixture, rows, before)
        values.append(moments.objective)
        regularization = Regularization(np.zeros(2), np.full(2, 1e-9))
        mixture = m_step(kind, moments, regularization, mixture.covariances)
    assert (np.diff(values) > -1e-9).all()
    assert values[-1] > values[0]
