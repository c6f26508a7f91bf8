"""Runs on every format of tables, written by its own library: labels are those in memory."""

from itertools import pairwise

import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.engine.dataset import Dataset
from dgmm.engine.fit import FitOptions, fit
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.run_plan import plan_run
from tests.engine.recording import SYNCHRONOUS

N = 2_000
NAMES = ("a", "b")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(9)
    truth = rng.choice(3, size=N, p=[0.5, 0.3, 0.2])
    return (np.array([[0, 0], [7, 0], [0, 7]])[truth] + rng.normal(size=(N, 2))).astype("f4")


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(10).uniform(0.5, 2, size=N)


def as_zarr(folder, rows, weights, chunk_rows=350, chunk_columns=2):
    group = zarr.create_group(folder / "x.zarr")
    group.create_array("x", data=rows, chunks=(chunk_rows, chunk_columns))
    group.create_array("w", data=weights, chunks=(chunk_rows,))
    return folder / "x.zarr"


def as_npy(folder, rows, weights):
    np.save(folder / "w.npy", weights)
    np.save(folder / "x.npy", rows)
    return folder / "x.npy"


def as_hdf5(folder, rows, weights, chunk_rows=350, chunk_columns=2):
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("x", data=rows, chunks=(chunk_rows, chunk_columns))
        file["w"] = weights
    return folder / "x.h5"


def as_parquet(folder, rows, weights, files=3, group_rows=311):
    table = pa.table({**dict(zip(NAMES, rows.T, strict=True)), "w": weights})
    bounds = np.linspace(0, N, files + 1).astype(int)
    for i, (start, stop) in enumerate(pairwise(bounds)):
        path = folder / f"part{i:02}.parquet"
        pq.write_table(table.slice(start, stop - start), path, row_group_size=group_rows)
    return folder / "*.parquet"


def as_delta(folder, rows, weights):
    deltalake = pytest.importorskip("deltalake", reason="needs deltalake")
    table = pa.table({**dict(zip(NAMES, rows.T, strict=True)), "w": weights})
    for start in range(0, N, 700):
        deltalake.write_deltalake(folder / "x", table.slice(start, 700), mode="append")
    return folder / "x"


def as_iceberg(folder, rows, weights):
    pytest.importorskip("sqlalchemy", reason="needs sqlalchemy")
    memory = pytest.importorskip("pyiceberg.catalog.memory", reason="needs pyiceberg")
    catalogue = memory.InMemoryCatalog("test", warehouse=f"file://{folder}")
    catalogue.create_namespace("n")
    table = pa.table({**dict(zip(NAMES, rows.T, strict=True)), "w": weights})
    made = catalogue.create_table("n.x", table.schema)
    for start in range(0, N, 700):
        made.append(table.slice(start, 700))
    catalogue.close()
    return folder / "n" / "x"


def as_fcs(folder, rows, weights):  # noqa: ARG001 - the signature of all of them
    flowio = pytest.importorskip("flowio", reason="needs flowio")
    for i, part in enumerate(np.array_split(rows, 3)):
        with (folder / f"tube{i}.fcs").open("wb") as file:
            flowio.create_fcs(file, part.ravel().tolist(), list(NAMES))
    return folder / "*.fcs"


def as_anndata(folder, rows, weights):
    anndata = pytest.importorskip("anndata", reason="needs anndata")
    names = pd.Index([f"cell-{i}" for i in range(N)], dtype=object)
    obs = pd.DataFrame({"w": weights}, index=names)
    var = pd.DataFrame(index=pd.Index(NAMES, dtype=object))
    anndata.AnnData(rows, obs=obs, var=var).write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def as_csv(folder, rows, weights):
    np.savetxt(
        folder / "x.csv",
        np.column_stack([rows, weights]),
        header="a,b,w",
        comments="",
        delimiter=",",
        fmt="%.17g",
    )
    out = folder / "ingested.zarr"
    arguments = ["ingest", folder / "x.csv", "--output", out, "--weights", "w", "--chunk-size=4kB"]
    outcome = CliRunner().invoke(dgmm, [*map(str, arguments)])
    assert outcome.exit_code == 0, outcome.output
    return out


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (as_zarr, "w"),
        (as_npy, "{path: FOLDER/w.npy}"),
        (as_hdf5, "w"),
        (as_parquet, "w"),
        (as_parquet, ""),
        (as_delta, "w"),
        (as_fcs, ""),
        (as_anndata, "obs/w"),
        (as_iceberg, "w"),
        (as_csv, "weights"),
    ],
)
def test_labels_are_those_of_a_fit_in_memory(tmp_path, rows, weights, write, named):
    path = write(tmp_path, rows, weights)
    weighted = f", weights: {named.replace('FOLDER', str(tmp_path))}" if named else ""
    columns = ", columns: [a, b]" if write in (as_parquet, as_delta, as_iceberg) else ""
    configuration = loads(
        f"""
        input: {{path: {path}, partition_size: 4kB {weighted} {columns}}}
        model: {{n_components: 3, covariance_type: full, n_init: 1}}
        output: {{path: {tmp_path / "out"}, assignments: [labels, log_density], report: false}}
        cluster: {{kind: threads}}
        """
    )
    run(configuration)
    options = plan_run(configuration).options
    held = da.from_array(rows, chunks=(N, 2))
    lent = da.from_array(weights, chunks=N) if named else None
    expected = fit(Dataset.from_array(held, lent), options, SYNCHRONOUS).sweep.selected
    ours = open_result(tmp_path / "out")
    assert ours.assignments["labels"].chunks[0] < N
    assigned = assign(expected.parameters, rows)
    np.testing.assert_array_equal(ours.assignments["labels"][:], assigned.labels)
    np.testing.assert_allclose(
        ours.assignments["log_density"][:], assigned.log_density, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize(
    ("write", "layout", "partition_size"),
    [
        (as_zarr, {"chunk_rows": 17}, 1_700),
        (as_zarr, {"chunk_rows": N, "chunk_columns": 1}, 2_300),
        (as_hdf5, {"chunk_rows": 64, "chunk_columns": 1}, None),
        (as_parquet, {"files": 1, "group_rows": N}, None),
        (as_parquet, {"files": 17, "group_rows": 1_000}, 1_700),
        (as_parquet, {"files": 2, "group_rows": 13}, 2_300),
    ],
)
def test_no_result_depends_on_the_layout(tmp_path, rows, weights, write, layout, partition_size):
    path = write(tmp_path, rows, weights, **layout)
    columns = NAMES if write is as_parquet else ()
    source = open_source(
        path,
        selection=Selection(columns=columns, weights=Weights("w")),
        partition_size=partition_size,
    )
    options = FitOptions((("full", 3),), n_init=1)
    found = fit(
        Dataset.from_array(source.blocks, source.weights), options, SYNCHRONOUS
    ).sweep.selected
    held = Dataset.from_array(da.from_array(rows), da.from_array(weights))
    expected = fit(held, options, SYNCHRONOUS).sweep.selected
    assert found.n_iter == expected.n_iter
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-12)
    for name in ("weights", "means", "covariances"):
        ours, theirs = (getattr(each.parameters, name) for each in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
