"""The estimator meets every bad array with the documented rule: numbers, or a clean refusal."""

import re
import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.exceptions import ConvergenceWarning

from dgmm import GaussianMixture
from dgmm.errors import ConfigurationError, DataError
from tests.bad_arrays import FITTED, NOT_NUMBERS, REFUSED, SAME_BITS, X, plain


def in_blocks(rows):
    """A Dask array of two blocks, an empty one between them, made without looking at the values."""
    half = -(-len(rows) // 2)
    parts = [rows[:half], rows[half:half], rows[half:]]
    return da.concatenate([da.from_array(part, chunks=-1) for part in parts])


KINDS = {"numpy": lambda rows: rows, "dask": in_blocks}


def fitted(rows, n_components=3, covariance_type="full"):
    model = GaussianMixture(
        n_components, covariance_type=covariance_type, n_init=1, max_iter=3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows)


def numbers_of(mixture, rows):
    yield from (mixture.weights_, mixture.means_, mixture.covariances_, mixture.precisions_)
    yield from (mixture.precisions_cholesky_, np.array(mixture.lower_bounds_))
    yield np.array([mixture.lower_bound_, mixture.bic_, mixture.aic_, mixture.icl_])
    yield from map(np.asarray, (mixture.predict(rows), mixture.score_samples(rows)))
    yield np.asarray(mixture.predict_proba(rows))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FITTED)
def test_a_fit_ends_in_numbers(name, kind):
    rows = KINDS[kind](FITTED[name])
    for covariance_type in ("full", "tied", "diag", "spherical"):
        mixture = fitted(rows, covariance_type=covariance_type)
        assert all(np.isfinite(numbers).all() for numbers in numbers_of(mixture, rows))
        assert mixture.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SAME_BITS)
def test_a_fit_gives_the_bits_of_float64(name, kind):
    rows, same = KINDS[kind](SAME_BITS[name]), KINDS[kind](plain(SAME_BITS[name]))
    pairs = zip(numbers_of(fitted(rows), rows), numbers_of(fitted(same), same), strict=True)
    for ours, theirs in pairs:
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NOT_NUMBERS)
def test_a_fit_refuses_what_is_no_number_by_its_dtype(name, kind):
    rows = NOT_NUMBERS[name].copy()
    if (name, kind) == ("object", "numpy"):  # which may hold numbers, as these do
        np.testing.assert_array_equal(fitted(rows).means_, fitted(X).means_)
        rows[0, 0] = "no number"
        with pytest.raises(ValueError, match="could not convert string to float"):
            fitted(rows)
        return
    with pytest.raises(DataError, match=re.escape(f"dtype {rows.dtype}; expected")):
        fitted(KINDS[kind](rows))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_fit_refuses_what_cannot_be_fitted(name, kind):
    rows, expected = REFUSED[name]
    if "NaN" in name or "inf" in name:
        expected = f"{expected}|Input X contains (NaN|infinity)"  # scikit-learn's words
    is_table = rows.ndim == 2 and len(rows)
    rows = da.from_array(rows) if kind == "dask" and not is_table else KINDS[kind](rows)
    with pytest.raises(ValueError, match=expected):
        fitted(rows)


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", None])
def test_a_fit_refuses_numbers_of_components_that_are_none(number):
    with pytest.raises(ConfigurationError, match="n_components is"):
        GaussianMixture(number).fit(X)


def test_one_row_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"minimum of 2|n_samples = 1"):
        fitted(X[:1], 1)


def test_blocks_of_unknown_size_are_counted_and_then_as_good_as_others():
    rows = in_blocks(X)
    filtered = rows[rows[:, 0] > -np.inf]
    assert np.isnan(filtered.shape[0])
    known = da.concatenate([da.from_array(part, chunks=-1) for part in (X[:30], X[:0], X[30:])])
    for ours, theirs in zip(
        numbers_of(fitted(filtered), filtered), numbers_of(fitted(known), known), strict=True
    ):
        assert ours.tobytes() == theirs.tobytes()


def test_filtered_rows_of_which_none_are_left_are_refused():
    rows = in_blocks(X)
    with pytest.raises(DataError, match=r"shape \(0, 3\); expected at least one row"):
        fitted(rows[rows[:, 0] > np.inf])


def test_64_terabytes_in_blocks_that_are_too_many_are_refused_at_once():
    rows = da.Array({}, "never-read", ((1 << 20,) * 1_000_001, (4,)), dtype="f8")
    with pytest.raises(DataError, match=r"1000001 blocks; expected at most 1000000"):
        fitted(rows)


FAR = (-1e155, 1e200, 1.7e308)


def far_rows(value):
    """Rows 0 to 19,999 near the mixture's components, but for row 12,345."""
    rows = np.resize(X, (20_000, 3))
    rows[12_345] = value
    return rows


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("value", FAR)
def test_rows_whose_distances_overflow_are_refused_by_their_number(value, covariance_type):
    mixture, rows = fitted(X, covariance_type=covariance_type), far_rows(value)
    lazy = da.from_array(rows, chunks=(7_000, 2))
    for quantity in (mixture.predict, mixture.predict_proba, mixture.score_samples):
        with pytest.raises(DataError, match=r"Row 12345 is so far from all components"):
            quantity(rows)
        with pytest.raises(DataError, match=r"Row 12345 is so far from all components"):
            quantity(lazy).compute()
    for total in (mixture.score, mixture.bic, mixture.icl):
        for X_far in (rows, lazy):
            with pytest.raises(DataError, match=r"Row 12345 is so far from all components"):
                total(X_far)


def test_rows_just_before_distances_overflow_have_numbers():
    mixture, rows = fitted(X, 2), far_rows(1e150)
    assert mixture.predict(rows)[12_345] in (0, 1)
    assert np.isfinite(mixture.predict_proba(rows)).all()
    assert -1e302 < mixture.score_samples(rows)[12_345] < -1e298


def test_refused_rows_of_frames_and_grids_are_named_within_their_part():
    mixture, rows = fitted(X), far_rows(1e200)
    frame = pd.DataFrame(rows, index=range(100_000, 120_000))
    lazy = dd.from_pandas(frame, npartitions=2)
    with pytest.raises(DataError, match=r"index 110000 to 119999: Row 2345 is so far"):
        mixture.predict(lazy).compute()
    cells = xr.DataArray(da.from_array(rows.reshape(100, 200, 3), chunks=(50, 200, 3)))
    with pytest.raises(DataError, match=r"begins at \(50, 0\): Row 2345 is so far"):
        mixture.predict(cells).compute()


def test_rows_in_a_lazy_block_that_are_not_finite_are_named():
    lazy = da.from_array(far_rows(np.nan), chunks=(7_000, 3))
    with pytest.raises(DataError, match="Row 12345 has a value that is NaN or infinite"):
        fitted(X).predict(lazy).compute()


@pytest.mark.parametrize("value", [*FAR, np.nan, np.inf])
def test_a_mixture_is_not_conditioned_on_values_that_overflow(value):
    with pytest.raises(DataError, match=r"The known values are .*; expected finite ones, near"):
        fitted(X).condition([1], [value])
