"""What R's otrimle says of mixtures beside noise of several densities, on five real data sets."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from dgmm.mixture.density import assign
from dgmm.mixture.goodness_of_fit import PROBABILITIES
from dgmm.mixture.kernels.assignment_kernel import AssignmentKernel
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.noise.otrimle import gaussian_discrepancy
from dgmm.mixture.parameters import Parameters

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "otrimle_references.json").read_text())
"""Of otrimle 2.0, by `scripts/benchmarks/otrimle_references.py`."""

BETWEEN_BINS = 1 / 64
each_data_set = pytest.mark.parametrize("name", REFERENCES)


@pytest.fixture
def rows_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    data = importlib.import_module("merging_references").DATA
    return lambda name: data[name][0]()


def mixture_of(expected, d):
    noise, *weights = expected["weights"]
    means = np.reshape(expected["means"], (-1, d))
    covariances = np.reshape(expected["covariances"], (-1, d, d))
    mixture = Parameters.from_covariances("full", np.array(weights), means, covariances)
    return mixture.with_noise(Noise(expected["log_density"][0], noise))


def exact_discrepancies(mixture, rows):
    """At the rows, as otrimle takes it, and at the bounds of bins, as dgmm does."""
    (tile,) = AssignmentKernel.pack(mixture).tiles(rows)
    at_rows, at_bounds, bounds = [], [], chi2.ppf(PROBABILITIES, mixture.n_features)
    for distances, r in zip(tile.distances, tile.posterior, strict=True):
        order = np.argsort(distances)
        below = np.cumsum(r[order]) / r.sum()
        at_rows.append(np.abs(below - chi2.cdf(distances[order], mixture.n_features)).max())
        shares = [r[distances < bound].sum() / r.sum() for bound in bounds]
        at_bounds.append(np.abs(shares - PROBABILITIES).max())
    w = mixture.weights / mixture.weights.sum()
    return float(w @ at_rows), float(w @ at_bounds)


@each_data_set
def test_likelihoods_and_criteria_are_those_of_otrimle(rows_of, name):
    rows = rows_of(name)
    for expected in REFERENCES[name]["fits"]:
        mixture = mixture_of(expected, rows.shape[1])
        found = assign(mixture, rows).log_density.sum()
        if not expected["is_bounded"]:  # otrimle has then changed weights after the last step
            np.testing.assert_allclose(found, expected["log_likelihood"][0], rtol=1e-9)
        at_rows, at_bounds = exact_discrepancies(mixture, rows)
        # of digits, which are whole numbers, some rows are at equal distances, in any order
        tolerance = 5e-4 if name == "digits" else 1e-12
        assert at_rows == pytest.approx(expected["criterion"][0], abs=tolerance)
        found = gaussian_discrepancy(mixture, rows, np.ones(len(rows)))
        assert found == pytest.approx(at_bounds, rel=1e-9)


@each_data_set
def test_the_density_is_as_good_as_that_which_otrimle_chooses(rows_of, name):
    rows, fits = rows_of(name), REFERENCES[name]["fits"]
    criteria = [expected["criterion"][0] for expected in fits]
    assert fits[int(np.argmin(criteria))]["log_density"] == REFERENCES[name]["best"]
    found = [
        gaussian_discrepancy(mixture_of(expected, rows.shape[1]), rows, np.ones(len(rows)))
        for expected in fits
    ]
    assert criteria[int(np.argmin(found))] <= min(criteria) + BETWEEN_BINS
