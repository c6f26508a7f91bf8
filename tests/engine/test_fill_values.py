"""Numbers that stand for a missing value, in files that do not say so."""

import logging

import dask.array as da
import numpy as np
import pytest

from dgmm import GaussianMixture
from dgmm.engine.profiling.fill_values import find_fill_values

VALUES = np.random.default_rng(0).normal(15.0, 5.0, 400)


def found_in(values, sample=None):
    values = np.asarray(values, float)[:, None]
    sample = values if sample is None else np.asarray(sample, float)[:, None]
    return find_fill_values(values.min(0), values.max(0), sample, ("x",))


@pytest.mark.parametrize("fill", [-9999, 9999, 1e20, np.float32(1e20), -32767, 2.0**123 * 0.9375])
def test_a_fill_value_far_from_all_others_is_found_though_the_sample_has_none(fill):
    rows = np.append(VALUES, fill)
    assert found_in(rows) == found_in(rows, VALUES) == {"x": float(fill)}


def test_netcdf_s_default_is_found_in_either_precision():
    default = 9.969209968386869e36
    for dtype in (np.float32, np.float64):
        assert found_in(np.append(VALUES, default).astype(dtype)) == {"x": default}


def test_of_two_fill_values_one_is_named():
    assert found_in(np.r_[VALUES, -9999.0, 1e20]) == {"x": 1e20}


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        np.append(VALUES, 12345.0),  # far, but no usual fill value
        np.r_[np.linspace(-11_000, 8_848, 300), -9999.0],  # an elevation among others
        np.arange(-32768.0, 32768.0, 100.0),  # all of an int16
        np.r_[VALUES * 500, 9999.0],  # near the others
        np.full(50, -9999.0),  # constant, which is said elsewhere
    ],
)
def test_what_may_be_a_measurement_is_not_doubted(values):
    assert found_in(values) == {}


def test_a_fit_warns_of_it(caplog):
    rows = np.c_[VALUES, VALUES[::-1]]
    rows[7, 1] = -9999.0
    for X in (rows, da.from_array(rows, chunks=(100, 2))):
        with caplog.at_level(logging.WARNING):
            GaussianMixture(1).fit(X)
        assert "Feature 'x1' has values of -9999, far from all others" in caplog.text
        assert "Feature 'x0'" not in caplog.text
        caplog.clear()
