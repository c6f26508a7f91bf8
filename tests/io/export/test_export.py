"""What a result says of rows, as files of other programs."""

import csv
import importlib.util
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray
from click.testing import CliRunner

from dgmm import open_result
from dgmm.cli import dgmm
from dgmm.errors import OutputError, UsageError
from dgmm.io.export.exporter import ExportOptions, export
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run

N = 700
PAGE = (Path(__file__).parents[3] / "docs" / "results.md").read_text()


def has(module):
    return importlib.util.find_spec(module) is not None


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A table with a result in several blocks, and an ocean with one on its grid."""
    home = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N, 2)) + 6 * rng.integers(0, 2, size=(N, 1))
    rows[3, 0] = np.nan
    duckdb.from_arrow(_table(rows)).write_parquet(str(home / "cells.parquet"))
    lat, lon, depth = np.arange(-40, 41, 20.0), np.arange(0, 360, 45.0), [5.0, 10.0]
    t = rng.normal(size=(2, 5, 8, 2)) + 9 * (np.abs(lat) < 30)[:, None, None]
    xarray.Dataset(
        {"t": (("time", "lat", "lon", "depth"), t)},
        {
            "time": [0, 1],
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
            "depth": depth,
        },
    ).to_netcdf(home / "ocean.nc", engine="h5netcdf")
    fit(home, "cells", "cells.parquet, columns: [x, y], missing: drop, partition_size: 4KiB")
    fit(home, "ocean", "ocean.nc, variables: [t], sample_dims: [time, lat, lon]")
    return home


def _table(rows):
    import pyarrow as pa

    keys = [f"cell-{number}" for number in range(len(rows))]
    return pa.table({"id": keys, "x": rows[:, 0], "y": rows[:, 1]})


def fit(home, name, source):
    text = f"""
input: {{path: {home}/{source}}}
model: {{n_components: 2, n_init: 1, seed: 0}}
output:
  path: {home}/{name}
  assignments: [labels, responsibilities, log_density, outlier]
  report: false
cluster: {{kind: threads}}
"""
    run(loads(text))


def exported(home, name, suffix, options=ExportOptions()):  # noqa: B008
    path = home / "files" / f"{name}{suffix}"
    export(open_result(home / name), path, options)
    return path


def test_parquet_has_a_row_group_for_each_block(home):
    path = exported(home, "cells", ".parquet")
    found = pq.ParquetFile(path)
    assignments = open_result(home / "cells").assignments
    assert found.num_row_groups == assignments["labels"].nchunks > 1
    table = found.read()
    assert table.column_names == [
        *("row", "label", "probability", "log_density", "outlier", "responsibilities")
    ]
    np.testing.assert_array_equal(table["row"], np.arange(N))
    for column, name in (("label", "labels"), ("log_density",) * 2, ("outlier",) * 2):
        np.testing.assert_array_equal(table[column], assignments[name][...])
    responsibilities = assignments["responsibilities"][...]
    np.testing.assert_array_equal(np.stack(table["responsibilities"].to_numpy()), responsibilities)
    np.testing.assert_array_equal(table["probability"], responsibilities.max(axis=1))
    assert table["label"][3].as_py() == -1


def test_the_line_of_the_docs_joins_labels_to_ids(home, monkeypatch):
    exported(home, "cells", ".parquet").rename(home / "labels.parquet")
    monkeypatch.chdir(home)
    (line,) = [line for line in PAGE.splitlines() if "read_parquet('cells.parquet'" in line]
    found = duckdb.sql(line.strip()).fetchnumpy()
    order = np.argsort(found["row"])
    assert found["id"][order].tolist() == [f"cell-{number}" for number in range(N)]
    labels = open_result(home / "cells").assignments["labels"][...]
    np.testing.assert_array_equal(found["label"][order], labels)


def test_a_grid_is_a_table_with_its_coordinates(home):
    table = duckdb.read_parquet(str(exported(home, "ocean", ".parquet"))).fetchnumpy()
    labels = open_result(home / "ocean").assignments["labels"][...]
    order = np.argsort(table["row"])
    np.testing.assert_array_equal(table["row"][order], np.arange(labels.size))
    np.testing.assert_array_equal(table["label"][order], labels.ravel())
    lat = np.broadcast_to(np.arange(-40, 41, 20.0)[:, None], (2, 5, 8))
    np.testing.assert_array_equal(table["lat"][order], lat.ravel())
    assert set(table["time"]) == {0, 1}


def test_csv_has_a_line_for_each_row(home):
    with exported(home, "cells", ".csv").open(newline="") as file:
        heading, *lines = csv.reader(file)
    assert heading[-2:] == ["responsibilities_0", "responsibilities_1"]
    labels = open_result(home / "cells").assignments["labels"][...]
    assert [int(line[heading.index("label")]) for line in lines] == labels.tolist()
    densities = open_result(home / "cells").assignments["log_density"][...]
    found = [float(line[heading.index("log_density")]) for line in lines]
    np.testing.assert_array_equal(found, densities)


@pytest.mark.skipif(not has("rasterio"), reason="needs rasterio")
def test_a_geotiff_has_the_grid_of_the_samples(home, tmp_path):
    import rasterio

    path = exported(home, "ocean", ".tif")
    assignments = open_result(home / "ocean").assignments
    with rasterio.open(path) as image:
        np.testing.assert_array_equal(image.read(), assignments["labels"][...])
        assert (image.nodata, image.crs.to_epsg()) == (-1, 4326)
        assert image.descriptions == ("time=0", "time=1")
        assert image.xy(0, 0) == (0, -40)
        assert image.xy(4, 7) == (315, 40)
    options = ExportOptions("probability", like=str(path))
    export(open_result(home / "ocean"), tmp_path / "p.tif", options)
    with rasterio.open(tmp_path / "p.tif") as image, rasterio.open(path) as other:
        expected = assignments["responsibilities"][...].max(axis=-1)
        np.testing.assert_array_equal(image.read(), expected)
        assert image.transform == other.transform
    with pytest.raises(OutputError, match="no column 'depth' of numbers"):
        exported(home, "ocean", ".tif", ExportOptions("depth"))
    with pytest.raises(OutputError, match="samples along sample only, expected the two"):
        exported(home, "cells", ".tif")


@pytest.mark.skipif(not has("anndata"), reason="needs anndata")
@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_anndata_gains_columns_of_obs(home, tmp_path, suffix):
    import anndata
    import pandas as pd

    def some_cells(n):
        obs, var = (
            pd.DataFrame(
                {"sample": np.ones(m)}, index=pd.Index([str(i) for i in range(m)], dtype="O")
            )
            for m in (n, 1)
        )
        return anndata.AnnData(np.ones((n, 1), np.float32), obs, var)

    path, cells = tmp_path / f"cells{suffix}", some_cells(N)
    cells.write_h5ad(path) if suffix == ".h5ad" else cells.write_zarr(path)
    result = open_result(home / "cells")
    for _ in range(2):  # again replaces them
        export(result, path)
    found = anndata.read_h5ad(path) if suffix == ".h5ad" else anndata.read_zarr(path)
    assert list(found.obs.columns) == [
        *("sample", "dgmm_label", "dgmm_probability", "dgmm_log_density", "dgmm_outlier")
    ]
    labels = result.assignments["labels"][...]
    expected = ["missing" if label < 0 else str(label) for label in labels]
    assert found.obs["dgmm_label"].tolist() == expected
    assert set(found.obs["dgmm_label"].cat.categories) == {"0", "1", "missing"}
    density = result.assignments["log_density"][...]
    np.testing.assert_array_equal(found.obs["dgmm_log_density"], density)
    some_cells(3).write_h5ad(tmp_path / "few.h5ad")
    with pytest.raises(OutputError, match="has 3 observations, the result 700"):
        export(result, tmp_path / "few.h5ad")


def test_the_command_exports_rows_and_model(home, tmp_path):
    files = ("labels.parquet", "model.json", "model.sql", "model.onnx")
    for name in files:
        done = CliRunner().invoke(dgmm, ["export", str(home / "cells"), str(tmp_path / name)])
        assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    result = open_result(home / "cells")
    assert (tmp_path / "model.sql").read_text() == result.to_sql()
    query = f"SELECT {result.to_sql()} AS label FROM '{home}/cells.parquet'"
    labels = duckdb.sql(query).fetchnumpy()["label"]
    kept = np.arange(N) != 3  # which lacks a value
    expected = result.assignments["labels"][...]
    np.testing.assert_array_equal(np.asarray(labels)[kept], expected[kept])


def test_files_of_no_known_form_are_refused(home):
    with pytest.raises(UsageError, match=r"ends in \.xlsx, expected \.csv, \.parquet, \.tif"):
        exported(home, "cells", ".xlsx")
    with pytest.raises(OutputError, match="is not there: columns are added"):
        exported(home, "cells", ".h5ad")


def test_a_damaged_result_leaves_no_file(home, tmp_path):
    result = open_result(home / "cells")
    chunk = result.path / "assignments" / "labels" / "c" / "0"
    content = chunk.read_bytes()
    try:
        chunk.write_bytes(content[:-1])
        with pytest.raises(OSError, match="cannot be read"):
            export(result, tmp_path / "x.parquet")
    finally:
        chunk.write_bytes(content)
    assert list(tmp_path.iterdir()) == []
