"""Whole runs on labelled datasets: what comes out lies on the grid of what went in."""

import numpy as np
import pytest
import xarray
import zarr
from matplotlib.figure import Figure

from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import ConfigurationError
from dgmm.io import grid
from dgmm.io.results import assignment_arrays
from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.run_plan import plan_run
from tests.engine.recording import SYNCHRONOUS, dataset_of

DIMS = ("time", "lat", "lon")
SHAPE = (6, 7, 9)
ALL = "labels, responsibilities, log_density"


def ocean():
    """Two kinds of water whose surfaces and depths differ, apart from each other."""
    random = np.random.default_rng(7)
    kind = random.random(SHAPE) < 0.4
    profile = np.where(kind[..., None], [9.0, 8.0, 7.0], [2.0, 2.0, 2.0])
    temp = profile + random.normal(size=(*SHAPE, 3)) * [1.0, 0.8, 0.5]
    salt = 35 + 0.5 * kind + random.normal(0, 0.3, SHAPE)
    days = np.datetime64("2020-01-01", "ns") + np.arange(6) * np.timedelta64(1, "D")
    return xarray.Dataset(
        {
            "temp": (("time", "depth", "lat", "lon"), np.moveaxis(temp, -1, 1).astype(np.float32)),
            "salt": (DIMS, salt.astype(np.float32)),
        },
        coords={
            "time": ("time", days, {"long_name": "day"}),
            "depth": ("depth", [0.0, 5.0, 10.0]),
            "lat": ("lat", np.linspace(-60, 60, 7), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(0.0, 360.0, 40.0), {"units": "degrees_east"}),
            "depth_of_floor": (("lat", "lon"), random.uniform(10, 99, (7, 9)), {"units": "m"}),
            "station": ("lat", np.array(list("abcdefg"), dtype=object)),
            "month": ("time", np.ones(6, dtype=np.int32)),
        },
    )


def configuration(path, output, size=1200, dims=DIMS, assignments=ALL, extra=""):
    return loads(
        f"""
        input: {{path: {path}, variables: [temp, salt], sample_dims: [{", ".join(dims)}],
                 partition_size: {size} {extra}}}
        model: {{n_components: 2, covariance_type: full, n_init: 2, tol: 1e-9}}
        output: {{path: {output}, assignments: [{assignments}], report: false}}
        cluster: {{kind: threads}}
        """
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ocean")
    ocean().to_netcdf(folder / "x.nc", engine="h5netcdf")
    ocean().to_zarr(folder / "x.zarr", consolidated=False)
    return folder


@pytest.fixture(scope="module")
def table():
    """The same as a table in memory, fitted without any grid."""
    dataset = ocean()
    temp = dataset["temp"].transpose(*DIMS, "depth").values
    rows = np.concatenate([temp, dataset["salt"].values[..., None]], axis=-1).reshape(-1, 4)
    fitted = fit(
        dataset_of(rows, (len(rows),)), FitOptions((("full", 2),), n_init=2, tol=1e-9), SYNCHRONOUS
    )
    return rows, fitted.sweep.selected


def test_results_lie_on_the_grid_of_the_input_with_its_coordinates(data, table, tmp_path):
    rows, best = table
    finished = run(configuration(data / "x.nc", tmp_path))
    ours = assign(best.parameters, rows)
    with xarray.open_datatree(finished.path, engine="zarr") as tree:
        found = tree["assignments"].to_dataset().load()
    assert found["labels"].dims == DIMS
    assert found["responsibilities"].dims == (*DIMS, "component")
    np.testing.assert_array_equal(found["labels"], ours.labels.reshape(SHAPE))
    np.testing.assert_allclose(found["log_density"], ours.log_density.reshape(SHAPE), rtol=1e-8)
    shape = (*SHAPE, 2)
    np.testing.assert_allclose(
        found["responsibilities"], ours.responsibilities.reshape(shape), rtol=1e-4, atol=1e-7
    )
    assert found["labels"].dtype == np.int16
    assert found["labels"].attrs["flag_meanings"] == "missing"
    there = ocean().drop_vars(["temp", "salt", "depth"])
    assert set(found["labels"].coords) == set(there.coords)
    for name, coordinate in there.coords.items():
        assert found[name].dims == coordinate.dims
        np.testing.assert_array_equal(found[name].values, coordinate.values)
        assert found[name].attrs == coordinate.attrs
    assert found["labels"].sel(lat=20.0, time="2020-01-03").dims == ("lon",)
    axes = Figure().subplots()
    found["labels"].isel(time=0).plot(ax=axes)
    assert axes.get_xlabel() == "lon [degrees_east]"
    assert open_result(tmp_path).assignments["labels"].shape == SHAPE


@pytest.mark.parametrize(
    ("name", "size", "dims"),
    [("x.zarr", 500, DIMS), ("x.zarr", 10**6, ("lon", "time", "lat")), ("x.nc", 300, DIMS)],
)
def test_layouts_and_orders_change_nothing(data, table, tmp_path, name, size, dims):
    rows, best = table
    finished = run(configuration(data / name, tmp_path, size, dims))
    parameters = finished.sweep.selected.parameters
    np.testing.assert_allclose(parameters.weights, best.parameters.weights, rtol=1e-6)
    np.testing.assert_allclose(
        finished.sweep.selected.log_likelihood, best.log_likelihood, rtol=1e-10
    )
    labels = xarray.open_zarr(finished.path + "/assignments", consolidated=False)["labels"]
    assert labels.dims == dims
    expected = assign(best.parameters, rows).labels.reshape(SHAPE)
    np.testing.assert_array_equal(labels.transpose(*DIMS), expected)


def test_tasks_write_whole_chunks_that_fit_in_memory(data, tmp_path):
    plan = plan_run(configuration(data / "x.zarr", tmp_path, size=16 * 63))
    assert plan.source.grid.block_shape == (1, 7, 9)
    assert plan.chunk_shape == (1, 7, 9)


def test_large_coordinates_are_copied_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(assignment_arrays, "_CHUNK_VALUES", 5)
    floor = ocean()["depth_of_floor"].values
    found = grid.Coordinate("floor", ("lat", "lon"), floor.shape, "float64", (("a", [1]),))
    assignment_arrays.write_coordinate(tmp_path, found, lambda region: floor[region])
    array = zarr.open_array(tmp_path / "assignments" / "floor", mode="r")
    assert array.chunks == (1, 5)
    assert array.nchunks_initialized == array.nchunks == 14
    np.testing.assert_array_equal(array[...], floor)


def test_names_that_results_use_are_refused_for_dimensions(tmp_path):
    dataset = ocean().rename({"lat": "component"})
    dataset.to_netcdf(tmp_path / "x.nc", engine="scipy")
    dims = ("time", "component", "lon")
    with pytest.raises(ConfigurationError, match=r"dimension component .*Rename it"):
        plan_run(configuration(tmp_path / "x.nc", tmp_path / "out", dims=dims))


def test_an_image_is_a_grid_of_pixels(tmp_path):
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(1)
    pixels = np.where(random.random((20, 30, 1)) < 0.5, 200, 50) + random.integers(
        0, 9, (20, 30, 3)
    )
    image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "x.png")
    text = f"""
        input: {{path: {tmp_path / "x.png"}, partition_size: 400}}
        model: {{n_components: 2, covariance_type: diag, n_init: 2}}
        output: {{path: {tmp_path / "out"}, report: false}}
        cluster: {{kind: threads}}
        """
    finished = run(loads(text))
    labels = xarray.open_zarr(finished.path + "/assignments", consolidated=False)["labels"]
    assert labels.dims == ("y", "x")
    assert labels.shape == (20, 30)
    bright = pixels[..., 0] > 100
    assert len({(a, b) for a, b in zip(labels.values.ravel(), bright.ravel(), strict=True)}) == 2
