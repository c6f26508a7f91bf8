"""Names that are no names, and numbers that attributes call something else."""

import warnings

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dgmm import GaussianMixture
from dgmm.errors import DataError

X = np.random.default_rng(0).normal(size=(60, 3))
FILLED = np.where(np.arange(180).reshape(60, 3) % 50 == 7, -9999.0, X)


def array(values, **attributes):
    return xr.DataArray(values, dims=("s", "f"), attrs=attributes)


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame(X, columns=["a", "a", "b"]),
        xr.DataArray(X, dims=("s", "f"), coords={"f": ["a", "a", "b"]}),
    ],
)
def test_features_of_one_name_are_refused(rows):
    with pytest.raises(DataError, match="more than one feature named 'a'"):
        GaussianMixture().fit(rows)


@pytest.mark.parametrize("name", ["_FillValue", "missing_value"])
def test_values_that_attributes_call_missing_are_refused(name):
    rows = array(FILLED, **{name: -9999.0})
    with pytest.raises(DataError, match=rf"4 values of X are missing.*{name} is -9999.0.*: 2, 19"):
        GaussianMixture().fit(rows)
    mixture = GaussianMixture().fit(array(X, **{name: -9999.0}))
    np.testing.assert_array_equal(mixture.means_, GaussianMixture().fit(X).means_)
    with pytest.raises(DataError, match="4 values of X are missing"):
        mixture.predict(rows)


def test_packing_that_changes_nothing_is_passed_over():
    with warnings.catch_warnings(action="error"):
        GaussianMixture().fit(array(X, scale_factor=1.0, add_offset=0.0, _FillValue=-1.0))


@pytest.mark.parametrize("values", [X, da.from_array(X, chunks=(20, 3))])
def test_packing_that_was_not_applied_is_warned_of(values):
    with pytest.warns(UserWarning, match="attributes scale_factor, which xarray has not applied"):
        GaussianMixture().fit(array(values, scale_factor=0.01))


def test_weights_so_small_that_products_are_zero_are_refused():
    with pytest.raises(DataError, match=r"weights sum to .*; expected at least 1e-300"):
        GaussianMixture().fit(X, sample_weight=np.full(60, 5e-324))
