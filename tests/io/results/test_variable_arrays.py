"""Components on the dimensions of the input's own variables."""

import numpy as np
import pytest
import xarray

from dgmm import open_result
from dgmm.io.grid import FeatureAxis, FeatureGroup
from dgmm.io.results.variable_arrays import read_variables, write_variables
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run

DEPTH = FeatureAxis("depth", (5.0, 10.0, 50.0), (("units", "m"),))
GROUPS = (
    FeatureGroup("t", (DEPTH,), (("long_name", "temperature"),)),
    FeatureGroup("band", (FeatureAxis("channel", ("red", "grün")), DEPTH)),
    FeatureGroup("level"),
)


def a_summary(n_components=2, n_quantiles=3, n_features=10):
    rng = np.random.default_rng(0)
    shape = (n_components, n_features)
    return ComponentSummary(
        np.array([3, 4]),
        np.array([3.0, 4.0]),
        rng.normal(size=shape),
        rng.uniform(size=shape),
        np.array([0.1, 0.5, 0.9]),
        rng.normal(size=(n_components, n_quantiles, n_features)),
    )


def test_what_was_written_comes_back(tmp_path):
    summary = a_summary()
    write_variables(tmp_path, summary, GROUPS, (4, 1))
    t, band, level = read_variables(tmp_path)
    assert (t.group, band.group, level.group) == GROUPS
    np.testing.assert_array_equal(t.mean, summary.mean[:, :3])
    expected = summary.quantiles[:, :, 3:9].reshape(2, 3, 2, 3)
    np.testing.assert_array_equal(band.quantiles, expected)
    np.testing.assert_array_equal(level.standard_deviation, summary.standard_deviation[:, 9])


@pytest.mark.parametrize(
    "groups",
    [
        (),
        (FeatureGroup("a"), FeatureGroup("b")),
        (FeatureGroup("mean", (DEPTH,)),),
        (FeatureGroup("a", (FeatureAxis("component", (1.0, 2.0)),)),),
        (FeatureGroup("a/b", (DEPTH,)),),
    ],
    ids=["no variables", "no dimensions", "a name taken", "a dimension taken", "a path"],
)
def test_nothing_is_written_where_it_would_say_nothing_or_collide(tmp_path, groups):
    write_variables(tmp_path, a_summary(), groups, (0, 1))
    assert read_variables(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_profiles_has_means_against_depth(tmp_path):
    rng = np.random.default_rng(0)
    depth = np.array([5.0, 10.0, 50.0])
    t = rng.normal(size=(60, 3)) + np.where(np.arange(60) < 30, 0.0, 9.0)[:, None] - depth / 10
    dataset = xarray.Dataset(
        {"t": (("cast", "depth"), t, {"units": "degC"}), "s": ("cast", rng.normal(size=60))},
        {"depth": ("depth", depth, {"units": "m"})},
    )
    dataset.to_netcdf(tmp_path / "casts.nc", engine="h5netcdf")
    text = f"""
input: {{path: {tmp_path}/casts.nc, variables: [t, s], sample_dims: [cast]}}
model: {{n_components: 2}}
output: {{path: {tmp_path}/out, report: false}}
cluster: {{kind: threads}}
"""
    run(loads(text))
    result = open_result(tmp_path / "out")
    with xarray.open_datatree(result.path, engine="zarr") as tree:
        profile = tree["variables/t"].to_dataset().load()
        assert "variables/s" in tree.groups or "/variables/s" in tree.groups
    assert profile["mean"].dims == ("component", "depth")
    assert profile["mean"].sel(depth=50.0).shape == (2,)
    np.testing.assert_array_equal(profile["mean"], result.components.mean[:, :3])
    assert (profile.attrs["units"], profile.depth.attrs["units"]) == ("degC", "m")
    assert profile["mean"].to_dataframe().shape == (6, 1)
