"""Rows with missing values in the estimator, in the kinds of data that it takes."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import dgmm
from dgmm import GaussianMixture
from dgmm.estimator import attributes
from dgmm.mixture.missing_values.imputation import impute
from tests.engine.test_incomplete_rows import with_holes

ROWS = with_holes()
EMPTY = np.isnan(ROWS).all(axis=1)
PARAMETERS = {"n_components": 2, "random_state": 0, "missing": "marginalize"}


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixture(**PARAMETERS).fit(ROWS)


def test_rows_without_a_value_have_no_label_and_no_density(mixture):
    labels, log_density = mixture.predict(ROWS), mixture.score_samples(ROWS)
    np.testing.assert_array_equal(labels == -1, EMPTY)
    np.testing.assert_array_equal(np.isnan(log_density), EMPTY)
    assert np.isnan(mixture.predict_proba(ROWS)[EMPTY]).all()
    np.testing.assert_allclose(mixture.predict_proba(ROWS)[~EMPTY].sum(axis=1), 1)


def test_scores_and_criteria_count_the_rows_that_have_a_value(mixture):
    log_density = mixture.score_samples(ROWS)[~EMPTY]
    np.testing.assert_allclose(mixture.score(ROWS), log_density.mean(), rtol=1e-12)
    np.testing.assert_allclose(mixture.bic(ROWS), mixture.bic_, rtol=1e-9)
    np.testing.assert_allclose(mixture.icl(ROWS), mixture.icl_, rtol=1e-6)
    assert mixture.n_effective_ == (~EMPTY).sum()


def test_an_incomplete_row_has_the_density_of_the_marginal(mixture):
    row = np.array([[0.5, np.nan, -1.0]])
    expected = mixture.marginal([0, 2]).set_params(missing=None).score_samples(row[:, [0, 2]])
    np.testing.assert_allclose(mixture.score_samples(row), expected)


def test_lazy_data_give_the_same_as_data_in_memory(mixture):
    lazy = da.from_array(ROWS, chunks=(250, 3))
    ours = GaussianMixture(**PARAMETERS).fit(lazy)
    np.testing.assert_allclose(ours.means_, mixture.means_, rtol=1e-6)
    np.testing.assert_array_equal(mixture.predict(lazy).compute(), mixture.predict(ROWS))
    np.testing.assert_allclose(mixture.score(lazy), mixture.score(ROWS))
    imputed, variance = mixture.impute(lazy, return_variance=True)
    expected = impute(attributes.to_parameters(mixture), ROWS)
    np.testing.assert_allclose(imputed.compute(), expected.mean)
    np.testing.assert_allclose(variance.compute(), expected.variance)


def test_imputed_rows_come_back_in_kind(mixture):
    expected = mixture.impute(ROWS)
    assert np.isnan(expected[EMPTY]).all()
    assert np.isfinite(expected[~EMPTY]).all()
    there = ~np.isnan(ROWS)
    np.testing.assert_array_equal(expected[there], ROWS[there])
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"], index=np.arange(len(ROWS)) + 5)
    named = GaussianMixture(**PARAMETERS).fit(frame).set_output(transform="pandas")
    pd.testing.assert_frame_equal(
        named.impute(frame), pd.DataFrame(expected, frame.index, frame.columns), rtol=1e-6
    )
    cube = xr.DataArray(
        ROWS.reshape(20, 30, 3), {"y": range(20), "f": ["a", "b", "c"]}, ("y", "x", "f")
    )
    filled = named.impute(cube)
    assert filled.dims == cube.dims
    np.testing.assert_allclose(filled.values.reshape(-1, 3), expected, rtol=1e-6)
    assert list(filled.f.values) == ["a", "b", "c"]


@pytest.mark.filterwarnings("ignore:BIC is smallest")
def test_a_sweep_takes_incomplete_rows():
    found = dgmm.sweep(ROWS, range(1, 4), ("full", "tied"), missing="marginalize", random_state=0)
    assert len(found.results) == 6
    assert found.best.predict(ROWS[:5]).shape == (5,)


def test_components_are_joined_and_judged_by_the_values_that_rows_have(mixture):
    merged = mixture.merge(ROWS, n_clusters=1)
    assert merged.n_clusters == 1
    np.testing.assert_array_equal(merged.predict(ROWS) == -1, EMPTY)
    r = mixture.predict_proba(ROWS)[~EMPTY]
    entropy = -np.sum(r * np.log(np.maximum(r, 1e-300)), axis=1).mean()
    assert merged.clustering.entropy[1] == pytest.approx(entropy)
    found = mixture.goodness_of_fit(ROWS)
    again = mixture.goodness_of_fit(da.from_array(ROWS, chunks=(250, 3)))
    np.testing.assert_allclose(found.kurtosis, again.kurtosis)
    assert (found.discrepancy < 0.2).all()


def test_functions_of_a_fit_take_complete_rows_only():
    rows = np.exp(np.random.default_rng(0).normal(size=(100, 2)))
    found = GaussianMixture(feature_transform="log").fit(rows)
    found.set_params(feature_transform=None, missing="marginalize")
    with pytest.raises(ValueError, match="complete rows only"):
        found.predict([[1.0, np.nan]])


def test_nan_is_an_error_unless_asked_for():
    with pytest.raises(ValueError, match="keeps the other rows"):
        GaussianMixture().fit(ROWS)
    with pytest.raises(ValueError, match="missing is 'drop'; expected one of None, 'marginalize'"):
        GaussianMixture(missing="drop").fit(ROWS)
    with pytest.raises(ValueError, match="complete rows only"):
        GaussianMixture(missing="marginalize", feature_transform="log").fit(ROWS)


def test_infinite_values_are_an_error(mixture):
    rows = ROWS.copy()
    rows[3, 1] = np.inf
    for method in (mixture.fit, mixture.predict, mixture.impute):
        with pytest.raises(ValueError, match=r"row 3 column 'x1' \(inf\)"):
            method(rows)


def test_partial_fit_takes_complete_rows_only():
    mixture = GaussianMixture(**PARAMETERS).fit(ROWS)
    with pytest.raises(ValueError, match="NaN or infinite"):
        mixture.partial_fit(ROWS[10:60])
