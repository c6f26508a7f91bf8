"""What R's mclust says of mixtures with noise, on five real data sets."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.noise.hypervolume import log_hypervolume
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "references.json").read_text())
"""Of mclust 6.0.0, by `scripts/benchmarks/noise_references.py`."""

each_data_set = pytest.mark.parametrize("name", REFERENCES)
each_kind = pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
each_kernel = pytest.mark.parametrize("max_error", [None, 0.0], ids=["expanded", "centred"])


@pytest.fixture
def rows_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    data = importlib.import_module("merging_references").DATA
    return lambda name: data[name][0]()


def mixture_of(expected, kind, d):
    *weights, noise = expected["weights"]
    means = np.reshape(expected["means"], (-1, d))
    covariances = np.reshape(expected["covariances"], (-1, d, d))
    kept = {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.diagonal(covariances, axis1=1, axis2=2),
        "spherical": covariances[:, 0, 0],
    }[kind]
    mixture = Parameters.from_covariances(kind, np.array(weights), means, kept)
    return mixture.with_noise(Noise(float(np.log(expected["density"][0])), noise))


@each_data_set
@each_kind
def test_densities_are_those_of_mclust(rows_of, name, kind):
    rows, expected = rows_of(name), REFERENCES[name]["fits"][kind]
    mixture = mixture_of(expected, kind, rows.shape[1])
    found = assign(mixture, rows)
    np.testing.assert_allclose(found.log_density.sum(), expected["log_likelihood"], rtol=1e-9)
    np.testing.assert_allclose(found.noise.sum(), expected["noise"], rtol=1e-9)
    np.testing.assert_allclose(found.noise + found.responsibilities.sum(axis=1), 1.0)
    # mclust counts the density too, which is given here
    assert mixture.n_parameters == expected["n_parameters"] - 1


@each_data_set
@each_kind
@each_kernel
def test_both_kernels_find_the_same(rows_of, name, kind, max_error):
    rows, expected = rows_of(name), REFERENCES[name]["fits"][kind]
    origin = rows.mean(axis=0)
    mixture = mixture_of(expected, kind, rows.shape[1]).translate(-origin)
    packed = packed_models.pack([mixture], origin, max_error=max_error)
    assert len(packed.centred) == (max_error == 0.0)
    sums = packed_models.accumulate(packed, rows)
    scatter = CentredScatter.of(rows, None, origin)
    (moments,) = packed_models.moments(packed, [mixture], sums, scatter)
    np.testing.assert_allclose(moments.log_likelihood, expected["log_likelihood"], rtol=1e-9)
    np.testing.assert_allclose(moments.noise.weight * len(rows), expected["noise"], rtol=1e-9)
    r = assign(mixture, rows - origin).responsibilities
    np.testing.assert_allclose(moments.counts, r.sum(axis=0), rtol=1e-8)
    means = (r.T @ (rows - origin)) / r.sum(axis=0)[:, None]
    np.testing.assert_allclose(moments.means, means, rtol=1e-6, atol=1e-8)


@each_data_set
def test_the_hypervolume_is_that_of_mclust(rows_of, name):
    found = log_hypervolume(rows_of(name))
    assert found == pytest.approx(REFERENCES[name]["log_hypervolume"][0], rel=1e-9)
