"""Packed numbers mean the same by every door: Zarr, HDF5, NetCDF and `dgmm ingest`."""

import itertools

import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import DataError
from dgmm.io.sources.packing import read_packing
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

ENCODING = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 10.0, "_FillValue": -32768}


@pytest.fixture(scope="module")
def values():
    rows = np.random.default_rng(0).normal(size=(60, 2)) * [1, 2] + [10, 20]
    rows[::7, 0] = np.nan
    return rows


def read(path, **selection):
    source = open_source(path, selection=Selection(**selection), partition_size=200)
    return source.blocks.compute(scheduler="synchronous")


def write(folder, values, encoding=ENCODING):
    """The same numbers as Zarr v2, Zarr v3, NetCDF and HDF5."""
    dataset = xarray.Dataset(
        {"temp": (("obs", "depth"), values)}, coords={"depth": np.arange(values.shape[1])}
    )
    encoding = {"temp": encoding}
    dataset.to_zarr(folder / "2.zarr", encoding=encoding, zarr_format=2, consolidated=True)
    dataset.to_zarr(folder / "3.zarr", encoding=encoding, zarr_format=3, consolidated=False)
    for name in ("p.nc", "p.h5"):
        dataset.to_netcdf(folder / name, encoding=encoding, engine="h5netcdf")
    return [folder / name for name in ("2.zarr", "3.zarr", "p.nc", "p.h5")]


@pytest.mark.filterwarnings("ignore:saving variable .* with floating point data as an integer")
@pytest.mark.parametrize(
    "encoding",
    [
        ENCODING,
        {**ENCODING, "dtype": "int32", "scale_factor": np.float32(0.01)},
        {"dtype": "int16", "scale_factor": np.float32(0.5), "add_offset": np.float32(1)},
        {"dtype": "int8", "_FillValue": -1, "scale_factor": 0.2, "_Unsigned": "true"},
        {"dtype": "int32", "add_offset": 3.0, "_FillValue": 0},
        {"dtype": "float32", "_FillValue": -999.0},
        {"dtype": "float64", "missing_value": -999.0},
    ],
)
def test_every_door_gives_what_xarray_decodes(tmp_path, values, encoding):
    rows = values
    if not {"_FillValue", "missing_value"} & {*encoding}:
        rows = np.nan_to_num(values, nan=9.5)
    for path in write(tmp_path, rows, encoding):
        zarr_options = {"engine": "zarr", "consolidated": False}
        with xarray.open_dataset(path, **(zarr_options if path.suffix == ".zarr" else {})) as known:
            expected = known["temp"].values
        assert np.isnan(expected).any() == np.isnan(rows).any()
        labelled = path if path.suffix != ".h5" else path.with_suffix(".nc")
        doors = [read(labelled, variables=("temp",), sample_dims=("obs",))]
        if path.suffix != ".nc":
            doors.append(read(path, variables=("temp",)))
        for found in doors:
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_ingest_writes_the_numbers_that_are_meant(tmp_path, values):
    for i, path in enumerate(write(tmp_path, values)):
        options = ["--sample-dims", "obs"] if path.suffix == ".nc" else []
        arguments = [str(path), "--variable", "temp", "--output", str(tmp_path / f"{i}.out.zarr")]
        outcome = CliRunner().invoke(dgmm, ["ingest", *arguments, *options])
        assert outcome.exit_code == 0, outcome.output
        np.testing.assert_allclose(read(tmp_path / f"{i}.out.zarr"), values, atol=0.0051)


def test_fill_values_are_numbers_where_nobody_says_what_they_mean(tmp_path):
    rows = np.array([[0, 1], [2, 0], [3, 4]], "i2")
    zarr.create_array(tmp_path / "x.zarr", data=rows, zarr_format=2, fill_value=0)
    found = read(tmp_path / "x.zarr", missing_chunks="fill")
    assert found.dtype == rows.dtype
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_that_are_not_there_are_no_numbers(tmp_path, values, zarr_format):
    dataset = xarray.Dataset({"temp": (("obs", "depth"), values)})
    encoding = {"temp": {**ENCODING, "chunks": (20, 2)}}
    dataset.to_zarr(
        tmp_path / "x.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False
    )
    chunk = "1.0" if zarr_format == 2 else "c/1/0"
    (tmp_path / "x.zarr" / "temp" / chunk).unlink()
    for dims in ((), ("obs",)):
        wanted = {"variables": ("temp",), "sample_dims": dims}
        with pytest.raises(DataError, match="There is no chunk"):
            read(tmp_path / "x.zarr", **wanted)
        if zarr_format == 2:
            found = read(tmp_path / "x.zarr", **wanted, missing_chunks="fill")
            assert np.isnan(found[20:40]).all()
            np.testing.assert_allclose(found[40:], values[40:], atol=0.0051)
        else:  # Zarr's fill value is the number 0, and that of xarray means that there is none
            with pytest.raises(DataError, match="its meaning is unknown"):
                read(tmp_path / "x.zarr", **wanted, missing_chunks="fill")


@pytest.mark.parametrize("suffix", [".zarr", ".h5"])
def test_times_are_no_numbers_by_the_plain_way(tmp_path, suffix):
    times = np.datetime64("2020-01-01", "ns") + np.arange(12).reshape(6, 2)
    for name, rows in (("time", times), ("lag", times - times[0, 0])):
        dataset = xarray.Dataset({name: (("a", "b"), rows)})
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".zarr":
            dataset.to_zarr(path, consolidated=False)
        else:
            dataset.to_netcdf(path, engine="h5netcdf")
        with pytest.raises(DataError, match=f"{name} of .* is times"):
            open_source(path, selection=Selection(variables=(name,)))


def test_values_of_attributes_are_seen_as_the_array_holds_them():
    for fill, dtype in itertools.product((255, -1, "-1"), ("i1", "u1")):
        sign = {"_Unsigned": "true" if dtype == "i1" else "false"}
        packing = read_packing(np.dtype(dtype), {"_FillValue": fill, **sign})
        assert packing.missing.tolist() == [255 if dtype == "i1" else -1]
    assert read_packing(np.dtype("i1"), {"_FillValue": 255}).is_plain  # no int8 is 255
    assert read_packing(np.dtype("f4"), {"_FillValue": "AAAAAAAAIsA="}).missing.tolist() == [-9.0]
    assert read_packing(np.dtype("f4"), {"_FillValue": "NaN"}).is_plain
    with pytest.raises(ValueError, match="expected one number"):
        read_packing(np.dtype("i2"), {"scale_factor": "big"})
