"""Results that are too far from the last one: kept from readers until somebody accepts them."""

import json

import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.errors import InputNotFoundError, OutputError, TemporaryError
from dgmm.io.layout import LATEST_LINK
from dgmm.io.lock import only_writer
from dgmm.io.reader import open_result
from dgmm.io.runs import held_back, list_runs
from dgmm.io.writer import commit_run, publish_run, start_run
from dgmm.run.runs import facts_of, lines_of, publish
from tests.io.test_result_store import NAMES, a_sweep

BAD = {"verdict": "broken", "held_back": True}


def committed(output, name, number, **attributes):
    run = start_run(output, name)
    commit_run(run, a_sweep(), NAMES, {"status": "converged", **attributes})
    root = json.loads((run / "zarr.json").read_text())
    root["attributes"]["created"] = f"2026-01-{number:02}T00:00:00+00:00"
    (run / "zarr.json").write_text(json.dumps(root))


@pytest.fixture
def output(tmp_path):
    """Three nights: the first is published, the second was held back, the third too."""
    committed(tmp_path, "night-1", 1)
    publish_run(tmp_path, "night-1")
    committed(tmp_path, "night-2", 2, **BAD, started_from={"run_id": "night-1"})
    committed(tmp_path, "night-3", 3, **BAD, started_from={"run_id": "night-1"})
    return tmp_path


def statuses(output):
    lines = list(lines_of(list_runs(output)))[1:]
    return [line.rpartition("converged")[2] for line in lines]


def test_those_that_wait_are_listed_so_until_they_are_accepted(output):
    assert statuses(output) == [", held back", ", held back", ""]
    assert publish(output, "night-2").run_id == "night-2"
    assert statuses(output) == [", held back", "", ""]
    committed(output, "night-4", 4, started_from={"run_id": "night-2"})
    publish_run(output, "night-4")
    assert [run.run_id for run in held_back(list_runs(output))] == ["night-3"]
    told = "\n".join(facts_of(list_runs(output)[1]))
    assert "verdict     broken" in told


def test_an_accepted_run_is_what_readers_see(output):
    publish(output, "night-3")
    assert open_result(output).path.name == "night-3.zarr"
    assert (output / LATEST_LINK).resolve().name == "night-3.zarr"
    assert not (output / "report.html").exists()  # there were none


def test_its_report_becomes_the_latest(output):
    (output / "report.html").write_text("of night 1")
    publish(output, "night-3")
    assert "night-3" in (output / "report.html").read_text()


def test_what_is_not_there_is_not_published(output):
    start_run(output, "night-5").joinpath("sweep").mkdir()
    with pytest.raises(OutputError, match=r"night-5\.zarr is not complete and cannot be published"):
        publish(output, "night-5")
    with pytest.raises(InputNotFoundError, match="no run 'x'"):
        publish(output, "x")
    with pytest.raises(InputNotFoundError, match="holds no runs"):
        publish(output / "runs", "x")
    assert open_result(output).path.name == "night-1.zarr"


def test_publishing_waits_for_nobody(output):
    with only_writer(output), pytest.raises(TemporaryError, match="is being written to"):
        publish(output, "night-2")
    assert open_result(output).path.name == "night-1.zarr"


def test_the_command_publishes_by_the_beginning_of_a_name(output):
    done = CliRunner().invoke(command, ["runs", str(output), "--publish", "night-2"])
    assert (done.exit_code, done.output) == (0, "night-2 is the latest result\n")
    assert CliRunner().invoke(command, ["runs", str(output)]).output.count("held back") == 1
    both = CliRunner().invoke(command, ["runs", str(output), "--publish", "a", "--show", "b"])
    assert both.exit_code == 64
