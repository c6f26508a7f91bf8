"""Stores and files that say of their values what a reader of numbers alone would miss."""

import warnings

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from dgmm.errors import DataError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(params=[2, 3])
def grown(request, tmp_path):
    """A store to whose variable rows were appended after its metadata were consolidated."""
    path = tmp_path / "grown.zarr"
    dataset = xr.Dataset({"v": (("s", "f"), X)})
    dataset.to_zarr(path, zarr_format=request.param, consolidated=False)
    with warnings.catch_warnings(action="ignore"):  # an extension of format 3
        zarr.consolidate_metadata(path)
    array = zarr.open_array(path, path="v", mode="r+")
    array.resize((70, 3))
    array[60:] = 1.0
    return path


def test_rows_appended_after_metadata_were_consolidated_are_read(grown):
    rows = open_source(grown, selection=Selection(variables=("v",))).blocks.compute()
    np.testing.assert_array_equal(rows, np.concatenate([X, np.ones((10, 3))]))


def test_labelled_variables_larger_than_consolidated_metadata_say_are_refused(grown):
    selection = Selection(variables=("v",), sample_dims=("s",))
    with pytest.raises(DataError, match=r"v has shape \(70, 3\), and by .* consolidated metadata"):
        open_source(grown, selection=selection)


def test_enumerations_are_refused_by_their_names_and_truth_values_are_not(tmp_path):
    kind = h5py.enum_dtype({"LAND": 0, "SEA": 1}, "i1")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("mask", data=(X > 0).astype("i1"), dtype=kind)
        file["is_positive"] = X > 0
    with pytest.raises(DataError, match="/mask is an enumeration of LAND, SEA"):
        open_source(tmp_path / "x.h5", selection=Selection(variables=("mask",)))
    source = open_source(tmp_path / "x.h5", selection=Selection(variables=("is_positive",)))
    np.testing.assert_array_equal(source.blocks.compute(), X > 0)
