"""What R's mclust says of mixtures with its default prior."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dgmm
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.prior_knowledge.conjugate_prior import ConjugatePrior
from dgmm.mixture.regularization import Regularization
from tests.mixture.prior_knowledge.test_label_references import mixture_of

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "priors.json").read_text())
"""Of mclust 6.0.0, by `scripts/benchmarks/prior_references.py`."""

each_data_set = pytest.mark.parametrize("name", REFERENCES)
each_kind = pytest.mark.parametrize("kind", REFERENCES["iris"])


@pytest.fixture
def rows_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    data = importlib.import_module("prior_references").DATA
    return lambda name: data[name]()


def e_step(mixture, rows, origin):
    packed = packed_models.pack([mixture], origin)
    scatter = CentredScatter.of(rows, None, origin)
    prior = ConjugatePrior.of_data(scatter.scatter, len(rows))
    known = replace(scatter, known=(prior,))
    sums = packed_models.accumulate(packed, rows)
    return packed_models.moments(packed, [mixture], sums, known)[0]


@each_data_set
@each_kind
def test_a_step_is_that_of_mclust(rows_of, name, kind):
    rows, expected = rows_of(name), REFERENCES[name][kind]
    origin = rows.mean(axis=0)
    first, second = (
        mixture_of(expected[step], kind, rows.shape[1]).translate(-origin)
        for step in ("first", "second")
    )
    moments = e_step(first, rows, origin)
    assert moments.log_likelihood == pytest.approx(expected["first"]["log_likelihood"][0], rel=1e-9)
    regularization = Regularization.for_data(np.cov(rows.T), origin)
    found = m_step(kind, moments, regularization, first.covariances)
    np.testing.assert_allclose(found.weights, second.weights, rtol=1e-9)
    np.testing.assert_allclose(found.means, second.means, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.covariances, second.covariances, rtol=1e-8, atol=1e-10)
    after = e_step(found, rows, origin)
    assert after.objective >= moments.objective


@each_data_set
@each_kind
def test_the_optimum_is_that_of_mclust(rows_of, name, kind):
    rows, expected = rows_of(name), REFERENCES[name][kind]["optimum"]
    start = mixture_of(expected, kind, rows.shape[1])
    found = dgmm.GaussianMixture(
        3,
        covariance_type=kind,
        prior="conjugate",
        tol=1e-11,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
    ).fit(rows)
    np.testing.assert_allclose(found.means_, start.means, rtol=1e-4)
    value = found.score(rows) * len(rows)
    assert value == pytest.approx(expected["log_likelihood"][0], abs=1e-3)
    assert (np.diff(found.lower_bounds_) >= -1e-12).all()
