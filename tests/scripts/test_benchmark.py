"""The benchmark runs, small, and says so where somebody is not there."""

import importlib
import json
import sys
from pathlib import Path

import pytest


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts" / "benchmarks")
    return importlib.import_module("benchmark")


@pytest.fixture
def environments(tmp_path):
    """An environment of scikit-learn, which is this one, and one that is broken."""
    for name, text in (("scikit-learn", f'exec {sys.executable} "$@"'), ("gmmx", "exit 3")):
        python = tmp_path / "peers" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{text}\n")
        python.chmod(0o755)
    return tmp_path / "peers"


@pytest.mark.parametrize("case", [pytest.param("full", marks=pytest.mark.slow), "tied"])
def test_a_tiny_run_fills_the_table(benchmark, case, environments, tmp_path, capsys):
    only = ["scikit-learn", "gmmx", "daal4py"] if case == "full" else ["gmmx"]
    options = ["--case", case, "--rows", "3000", "--iterations", "2", "--repeats", "1"]
    output = tmp_path / "table"
    benchmark.main(
        [*options, "--peers", str(environments), "--output", str(output), "--only", *only]
    )
    text = capsys.readouterr().out
    assert output.with_suffix(".md").read_text() in text
    rows = {row["name"]: row for row in json.loads(output.with_suffix(".json").read_text())["rows"]}
    assert len(rows["dgmm"]["seconds"]) == 1
    assert all(seconds > 0 for seconds in rows["dgmm"]["seconds"])
    if case == "full":
        assert list(rows) == ["dgmm", "scikit-learn", "daal4py", "gmmx"]
        assert "scaled from 20% of the rows" in rows["scikit-learn"]["note"]
        assert len(rows["scikit-learn"]["ratios"]) == 1
        assert rows["daal4py"]["note"] == "not installed"
        assert rows["gmmx"]["note"].startswith("failed")
    else:
        assert rows["gmmx"]["note"] == "has no tied covariances"
