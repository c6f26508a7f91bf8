"""Rows in memory are not held twice."""

import tracemalloc

import numpy as np

from dgmm import GaussianMixture


def test_rows_in_memory_are_fitted_and_predicted_where_they_are():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1 << 20, 4))
    model = GaussianMixture(1, sample_size=1000)
    model.fit(X[:1000]).predict(X[:1000])  # what imports and first calls hold is no copy
    tracemalloc.start()
    try:
        model.fit(X, sample_weight=np.ones(len(X)))
        of_fit = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        labels = model.predict(X)
        of_predict = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes / 4 <= of_fit < X.nbytes  # the weights at least
    assert labels.nbytes <= of_predict < X.nbytes
