"""Labelled rows are summed once, and never again."""

import dask.array as da
import numpy as np
import pytest

from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.in_memory import InMemoryRows
from dgmm.mixture.transform import FeatureTransformSpec
from tests.estimator.test_labels import planted

CHUNKS = (100, 1, 299, 400, 200)


def bits(found):
    """Everything of the mixtures of a fit."""
    found = [(each, each.parameters) for each in found.sweep.results]
    return [
        (
            each.trace,
            repr(each.criteria),
            *(array.tobytes() for array in (p.weights, p.means, p.covariances)),
        )
        for each, p in found
    ]


def held(rows, labels):
    return InMemoryRows.from_arrays(rows, None, ("a", "b"), labels)


def dataset(rows, labels):
    return Dataset.from_array(
        da.from_array(rows, (CHUNKS, 2)), labels=da.from_array(labels.astype(np.int16), 500)
    )


@pytest.mark.parametrize("sample_rows", [None, 300], ids=["all", "sample"])
def test_bits_do_not_depend_on_threads(sample_rows):
    rows, labels = planted(1_000)
    options = FitOptions((("full", 3), ("tied", 2)), sample_rows=sample_rows, max_iter=5)
    found = [
        fit(dataset(rows, labels), options, execution)
        for execution in (LocalExecution("threads", 1), LocalExecution("threads", 3))
    ]
    assert bits(found[0]) == bits(found[1])


def test_a_fit_goes_on_from_its_progress():
    rows, labels = planted(1_000)
    options = FitOptions((("full", 3),), sample_rows=300, tol=1e-9)
    kept = []
    whole = fit(dataset(rows, labels), options, save=kept.append)
    for progress in (kept[0], kept[len(kept) // 2], kept[-2]):
        again = fit(dataset(rows, labels), options, progress=progress)
        assert bits(again) == bits(whole)


def test_blocks_and_arrays_in_memory_agree():
    rows, labels = planted(1_000)
    options = FitOptions((("full", 3),), tol=1e-10)
    lazy = fit(dataset(rows, labels), options).sweep.selected
    there = fit(held(rows, labels), options).sweep.selected
    assert lazy.log_likelihood == pytest.approx(there.log_likelihood, rel=1e-10)
    weights = fit(dataset(rows, labels), options).profile.labelled.weights
    np.testing.assert_array_equal(weights, np.bincount(labels[labels >= 0]))


def test_prepared_rows_have_the_likelihood_of_rows_as_they_are():
    rows, labels = planted(1_000)
    plain = fit(held(rows, labels), FitOptions((("full", 3),), tol=1e-10))
    for prepare in (FeatureTransformSpec(True), FeatureTransformSpec(True, 2)):
        options = FitOptions((("full", 3),), tol=1e-10, prepare=prepare)
        prepared = fit(held(rows * [1, 100], labels), options)
        jacobian = len(rows) * np.log(rows.std(axis=0)).sum()  # rows times 100 have the same
        assert prepared.sweep.selected.log_likelihood - jacobian == pytest.approx(
            plain.sweep.selected.log_likelihood, abs=1e-3
        )
