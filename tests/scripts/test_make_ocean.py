"""The ocean-like case, from its script and its configuration to a map of labels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray
from sklearn.metrics import adjusted_rand_score

from dgmm.run.config.configuration import load
from dgmm.run.fit_run import run

ROOT = Path(__file__).parents[2]


def script():
    spec = importlib.util.spec_from_file_location(
        "make_ocean", ROOT / "scripts/simulate/make_ocean.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["ocean.zarr", "ocean.nc"])
def test_profiles_are_clustered_where_they_reach_the_deepest_level(tmp_path, name):
    size = ("--months", "6", "--lats", "18", "--lons", "24")
    assert script().main([str(tmp_path / name), *size]) == 0
    settings = (
        f"input.path={tmp_path / name}",
        f"output.path={tmp_path / 'out'}",
        "input.partition_size=100KiB",
        "model.n_components=[3]",
        "output.report=false",
    )
    finished = run(load(ROOT / "configs/ocean.yaml", settings))
    with xarray.open_datatree(finished.path, engine="zarr") as tree:
        found = tree["assignments"].to_dataset().load()
    made = script().simulate_ocean(6, 18, 24)
    assert found["labels"].dims == ("time", "lat", "lon")
    for coordinate in ("time", "lat", "lon", "floor"):
        np.testing.assert_array_equal(found[coordinate].values, made[coordinate].values)
    complete = made["temp"].notnull().all("depth").values
    assert 0.3 < complete.mean() < 0.9
    np.testing.assert_array_equal(found["labels"].values == -1, ~complete)
    np.testing.assert_array_equal(np.isnan(found["log_density"].values), ~complete)
    np.testing.assert_array_equal(np.isnan(found["responsibilities"].values).all(-1), ~complete)
    regime = made["regime"].values[complete]
    assert adjusted_rand_score(regime, found["labels"].values[complete]) > 0.95
    area = np.broadcast_to(np.cos(np.deg2rad(made["lat"].values))[:, None], complete.shape)
    shares = [area[complete][regime == i].sum() for i in range(3)] / area[complete].sum()
    weights = finished.sweep.selected.parameters.weights
    np.testing.assert_allclose(weights, np.sort(shares)[::-1], atol=0.02)


def test_profiles_above_a_high_sea_floor_are_clustered_by_what_they_have(tmp_path):
    size = ("--months", "6", "--lats", "18", "--lons", "24")
    assert script().main([str(tmp_path / "ocean.zarr"), *size]) == 0
    settings = (
        f"input.path={tmp_path / 'ocean.zarr'}",
        f"output.path={tmp_path / 'out'}",
        "input.partition_size=100KiB",
        "model.n_components=[3]",
        "output.report=false",
    )
    finished = run(load(ROOT / "configs/incomplete.yaml", settings))
    with xarray.open_datatree(finished.path, engine="zarr") as tree:
        found = tree["assignments"].to_dataset().load()
    made = script().simulate_ocean(6, 18, 24)
    is_sea = made["temp"].notnull().any("depth").values
    np.testing.assert_array_equal(found["labels"].values == -1, ~is_sea)
    score = adjusted_rand_score(made["regime"].values[is_sea], found["labels"].values[is_sea])
    assert score > 0.9
