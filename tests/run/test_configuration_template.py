"""Configurations that are written for data."""

import numpy as np
import pytest
import xarray
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import InputNotFoundError
from dgmm.run.config.configuration import load, loads
from dgmm.run.configuration_template import describe_input
from dgmm.run.fit_run import run


def test_a_table_gets_a_configuration_that_runs(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "cells.npy", rng.normal(size=(60, 2)) + 9 * rng.integers(0, 2, (60, 1)))
    config = tmp_path / "cells.yaml"
    command = ["init", str(tmp_path / "cells.npy"), "--output", str(config)]
    done = CliRunner().invoke(dgmm, command)
    assert (done.exit_code, done.output) == (0, f"{config}\n")
    text = config.read_text()
    assert text.startswith("# 60 rows of 2 features, NumPy array in C order, float64:\n# x0, x1\n")
    assert "\n# prepare:" in text
    settings = (f"output.path={tmp_path}/out", "cluster={kind: threads}", "output.report=false")
    configuration = load(str(config), settings)
    assert configuration.model.n_components == (1, 2, 3)
    assert len(run(configuration).sweep.results) == 12
    again = CliRunner().invoke(dgmm, command)
    assert again.exit_code == 73
    assert "File exists. Choose another name." in again.stderr
    assert config.read_text() == text


@pytest.mark.parametrize("name", ["casts.nc", "casts.zarr"])
def test_of_profiles_the_depths_are_features(tmp_path, name):
    rng = np.random.default_rng(0)
    path = tmp_path / name
    casts = xarray.Dataset(
        {
            "t": (("time", "depth", "lat"), rng.normal(size=(5, 3, 4))),
            "s": (("time", "lat"), rng.normal(size=(5, 4))),
            "crs": ((), 0),
        },
        {"depth": [5.0, 10.0, 20.0]},
    )
    if path.suffix == ".nc":
        casts.to_netcdf(path, engine="h5netcdf")
    else:
        casts.drop_vars("s").to_zarr(path, zarr_format=3, consolidated=False)
    text = describe_input(str(path))
    found = loads(text)
    assert found.input.variables == (("t", "s") if path.suffix == ".nc" else ("t",))
    assert found.input.sample_dims == ("time", "lat")
    assert (found.prepare.scale, found.prepare.pca) == ("standardize", 0.99)
    assert "# t[5.0], t[10.0], t[20.0]" in text


def test_files_that_match_a_pattern_follow_each_other(tmp_path):
    for month in range(2):
        values = np.random.default_rng(month).normal(size=(3, 4))
        casts = xarray.Dataset(
            {"t": (("time", "lat"), values)}, {"time": [month, month + 0.3, month + 0.6]}
        )
        casts.to_netcdf(tmp_path / f"{month}.nc", engine="h5netcdf")
    found = loads(describe_input(str(tmp_path / "*.nc")))
    assert (found.input.concat_dim, found.input.sample_dims) == ("time", ("time", "lat"))
    with pytest.raises(InputNotFoundError, match="Nothing matches"):
        describe_input(str(tmp_path / "x*.nc"))


def test_chosen_columns_are_named(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "x.parquet"
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: rng.normal(size=50) for name in ("a", "b", "c")}), path)
    done = CliRunner().invoke(dgmm, ["init", str(path), "--columns", "a,c"])
    assert done.exit_code == 0
    assert loads(done.output).input.columns == ("a", "c")
    assert '# columns: ["a", "b", "c"]\n' in describe_input(str(path))


def test_of_cells_compensation_and_markers_are_named(tmp_path):
    flowio = pytest.importorskip("flowio")
    with open(tmp_path / "t.fcs", "wb") as file:
        flowio.create_fcs(file, [1.0, 2.0] * 30, ["FL1-A", "FL2-A"], ["CD3", "CD4"])
    text = describe_input(str(tmp_path))
    assert '# columns: ["CD3", "CD4"]\n' in text
    assert "# compensate: true" in text
    assert '#   transform: {"*": {arcsinh: 150}}' in text


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.npy"):
        describe_input(str(tmp_path / "none.npy"))
