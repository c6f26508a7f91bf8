"""One M-step of fourteen structures from equal responsibilities, beside R's mclust."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "references.json").read_text())
"""Of mclust 6.0.0, by `scripts/benchmarks/structure_references.py`."""

LOOSE = ("EVE", "VVE")
"""What mclust finds by the surrogates of Browne & McNicholas: to its tolerance, from its start."""

each_model = pytest.mark.parametrize(
    ("name", "model"), [(name, model) for name in REFERENCES for model in REFERENCES[name]]
)


@pytest.fixture
def rows_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("structure_references")
    return lambda name: (module.DATA[name](), module.responsibilities(module.DATA[name]()))


def moments_of(rows, z):
    counts = z.sum(axis=0)
    means = z.T @ rows / counts[:, None]
    deviations = rows[:, None] - means
    scatters = np.einsum("nk,nki,nkj->kij", z, deviations, deviations, optimize=True)
    return counts, means, scatters / counts[:, None, None]


def divergence(covariances, scatters, shares):
    """What an M-step minimises: sum_k share_k (log|Sigma_k| + tr Sigma_k^-1 S_k)."""
    traces = np.trace(np.linalg.solve(covariances, scatters), axis1=1, axis2=2)
    return shares @ (np.linalg.slogdet(covariances)[1] + traces)


@each_model
def test_an_m_step_is_mclusts(rows_of, name, model):
    rows, z = rows_of(name)
    expected = np.array(REFERENCES[name][model]["covariances"])
    counts, means, scatters = moments_of(rows, z)
    d = rows.shape[1]
    none = Regularization(np.zeros(d), np.full(d, 1e-30))
    found = Parameters.from_moments(model, counts, means, scatters, none)
    ours, theirs = (divergence(c, scatters, found.weights) for c in (found.matrices, expected))
    assert ours <= theirs + 1e-12 * abs(theirs)
    if model not in LOOSE:
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found.matrices, expected, rtol=1e-7, atol=1e-7 * scale)
        assert ours == pytest.approx(theirs, rel=1e-9)


@each_model
def test_log_likelihoods_at_mclusts_parameters_are_mclusts(rows_of, name, model):
    rows, z = rows_of(name)
    expected = REFERENCES[name][model]
    counts, means, _ = moments_of(rows, z)
    mixture = Parameters.from_covariances(
        "full", counts / counts.sum(), means, np.array(expected["covariances"])
    )
    log_likelihood = assign(mixture, rows).log_density.sum()
    assert log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-9)


@each_model
def test_parameters_are_counted_as_in_mclust(rows_of, name, model):
    rows, z = rows_of(name)
    structure = structure_of(model)
    assert (
        structure.n_parameters(z.shape[1], rows.shape[1])
        == (REFERENCES[name][model]["n_parameters"])
    )
