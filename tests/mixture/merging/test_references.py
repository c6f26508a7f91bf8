"""What R's mclust (`clustCombi`) and fpc (`mergenormals`) join on five real data sets."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import build_hierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.mixture.parameters import Parameters

SCRIPTS = Path(__file__).parents[3] / "scripts" / "benchmarks"
REFERENCES = json.loads((Path(__file__).parent / "references.json").read_text())
"""Of mclust 6.0.0 and fpc 2.2-10, by `scripts/benchmarks/merging_references.py`."""

each_data_set = pytest.mark.parametrize("name", REFERENCES)


@pytest.fixture
def rows_of(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    data = importlib.import_module("merging_references").DATA
    return lambda name: data[name][0]()


def clustering_of(rows, expected, method):
    arrays = (np.array(expected[key]) for key in ("weights", "means", "covariances"))
    mixture = Parameters.from_covariances("full", *arrays)
    r = assign(mixture, rows).responsibilities
    hierarchy = build_hierarchy(r, None, method)
    return Clustering.from_sums(
        hierarchy, MergeStatistics.from_responsibilities(r, None, hierarchy), len(rows)
    )


@each_data_set
def test_entropy_joins_what_mclust_joins(rows_of, name):
    rows, expected = rows_of(name), REFERENCES[name]
    found = clustering_of(rows, expected, "entropy")
    assert [list(pair) for pair in found.hierarchy.pairs] == expected["entropy_pairs"]
    np.testing.assert_allclose(
        len(rows) * found.entropy, expected["entropies"], rtol=1e-9, atol=1e-9
    )
    assert found.n_clusters == expected["entropy_clusters"]


@each_data_set
def test_misclassification_joins_what_fpc_joins(rows_of, name):
    expected = REFERENCES[name]
    found = clustering_of(rows_of(name), expected, "misclassification")
    assert [second for _, second in found.hierarchy.pairs] == expected["joining"]
    np.testing.assert_allclose(
        found.misclassification, expected["misclassification"], rtol=1e-5, atol=1e-9
    )
    _, places = np.unique(found.clusters, return_inverse=True)
    np.testing.assert_array_equal(places, expected["demp_clusters"])
