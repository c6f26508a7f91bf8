"""Many NetCDF files or Zarr groups as one dataset along a dimension."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import ConfigurationError, DataError, advise
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run, score
from dgmm.run.config.advice import REMEDIES

DIMS = ("time", "lat", "lon")


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, (12, 4, 5))
    values = kind[..., None] * 6.0 + rng.normal(size=(12, 4, 5, 3))
    return xr.Dataset(
        {"temp": ((*DIMS, "depth"), values), "area": (DIMS, rng.uniform(1, 2, (12, 4, 5)))},
        {
            "time": ("time", np.arange(12), {"units": "days since 2026-01-01"}),
            "lat": np.linspace(-60, 60, 4),
            "depth": [5.0, 10.0, 20.0],
        },
    )


def write(folder, dataset, suffix="nc", dim="time", bounds=(0, 5, 6, 12)):
    for i, (start, stop) in enumerate(pairwise(bounds)):
        part = dataset.isel({dim: slice(start, stop)})
        if suffix == "zarr":
            part.to_zarr(folder / f"gl_{i}.zarr", consolidated=False)
        else:
            part.to_netcdf(folder / f"gl_{i}.nc", engine="h5netcdf")
    return folder / f"gl_*.{suffix}"


def opened(path, dims=DIMS, dim="time", partition_size=700, **more):
    selection = Selection(("temp",), sample_dims=dims, concat_dim=dim, **more)
    return open_source(path, selection=selection, partition_size=partition_size)


def cells(source):
    """The values on the grid, whatever the order of the blocks."""
    table = np.empty((*source.grid.shape, source.blocks.shape[1]))
    start = 0
    for block in range(len(source.grid.block_rows)):
        region = source.grid.region(block)
        rows = source.blocks.blocks[block].compute(scheduler="synchronous")
        table[region] = rows.reshape(table[region].shape)
        start += len(rows)
    return table


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("partition_size", [None, 100, 700, 3000])
def test_files_are_one_dataset(tmp_path, dataset, suffix, partition_size):
    source = opened(write(tmp_path, dataset, suffix), partition_size=partition_size)
    assert source.grid.shape == (12, 4, 5)
    assert source.feature_names == ("temp[5.0]", "temp[10.0]", "temp[20.0]")
    np.testing.assert_array_equal(cells(source), dataset["temp"])
    time, lat = (
        next(each for each in source.coordinates if each.name == name) for name in ("time", "lat")
    )
    assert source.read_coordinate(time, (slice(3, 8),)).tolist() == [3, 4, 5, 6, 7]
    assert dict(time.attributes)["units"] == "days since 2026-01-01"
    np.testing.assert_array_equal(source.read_coordinate(lat, (slice(0, 4),)), dataset["lat"])


def test_files_may_lie_along_any_dimension_of_the_samples(tmp_path, dataset):
    path = write(tmp_path, dataset, dim="lat", bounds=(0, 1, 4))
    source = opened(path, dims=("time", "lon", "lat"), dim="lat")
    expected = dataset["temp"].transpose("time", "lon", "lat", "depth")
    np.testing.assert_array_equal(cells(source), expected)


def test_weights_lie_in_the_same_files(tmp_path, dataset):
    path = write(tmp_path, dataset)
    source = opened(path, weights=Weights("area"), partition_size=10**6)
    weights = source.weights.compute(scheduler="synchronous")
    np.testing.assert_array_equal(weights, dataset["area"].to_numpy().ravel())


def test_a_file_more_is_another_fingerprint(tmp_path, dataset):
    path = write(tmp_path, dataset.isel(time=slice(0, 6)), bounds=(0, 3, 6))
    before = opened(path)
    dataset.isel(time=slice(6, 9)).to_netcdf(tmp_path / "gl_9.nc", engine="h5netcdf")
    after = opened(path)
    assert (before.grid.shape[0], after.grid.shape[0]) == (6, 9)
    assert before.fingerprint != after.fingerprint


def test_files_that_do_not_continue_each_other_are_refused(tmp_path, dataset):
    path = write(tmp_path, dataset)
    for i, (changed, what) in enumerate(
        (
            (dataset.assign_coords(depth=[5.0, 10.0, 30.0]), "other features"),
            (dataset.isel(lon=slice(0, 3)), "other extents"),
            (dataset.assign_coords(lat=dataset["lat"] + 1), "other labels along lat"),
        )
    ):
        file = tmp_path / f"gl_9{i}.nc"
        changed.isel(time=slice(0, 2)).to_netcdf(file, engine="h5netcdf")
        with pytest.raises(DataError, match=rf"gl_9{i}.nc has {what}"):
            opened(path)
        file.unlink()


def test_a_coordinate_in_other_units_is_left_out(tmp_path, dataset, caplog):
    path = write(tmp_path, dataset)
    other = dataset.isel(time=slice(0, 2)).copy()
    other["time"].attrs["units"] = "kelvin"
    other.to_netcdf(tmp_path / "gl_9.nc", engine="h5netcdf")
    assert "time" not in [each.name for each in opened(path).coordinates]
    assert "coordinate time is left out" in caplog.text


@pytest.mark.parametrize("unit", ["days", "hours", "seconds"])
def test_times_are_in_the_units_of_the_first_file(tmp_path, dataset, unit, caplog):
    hours = 24 if unit == "days" else 36
    days = np.datetime64("2026-01-01") + np.arange(12) * np.timedelta64(hours, "h")
    for i, part in enumerate((slice(0, 5), slice(5, 6), slice(6, 12))):
        month = dataset.isel(time=part).assign_coords(time=days[part].astype("M8[ns]"))
        unit_here = f"{unit if i else 'days'} since 2026-0{i + 1}-01"
        month["time"].encoding |= {"units": unit_here, "dtype": "float64" if i < 2 else "int64"}
        month.to_netcdf(tmp_path / f"gl_{i}.nc", engine="h5netcdf")
    source = opened(tmp_path / "gl_*.nc")
    time = next(each for each in source.coordinates if each.name == "time")
    assert dict(time.attributes)["units"].startswith("days since 2026-01-01")
    np.testing.assert_array_equal(
        source.read_coordinate(time, (slice(2, 12),)), np.arange(2, 12) * hours / 24
    )
    assert "is left out" not in caplog.text


def test_times_of_another_calendar_are_left_out(tmp_path, dataset, caplog):
    path = write(tmp_path, dataset)
    other = dataset.isel(time=slice(0, 2)).copy()
    other["time"].attrs |= {"units": "days since 2027-01-01", "calendar": "360_day"}
    other.to_netcdf(tmp_path / "gl_9.nc", engine="h5netcdf")
    assert "time" not in [each.name for each in opened(path).coordinates]
    assert "coordinate time is left out" in caplog.text


@pytest.mark.parametrize("dim", [None, "depth"])
def test_without_a_dimension_of_the_samples_a_pattern_is_refused(tmp_path, dataset, dim):
    path = write(tmp_path, dataset)
    with pytest.raises(ConfigurationError, match=r"input\.concat_dim"), advise(REMEDIES):
        opened(path, dim=dim)


def test_runs_and_scores_are_those_of_the_whole_dataset(tmp_path, dataset):
    dataset.to_netcdf(tmp_path / "whole.nc", engine="h5netcdf")
    path = write(tmp_path, dataset)
    found = {}
    for name, place, more in (("a", tmp_path / "whole.nc", ""), ("b", path, "concat_dim: time,")):
        text = f"""
        input: {{path: "{place}", variables: temp, {more} sample_dims: [time, lat, lon]}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {tmp_path / name}, report: false}}
        cluster: {{kind: threads}}
        """
        run(loads(text))
        found[name] = open_result(tmp_path / name)
        (tmp_path / "c.yaml").write_text(text)
        assert CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")]).exit_code == 0
        score(found[name], loads(text.replace(f"/{name},", f"/{name}-scored,")))
        found[f"{name}-scored"] = open_result(tmp_path / f"{name}-scored")
    labels = [each.assignments["labels"][:] for each in found.values()]
    assert all((each == labels[0]).all() for each in labels)
    assert found["b"].coordinates["time"][:].tolist() == list(range(12))
