"""Runs end with a report, and are runs without it too."""

import logging
from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.errors import MissingExtraError
from dgmm.io.results.record import read_record
from dgmm.io.results.result import open_result
from dgmm.report import figure_style, page, publication
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import Crash, configuration, digest, interrupt, write_clumps


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.zarr"
    rows = write_clumps(path)
    rows = np.column_stack([rows, np.full(len(rows), 7.0)])
    zarr.create_array(path, data=rows, chunks=(100, 3), overwrite=True)
    return path


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(figure_style, "_DPI", 30)


@pytest.fixture
def blank(monkeypatch):
    """A page that is quickly made."""
    monkeypatch.setattr(page, "render", lambda result: f"of {len(result.sweep.results)}")


def text_of(data, output):
    return configuration(data, output).replace("report: false", "report: true")


def record_of(finished):
    record = read_record(open_result(finished.path).path / "record")
    assert record is not None
    return record


def replaced(monkeypatch, error):
    def publish_report(_):
        raise error

    monkeypatch.setattr(publication, "publish_report", publish_report)


def test_a_run_ends_with_its_report_and_keeps_what_it_is_drawn_from(data, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    finished = run(loads(text_of(data, tmp_path / "out")))
    (report,) = (tmp_path / "out" / "reports").iterdir()
    assert f"report: {report}" in caplog.text
    assert (tmp_path / "out" / "report.html").read_bytes() == report.read_bytes()
    assert "Constant features add nothing and can be left out: x2." in report.read_text()
    record = record_of(finished)
    passes = {stage.stage: stage.n_passes for stage in record.stages}
    assert passes["profile"] == passes["assign"] == 1
    assert passes["profile"] + passes["fit"] == finished.sweep.n_passes
    read = {stage.stage: stage.n_bytes for stage in record.stages}
    assert read["profile"] == 600 * 3 * 8
    assert read["sample"] == 0
    rows = np.asarray(zarr.open_array(data, mode="r"))
    np.testing.assert_allclose(record.standard_deviation, rows.std(axis=0), rtol=1e-12)
    assert {tuple(row) for row in record.sample} <= {tuple(row) for row in rows}
    assert not record.is_resumed
    assert record.warnings == ("Constant features add nothing and should be left out: ['x2'].",)


def test_a_run_that_is_resumed_has_the_same_numbers_and_says_so(data, tmp_path):
    clean = run(loads(configuration(data, tmp_path / "clean")))
    text = text_of(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    finished = run(loads(text))
    assert digest(finished.path) == digest(clean.path)
    record = record_of(finished)
    assert record.is_resumed
    assert "profile" not in {stage.stage for stage in record.stages}
    assert "last attempt alone" in (tmp_path / "out" / "report.html").read_text()


def test_a_missing_extra_is_said_and_costs_nothing(data, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    replaced(monkeypatch, MissingExtraError('a report is drawn with x: pip install "dgmm[report]"'))
    finished = run(loads(text_of(data, tmp_path / "out")))
    assert open_result(tmp_path / "out").path == open_result(finished.path).path
    assert caplog.text.count("dgmm[report]") == 1


def test_a_report_that_fails_is_said_and_costs_nothing(data, tmp_path, monkeypatch, caplog):
    replaced(monkeypatch, ValueError("no ink"))
    finished = run(loads(text_of(data, tmp_path / "out")))
    assert "the report could not be made (ValueError: no ink)" in caplog.text
    assert open_result(tmp_path / "out").path == open_result(finished.path).path
    assert not (tmp_path / "out" / "attempts").exists()


@pytest.mark.usefixtures("blank")
def test_a_run_that_dies_while_it_draws_draws_when_it_is_started_again(data, tmp_path):
    text = text_of(data, tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        replaced(patch, Crash())
        with pytest.raises(Crash):
            run(loads(text))
    assert not (tmp_path / "out" / "report.html").exists()
    assert not run(loads(text)).already_complete  # there was the report left to draw
    assert (tmp_path / "out" / "report.html").is_file()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"runs", "latest.json", "latest.zarr", ".lock", "reports", "report.html"}


@pytest.mark.usefixtures("blank")
def test_the_command_draws_the_report_of_a_result(data, tmp_path):
    output = tmp_path / "out"
    run(loads(configuration(data, output)))
    assert not (output / "reports").exists()
    result = CliRunner().invoke(command, ["report", str(output)], prog_name="dgmm")
    assert (result.exit_code, result.stderr) == (0, "")
    (report,) = (output / "reports").iterdir()
    assert result.stdout == f"{report}\n"
    elsewhere = tmp_path / "a.html"
    arguments = ["report", str(output / "latest.zarr"), "--output", str(elsewhere)]
    assert CliRunner().invoke(command, arguments, prog_name="dgmm").stdout == f"{elsewhere}\n"
    assert elsewhere.read_bytes() == report.read_bytes()
    nothing = CliRunner().invoke(command, ["report", str(tmp_path / "no")], prog_name="dgmm")
    assert nothing.exit_code == 66


def test_stages_of_earlier_results_have_the_names_of_today(data, tmp_path):
    finished = run(loads(configuration(data, tmp_path / "out")))
    group = zarr.open_group(Path(str(finished.path)) / "record", mode="r+")
    earlier = [{**stage, "stage": "comparison"} for stage in group.attrs["stages"][:1]]
    group.attrs["stages"] = earlier
    assert [stage.stage for stage in record_of(finished).stages] == ["compare"]
