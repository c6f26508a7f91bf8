"""Clusters of components for data whose clusters are not Gaussian."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import dgmm
from dgmm.mixture.goodness_of_fit import PROBABILITIES


def uniform_clumps(n_rows=3_000, seed=0):
    """Three squares, and which one each row is of."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_rows)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    return centres[labels] + rng.uniform(-2, 2, (n_rows, 2)), labels


@pytest.fixture(scope="module")
def fitted():
    X, labels = uniform_clumps()
    return dgmm.GaussianMixture(9, random_state=0).fit(X), X, labels


def is_same_partition(a, b):
    return len({*zip(a, b, strict=True)}) == len({*a}) == len({*b})


@pytest.mark.parametrize("method", ["misclassification", "entropy"])
def test_components_of_a_clump_are_joined(fitted, method):
    mixture, X, labels = fitted
    merged = mixture.merge(X, method)
    assert merged.cut(3).n_clusters == 3
    found = merged.cut(3).predict(X)
    assert is_same_partition(found, labels)
    np.testing.assert_allclose(merged.cut(3).weights, np.bincount(found) / len(X), atol=0.01)
    assert merged.clustering.entropy[2] < 1e-3 < merged.clustering.entropy[3]


def test_the_rule_of_misclassification_finds_the_clumps(fitted):
    mixture, X, labels = fitted
    merged = mixture.merge(X)
    assert merged.n_clusters == 3
    assert is_same_partition(merged.predict(X), labels)
    assert mixture.merge(X, n_clusters=5).n_clusters == 5


def test_results_come_in_the_kind_of_the_data(fitted):
    mixture, X, _ = fitted
    merged = mixture.merge(X)
    labels, probabilities = merged.predict(X), merged.predict_proba(X)
    r = mixture.predict_proba(X)
    for cluster in range(3):
        expected = r[:, merged.clusters == cluster].sum(axis=1)
        np.testing.assert_allclose(probabilities[:, cluster], expected, atol=1e-12)
    lazy = da.from_array(X, chunks=(700, 2))
    assert mixture.merge(lazy).clustering.hierarchy == merged.clustering.hierarchy
    assert isinstance(merged.predict_proba(lazy), da.Array)
    np.testing.assert_array_equal(merged.predict(lazy).compute(), labels)
    np.testing.assert_array_equal(merged.predict_proba(lazy).compute(), probabilities)
    frame = pd.DataFrame(X, index=np.arange(len(X))[::-1])
    np.testing.assert_array_equal(merged.predict(frame), labels)
    assert merged.predict_proba(frame).shape == (len(X), 3)
    array = xr.DataArray(X, dims=("row", "feature"))
    assert merged.predict_proba(array).dims == ("row", "cluster")


def test_weights_count_rows_as_often(fitted):
    mixture, X, _ = fitted
    weights = np.random.default_rng(0).integers(1, 4, len(X))
    repeated = mixture.merge(np.repeat(X, weights, axis=0)).clustering
    weighted = mixture.merge(X, sample_weight=weights).clustering
    assert weighted.hierarchy == repeated.hierarchy
    np.testing.assert_allclose(weighted.entropy, repeated.entropy, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.misclassification, repeated.misclassification, rtol=1e-9)


def test_components_of_squares_do_not_fit(fitted):
    _, X, _ = fitted
    mixture = dgmm.GaussianMixture(3, random_state=0).fit(X)
    found = mixture.goodness_of_fit(X)
    assert (found.kurtosis < 0.85).all()
    assert found.notable(mixture.weights_ * len(X)).tolist() == [0, 1, 2]
    assert found.beyond.shape == (3, len(PROBABILITIES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "ward"}, "method is 'ward'; expected one of 'entropy', 'misclassification'"),
        ({"n_clusters": 10}, "n_clusters is 10; expected an integer from 1 to 9"),
        ({"n_clusters": 0}, "n_clusters is 0; expected an integer from 1 to 9"),
    ],
)
def test_what_cannot_be_is_refused(fitted, arguments, message):
    mixture, X, _ = fitted
    with pytest.raises(ValueError, match=message):
        mixture.merge(X, **arguments)
