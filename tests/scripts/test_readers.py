"""The script that compares what other libraries read of a result with what is stored."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from dgmm.io.storage.zarr_arrays import create_array
from tests.report.results import a_result

SCRIPTS = Path(__file__).parents[2] / "scripts" / "readers"
IN_DEV = ("zarr", "xarray")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


def test_libraries_find_what_is_stored(script, tmp_path, monkeypatch, capsys):
    root = a_result(tmp_path).path
    table, libraries = script("table"), script("libraries")
    expected = {name: table.digest(array[...]) for name, array in table.stored_arrays(root).items()}
    assert {"sweep/status", "model/means", "record/sample"} <= set(expected)
    for library in IN_DEV:
        monkeypatch.setattr("sys.argv", ["libraries.py", library, str(root), *expected])
        libraries.main()
        *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
        assert {line["name"]: line.get("digest") for line in lines} == expected
        assert last["version"]


def test_what_cannot_be_read_is_said(script, tmp_path, monkeypatch, capsys):
    path = tmp_path / "x"
    create_array(path, (2,), (2,), "float64", ("sample",), 0)[...] = np.ones(2)
    (path / "c" / "0").write_bytes(b"damaged")
    monkeypatch.setattr("sys.argv", ["libraries.py", "zarr", str(tmp_path), "x"])
    script("libraries").main()
    line, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["name"] == "x"
    assert line["error"]


def test_the_table_has_a_line_for_each_reader(script):
    table = script("table")
    found = table.Outcome("some", "1.0", ("a", "b"), ("c",), {"text": "no strings"})
    assert table.table([found], {"text"})[2:] == ["| some | 1.0 | 2 of 3 | 0 of 1 |"]
