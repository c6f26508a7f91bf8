"""Parquet files that belong to Delta Lake, Iceberg, Hudi and Paimon are not read as such."""

import json
import sys

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import DataError, MissingExtraError
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source

LOGS = {
    "Delta Lake": "_delta_log/00000000000000000000.json",
    "Iceberg": "metadata/00001-5f7c.metadata.json",
    "Hudi": ".hoodie/hoodie.properties",
    "Paimon": "snapshot/snapshot-1",
}


@pytest.fixture
def table(tmp_path):
    folder = tmp_path / "t"
    (folder / "data" / "year=2020").mkdir(parents=True)
    rows = pa.table({"a": np.arange(20.0), "b": np.arange(20.0) ** 2})
    pq.write_table(rows, folder / "data" / "year=2020" / "part-0.parquet")
    return folder


def add_log(table, kind):
    log = table / LOGS[kind]
    log.parent.mkdir()
    log.write_text(json.dumps({"add": {"path": "data/year=2020/part-0.parquet"}}))


@pytest.mark.parametrize("kind", LOGS)
def test_a_table_with_a_log_of_its_own_is_refused_by_name(table, kind):
    assert open_source(table).blocks.shape == (20, 2)
    add_log(table, kind)
    for path in (table, table.parent, table / "data", table / "data" / "*" / "*.parquet"):
        with pytest.raises(DataError, match=f"{kind} table.*only its log says which") as caught:
            open_source(path, "parquet")
        assert "new Parquet file" in str(caught.value)


def test_one_file_of_such_a_table_and_its_weights_are_refused(table, tmp_path):
    add_log(table, "Delta Lake")
    part = table / "data" / "year=2020" / "part-0.parquet"
    with pytest.raises(DataError, match="Delta Lake"):
        open_source(part)
    np.save(tmp_path / "x.npy", np.ones((20, 2)))
    with pytest.raises(DataError, match="Delta Lake"):
        open_source(tmp_path / "x.npy", selection=Selection(weights=Weights("a", str(part))))


def test_a_folder_that_is_called_metadata_is_no_table(table):
    (table / "metadata").mkdir()
    (table / "metadata" / "readme.json").write_text("{}")
    assert open_source(table).blocks.shape == (20, 2)


def test_a_table_in_an_object_store_is_refused(table):
    store = fsspec.filesystem("memory")
    part = (table / "data" / "year=2020" / "part-0.parquet").read_bytes()
    store.pipe_file("/delta/t/part-0.parquet", part)
    assert open_source("memory://delta/t").blocks.shape == (20, 2)
    store.pipe_file("/delta/t/_delta_log/0.json", b"{}")
    for path in ("memory://delta/t", "memory://delta/t/part-0.parquet"):
        with pytest.raises(DataError, match="Delta Lake"):
            open_source(path)


def test_the_command_refuses_it_before_it_runs(table, tmp_path):
    add_log(table, "Hudi")
    (tmp_path / "c.yaml").write_text(
        f"input: {{path: {table}}}\nmodel: {{n_components: 1}}\n"
        f"output: {{path: {tmp_path}/out, report: false}}\n"
    )
    for command in (["plan", str(tmp_path / "c.yaml")], ["run", str(tmp_path / "c.yaml")]):
        outcome = CliRunner().invoke(dgmm, command)
        assert outcome.exit_code == 65
        assert "Hudi" in outcome.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [("Delta Lake", "deltalake", "delta"), ("Iceberg", "pyiceberg.table", "iceberg")],
)
def test_what_would_read_a_table_is_named_where_it_is_not_installed(
    table, monkeypatch, kind, module, extra
):
    add_log(table, kind)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'{kind} table.*pip install "dgmm\[{extra}\]"'):
        open_source(table)
