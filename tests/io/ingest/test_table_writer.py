"""`dgmm ingest`: whatever holds a table becomes a Zarr store that dgmm and xarray read."""

import gzip
import json
import re

import fsspec
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source

N = 1_000
NAMES = ("x", "y z", "w")


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(6).uniform(1, 2, size=(N, 3))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("inputs")
    table = pa.table(dict(zip(NAMES, rows.T, strict=True)))
    pq.write_table(table, folder / "t.parquet", row_group_size=77)
    np.save(folder / "t.npy", rows)
    with h5py.File(folder / "t.h5", "w") as file:
        file["t"] = rows
    zarr.create_array(folder / "t.zarr", data=rows, chunks=(13, 2))
    lines = [",".join(NAMES), *(",".join(map(repr, row)) for row in rows.tolist())]
    (folder / "t.csv").write_text("\n".join(lines))
    (folder / "t.tsv").write_text("\r\n".join(lines).replace(",", "\t"))
    (folder / "t.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


def ingest(*arguments, code=0):
    outcome = CliRunner().invoke(dgmm, ["ingest", *map(str, arguments)])
    assert outcome.exit_code == code, outcome.output
    return outcome.output


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "parquet", "npy", "h5", "zarr"])
def test_every_format_becomes_the_same_store(inputs, rows, tmp_path, kind):
    output = tmp_path / "new" / "out.zarr"
    said = ingest(inputs / f"t.{kind}", "--output", output, "--chunk-size", "7kB")
    assert f"{output}: 1,000 rows x 3 features" in said
    source = open_source(output)
    np.testing.assert_array_equal(source.blocks.compute(scheduler="synchronous"), rows)
    has_names = kind not in ("npy", "h5", "zarr")
    assert source.feature_names == (NAMES if has_names else ("x0", "x1", "x2"))
    assert source.storage_chunks == (7_000 // 24,)
    with xarray.open_zarr(output) as dataset:
        assert dataset["data"].dims == ("sample", "feature")
        assert tuple(dataset["feature"].values) == source.feature_names
        np.testing.assert_array_equal(dataset["data"].values, rows)
    codecs = zarr.open_array(output / "data", mode="r").metadata.to_dict()["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "blosc", "crc32c"]
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_and_weights_are_chosen_by_name(inputs, rows, tmp_path, kind):
    output = tmp_path / "out.zarr"
    options = ("--columns", "y z,x", "--weights", "w", "--dtype", "float32")
    ingest(inputs / f"t.{kind}", "--output", output, *options)
    source = open_source(output, selection=Selection(weights=Weights("weights")))
    assert source.feature_names == ("y z", "x")
    expected = rows[:, [1, 0]].astype("f4")
    np.testing.assert_array_equal(source.blocks.compute(scheduler="synchronous"), expected)
    np.testing.assert_array_equal(source.weights.compute(scheduler="synchronous"), rows[:, 2])


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_variables_of_labelled_arrays_become_features(tmp_path, rows, kind):
    variables = {name: (("time", "x"), rows[:, j].reshape(20, 50)) for j, name in enumerate("st")}
    dataset = xarray.Dataset(variables)
    path = tmp_path / f"t.{kind}"
    dataset.to_netcdf(path) if kind == "nc" else dataset.to_zarr(path, consolidated=False)
    options = ("--variable", "t", "--variable", "s", "--sample-dims", "time,x")
    ingest(path, "--output", tmp_path / "out.zarr", *options)
    source = open_source(tmp_path / "out.zarr")
    assert source.feature_names == ("t", "s")
    found = source.blocks.compute(scheduler="synchronous")
    assert sorted(found.tolist()) == sorted(rows[:, [1, 0]].tolist())


def test_what_is_missing_in_csv_is_missing_and_texts_are_left_out(tmp_path):
    (tmp_path / "t.csv").write_text("a;name;b\n1;x;\nNA;y;2.5\n3;z;nan\n")
    ingest(tmp_path / "t.csv", "--output", tmp_path / "out.zarr", "--delimiter", ";")
    source = open_source(tmp_path / "out.zarr")
    assert source.feature_names == ("a", "b")
    expected = [[1, np.nan], [np.nan, 2.5], [3, np.nan]]
    np.testing.assert_array_equal(source.blocks.compute(scheduler="synchronous"), expected)


def test_integers_that_turn_into_fractions_are_numbers_all_along(tmp_path):
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 5_000_000 + "0.5\n")
    ingest(tmp_path / "t.csv", "--output", tmp_path / "out.zarr")
    rows = open_source(tmp_path / "out.zarr").blocks
    assert rows.shape == (5_000_001, 1)
    assert rows[-1].compute(scheduler="synchronous") == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as CSV: Empty CSV file"),
        ("1,2\n3,4\n", "first line of .* holds nothing but numbers, 1, 2"),
        ("a,a\n1,2\n", "more than one column 'a'"),
        ("a,b\n1,2\n3\n", "cannot be read as CSV: .*Expected 2 columns, got 1"),
        ("a\nx\n", r"no columns of numbers; it has a \(string\)"),
        ("a,b\n", "no rows"),
    ],
)
def test_bad_csv_is_explained_and_leaves_nothing(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    said = ingest(tmp_path / "t.csv", "--output", tmp_path / "out.zarr", code=65)
    assert re.search(message, said)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_word_among_numbers_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\nx\n")
    arguments = (tmp_path / "t.csv", "--output", tmp_path / "out.zarr", "--columns", "a")
    assert "no numbers, the first 'x' in row 1" in ingest(*arguments, code=65)
    said = ingest(*arguments[:3], "--columns", "b", code=78)
    assert "has no column 'b'. It has a." in said


def test_a_store_that_is_there_is_replaced_only_if_that_is_asked_for(inputs, tmp_path):
    output = tmp_path / "out.zarr"
    ingest(inputs / "t.npy", "--output", output)
    before = json.loads((output / "zarr.json").read_text())
    assert "already" in ingest(inputs / "t.csv", "--output", output, code=73)
    assert json.loads((output / "zarr.json").read_text()) == before
    ingest(inputs / "t.csv", "--output", output, "--overwrite")
    assert open_source(output).feature_names == NAMES
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    said = ingest(inputs / "t.csv", "--output", tmp_path / "letters", "--overwrite", code=73)
    assert "is no Zarr store" in said
    assert (tmp_path / "letters" / "dear.txt").exists()


def test_wrong_options_are_named(inputs, tmp_path):
    output = ("--output", tmp_path / "out.zarr")
    assert "expected bytes" in ingest(inputs / "t.npy", *output, "--chunk-size", "x", code=64)
    assert "columns only" in ingest(inputs / "t.csv", *output, "--variable", "x", code=78)
    assert "for CSV" in ingest(inputs / "t.npy", *output, "--delimiter", ";", code=78)
    assert "nothing at" in ingest(tmp_path / "none.csv", *output, code=66)


def test_csv_given_to_a_run_names_the_command(inputs, tmp_path):
    overrides = [f"input.path={inputs / 't.csv'}", f"output.path={tmp_path / 'out'}"]
    (tmp_path / "c.yaml").write_text("input: {path: x}\noutput: {path: y}\n")
    arguments = ["plan", str(tmp_path / "c.yaml"), *(f"--set={text}" for text in overrides)]
    outcome = CliRunner().invoke(dgmm, arguments)
    assert outcome.exit_code == 65
    assert "dgmm ingest FILE --output STORE.zarr" in outcome.output


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_in_an_object_store_is_ingested_too(inputs, rows, tmp_path, kind):
    content = (inputs / f"t.{kind}").read_bytes()
    fsspec.filesystem("memory").pipe_file(f"/inputs/t.{kind}", content)
    ingest(f"memory://inputs/t.{kind}", "--output", tmp_path / "out.zarr")
    blocks = open_source(tmp_path / "out.zarr").blocks
    np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), rows)
