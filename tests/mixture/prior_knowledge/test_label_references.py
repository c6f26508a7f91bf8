"""What R's mclust says of mixtures of partly labelled rows."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.labelled_moments import LabelledMoments
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "labels.json").read_text())
"""Of mclust 6.0.0, by `scripts/benchmarks/label_references.py`."""

each_data_set = pytest.mark.parametrize("name", REFERENCES)
each_kind = pytest.mark.parametrize("kind", REFERENCES["iris"])
each_kernel = pytest.mark.parametrize("max_error", [None, 0.0], ids=["expanded", "centred"])


@pytest.fixture
def data_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("label_references").DATA


def mixture_of(expected, kind, d):
    weights, structure = np.array(expected["weights"]), structure_of(kind)
    means = np.reshape(expected["means"], (-1, d))
    matrices = structure.diagonals(np.reshape(expected["covariances"], (-1, d, d)))
    return Parameters.from_covariances(
        kind, weights, means, structure.from_scatter(matrices, weights)
    )


def e_step(mixture, rows, labels, origin, max_error=None):
    known, others = labels >= 0, rows[labels < 0]
    packed = packed_models.pack([mixture], origin, max_error=max_error)
    sums = packed_models.accumulate(packed, others)
    labelled = LabelledMoments.from_rows(rows, labels, None)
    assert sum(labelled.weights) == known.sum()
    scatter = replace(CentredScatter.of(others, None, origin), known=(labelled.about(origin),))
    return packed_models.moments(packed, [mixture], sums, scatter)[0]


@each_data_set
@each_kind
@each_kernel
def test_the_likelihood_is_that_of_mclust(data_of, name, kind, max_error):
    rows, labels = data_of[name]()
    expected, origin = REFERENCES[name][kind], rows.mean(axis=0)
    mixture = mixture_of(expected, kind, rows.shape[1]).translate(-origin)
    moments = e_step(mixture, rows, labels, origin, max_error)
    np.testing.assert_allclose(moments.log_likelihood, expected["log_likelihood"], rtol=1e-9)
    assert moments.total_weight == len(rows)
    np.testing.assert_allclose(moments.counts.sum(), len(rows))


@each_kind
def test_moments_are_those_of_fixed_responsibilities(data_of, kind):
    rows, labels = data_of["wine"]()
    origin = rows.mean(axis=0)
    mixture = mixture_of(REFERENCES["wine"][kind], kind, 3).translate(-origin)
    moments = e_step(mixture, rows, labels, origin)
    densities = np.stack(
        [
            np.log(w)
            - 0.5 * np.linalg.slogdet(2 * np.pi * S)[1]
            - 0.5 * np.einsum("ni,ij,nj->n", x, np.linalg.inv(S), x)
            for w, S, x in zip(
                mixture.weights,
                mixture.matrices,
                (rows - origin)[None] - mixture.means[:, None],
                strict=True,
            )
        ]
    )
    r = np.exp(densities - np.logaddexp.reduce(densities, axis=0))
    r[:, labels >= 0] = np.eye(3)[labels[labels >= 0]].T
    means = (r @ (rows - origin)) / r.sum(axis=1)[:, None]
    scatters = np.stack(
        [((rows - origin - m).T * w) @ (rows - origin - m) for w, m in zip(r, means, strict=True)]
    )
    structure, counts = mixture.structure, r.sum(axis=1)
    averages = structure.diagonals(scatters / counts[:, None, None])
    np.testing.assert_allclose(moments.counts, counts, rtol=1e-10)
    np.testing.assert_allclose(moments.means, means, rtol=1e-9, atol=1e-10)
    expected = structure.from_scatter(averages, counts)
    np.testing.assert_allclose(moments.covariances, expected, rtol=1e-8, atol=1e-12)


@each_data_set
@each_kind
def test_a_step_of_em_gains_likelihood(data_of, name, kind):
    rows, labels = data_of[name]()
    origin = rows.mean(axis=0)
    mixture = mixture_of(REFERENCES[name][kind], kind, rows.shape[1]).translate(-origin)
    moments = e_step(mixture, rows, labels, origin)
    regularization = Regularization.for_data(np.cov(rows.T), origin)
    after = m_step(kind, moments, regularization, mixture.covariances)
    gained = e_step(after, rows, labels, origin).log_likelihood - moments.log_likelihood
    assert -1e-9 <= gained < 0.05  # mclust stops at a relative change of 1e-5
