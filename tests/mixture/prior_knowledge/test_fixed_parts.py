"""Parts that stay: M-steps beside sums about fixed means, and how many parameters are left."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.regularization import Regularization
from dgmm.registry import STRUCTURES
from tests.estimator.test_labels import MEANS, planted

REGULARIZATION = Regularization(np.zeros(2), np.full(2, 1e-9))


def mixture_of(kind):
    matrices = np.array([[[1.0, 0.3], [0.3, 2.0]]] * 4)
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    return Parameters.from_moments(kind, weights, MEANS + 0.5, matrices, REGULARIZATION)


def step(mixture, rows, fixed):
    """One step of EM; moments, and the mixture."""
    packed = packed_models.pack([mixture], np.zeros(2))
    scatter = replace(CentredScatter.of(rows, None, np.zeros(2)), known=(fixed,))
    sums = packed_models.accumulate(packed, rows)
    (moments,) = packed_models.moments(packed, [mixture], sums, scatter)
    return moments, m_step(mixture.covariance_type, moments, REGULARIZATION, mixture.covariances)


@pytest.mark.parametrize("kind", STRUCTURES)
def test_scatters_are_about_fixed_means(kind):
    rows, _ = planted(300)
    before = mixture_of(kind)
    fixed = replace(
        FixedParts.of_mixture(before, ("means",)), n_components=2, means=before.means[:2]
    )
    moments, found = step(before, rows, fixed)
    r = assign(before, rows).responsibilities
    n = r.sum(axis=0)
    means = np.concatenate([before.means[:2], (r.T @ rows / n[:, None])[2:]])
    apart = rows[:, None] - means
    scatters = np.einsum("nk,nki,nkj->kij", r, apart, apart) / n[:, None, None]
    structure = before.structure
    expected = structure.from_scatter(structure.diagonals(scatters), n)
    np.testing.assert_allclose(moments.covariances, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.means[2:], means[2:], rtol=1e-9)
    assert found.means[:2].tobytes() == before.means[:2].tobytes()
    assert before.n_parameters - found.n_parameters == 4


def test_parts_stay_and_do_not_count():
    rows, _ = planted(300)
    before = mixture_of("full")
    every = FixedParts.of_mixture(before, ("weights", "means", "covariances"))
    _, found = step(before, rows, every)
    for name in ("weights", "means", "covariances", "precisions_cholesky"):
        assert getattr(found, name).tobytes() == getattr(before, name).tobytes()
    assert found.n_parameters == 0
    _, found = step(before, rows, FixedParts.of_mixture(before, ("covariances",)))
    assert found.n_parameters == 3 + 8
    assert found.covariances.tobytes() == before.covariances.tobytes()
    assert (found.means != before.means).all()
    tied = mixture_of("tied")
    one = replace(FixedParts.of_mixture(tied, ("covariances",)), n_components=1)
    assert one.put_into(tied).n_parameters == 3 + 8


@pytest.mark.parametrize(
    "names", [("means",), ("covariances",), ("weights",), ("means", "weights")]
)
def test_steps_gain(names):
    rows, _ = planted(300)
    mixture = mixture_of("full")
    fixed, values = FixedParts.of_mixture(mixture, names), []
    for _ in range(6):
        moments, mixture = step(mixture, rows, fixed)
        values.append(moments.log_likelihood)
    assert (np.diff(values) > -1e-9).all()
    assert values[-1] > values[0] + 1
