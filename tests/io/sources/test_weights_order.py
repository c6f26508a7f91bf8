"""Weights of another dataset go to the rows of their labels, by the command and by the source."""

import numpy as np
import pytest
import xarray
from click.testing import CliRunner

from dgmm import GaussianMixture
from dgmm.cli import dgmm
from dgmm.errors import DataError
from dgmm.io.sources import labels as labels_module
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source

LAT, LON = np.linspace(80, -80, 9), np.arange(20.0)
FIELD = np.random.default_rng(0).normal(size=(9, 20)) + LAT[:, None]
ROWS = xarray.Dataset({"t": (("lat", "lon"), FIELD)}, coords={"lat": LAT, "lon": LON})
WEIGHTS = xarray.Dataset(
    {"w": (("lat", "lon"), np.where(LAT > 0, 1.0, 0.1)[:, None] + LON / 100)},
    coords={"lat": LAT, "lon": LON},
)
SHUFFLED = {"lat": [3, 0, 1, 2, 8, 7, 6, 5, 4], "lon": np.random.default_rng(1).permutation(20)}


def write(dataset, path):
    if path.suffix == ".nc":
        dataset.to_netcdf(path, engine="h5netcdf")
    else:
        dataset.to_zarr(path, consolidated=False, encoding={"w": {"chunks": (2, 7)}})
    return str(path)


def opened(folder, weights):
    write(ROWS, folder / "x.nc")
    selection = Selection(
        variables=("t",), sample_dims=("lat", "lon"), weights=Weights("w", weights)
    )
    return open_source(folder / "x.nc", selection=selection, partition_size=300)


def weights_by_row(source):
    """Weight for each value of the field, whatever the order of blocks."""
    arrays = (source.blocks[:, 0], source.weights)
    values, weights = (array.compute(scheduler="synchronous") for array in arrays)
    return weights[np.argsort(values)]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize(
    "order",
    [
        {},
        {"lat": slice(None, None, -1)},
        SHUFFLED,
    ],
    ids=["same", "reversed", "shuffled"],
)
def test_weights_are_read_in_the_order_of_the_rows(tmp_path, suffix, order):
    path = write(
        WEIGHTS.isel(order).transpose("lon", "lat", ...)
        if order is SHUFFLED
        else WEIGHTS.isel(order),
        tmp_path / f"w{suffix}",
    )
    source = opened(tmp_path, path)
    assert source.blocks.npartitions > 3
    expected = WEIGHTS["w"].values.ravel()[np.argsort(FIELD.ravel())]
    np.testing.assert_array_equal(weights_by_row(source), expected)


def test_coordinates_in_float32_are_the_same(tmp_path):
    path = write(
        WEIGHTS.assign_coords(lat=LAT.astype("f4"))[{"lat": slice(None, None, -1)}],
        tmp_path / "w.nc",
    )
    expected = WEIGHTS["w"].values.ravel()[np.argsort(FIELD.ravel())]
    np.testing.assert_array_equal(weights_by_row(opened(tmp_path, path)), expected)


def test_weights_without_labels_are_taken_in_order(tmp_path):
    path = write(WEIGHTS.drop_vars(["lat", "lon"]), tmp_path / "w.nc")
    expected = WEIGHTS["w"].values.ravel()[np.argsort(FIELD.ravel())]
    np.testing.assert_array_equal(weights_by_row(opened(tmp_path, path)), expected)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"lon": LON + 180}, "labels along lon .*20 from 0.0 to 19.0, and 20 from 180.0 to 199.0"),
        ({"lat": LAT + 1e-6}, "labels along lat"),
        ({"lat": [f"row {i}" for i in range(9)]}, "labels along lat .* from row 0 to row 8"),
    ],
)
def test_other_labels_are_refused_by_name(tmp_path, labels, said):
    path = write(WEIGHTS.assign_coords(labels), tmp_path / "w.nc")
    with pytest.raises(DataError, match=said):
        opened(tmp_path, path)


def test_long_dimensions_are_compared_part_by_part(tmp_path, monkeypatch):
    monkeypatch.setattr(labels_module, "_MOST_LABELS", 4)
    path = write(WEIGHTS, tmp_path / "w.nc")
    assert weights_by_row(opened(tmp_path, path)).shape == (180,)
    (tmp_path / "other").mkdir()
    path = write(WEIGHTS.isel(lat=[0, 1, 2, 3, 5, 4, 6, 7, 8]), tmp_path / "other" / "w.nc")
    with pytest.raises(DataError, match="of 9, those from 4 on are in another order"):
        opened(tmp_path / "other", path)


def test_the_command_fits_with_the_right_weights_or_refuses(tmp_path):
    write(ROWS.assign(u=ROWS["t"] * 2 + ROWS["lon"]), tmp_path / "x.nc")
    write(WEIGHTS.isel(lat=slice(None, None, -1)), tmp_path / "w.nc")
    write(WEIGHTS.assign_coords(lon=LON + 180), tmp_path / "other.nc")
    for name, code in (("w", 0), ("other", 65)):
        (tmp_path / "c.yaml").write_text(
            f"input: {{path: {tmp_path}/x.nc, variables: [t, u], sample_dims: [lat, lon], "
            f"weights: {{path: {tmp_path}/{name}.nc, variable: w}}}}\n"
            "model: {n_components: 1, covariance_type: full}\n"
            f"output: {{path: {tmp_path}/out, report: false}}\ncluster: {{kind: threads}}\n"
        )
        outcome = CliRunner().invoke(dgmm, ["run", str(tmp_path / "c.yaml")])
        assert outcome.exit_code == code, outcome.output
    expected = np.average(FIELD.ravel(), weights=WEIGHTS["w"].values.ravel())
    assert GaussianMixture.from_zarr(tmp_path / "out").means_[0, 0] == pytest.approx(expected)
