"""Results that are too far from the last one: kept from readers until somebody accepts them."""

import json
import shutil
import signal

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.errors import HeldBackError, InputNotFoundError, OutputError, TemporaryError
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.layout import LATEST_LINK
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.storage.lock import write_lock
from dgmm.mixture.drift.decision import DriftStatus
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.run.config.configuration import dump_resolved, loads
from dgmm.run.fit_run import run
from dgmm.run.history import format_run, format_runs, publish
from tests.io.results.test_results import NAMES, a_small_sweep
from tests.run.victim import attempt, digest

BAD = {"verdict": "broken", "held_back": True}


def committed(output, name, number, **attributes):
    run = Output(output).start(name)
    commit_run(run, RunContents(a_small_sweep(), NAMES, {"status": "converged", **attributes}))
    root = json.loads((run / "zarr.json").read_text())
    root["attributes"]["created"] = f"2026-01-{number:02}T00:00:00+00:00"
    (run / "zarr.json").write_text(json.dumps(root))


@pytest.fixture
def output(tmp_path):
    """Three nights: the first is published, the second was held back, the third too."""
    committed(tmp_path, "night-1", 1)
    Output(tmp_path).publish(Output(tmp_path).run("night-1"))
    committed(tmp_path, "night-2", 2, **BAD, started_from={"run_id": "night-1"})
    committed(tmp_path, "night-3", 3, **BAD, started_from={"run_id": "night-1"})
    return tmp_path


def held_back(output):
    return tuple(run for run in Output(output).runs() if run.is_held_back)


def statuses(output):
    lines = list(format_runs(Output(output)))[1:]
    return [line.rpartition("converged")[2] for line in lines]


def test_those_that_wait_are_listed_so_until_they_are_accepted(output):
    assert statuses(output) == [", held back", ", held back", ""]
    assert publish(output, "night-2").run_id == "night-2"
    assert statuses(output) == [", held back", "", ""]
    committed(output, "night-4", 4, started_from={"run_id": "night-2"})
    Output(output).publish(Output(output).run("night-4"))
    assert [run.run_id for run in held_back(output)] == ["night-3"]
    told = "\n".join(format_run(Output(output).runs()[1]))
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
    Output(output).start("night-5").joinpath("sweep").mkdir()
    with pytest.raises(OutputError, match=r"night-5\.zarr is not complete and cannot be published"):
        publish(output, "night-5")
    with pytest.raises(InputNotFoundError, match="no run 'x'"):
        publish(output, "x")
    with pytest.raises(InputNotFoundError, match="holds no runs"):
        publish(output / "runs", "x")
    assert open_result(output).path.name == "night-1.zarr"


def test_publishing_waits_for_nobody(output):
    with write_lock(output), pytest.raises(TemporaryError, match="is being written to"):
        publish(output, "night-2")
    assert open_result(output).path.name == "night-1.zarr"


def test_the_command_publishes_by_the_beginning_of_a_name(output):
    done = CliRunner().invoke(command, ["runs", str(output), "--publish", "night-2"])
    assert (done.exit_code, done.output) == (0, "night-2 is the latest result\n")
    assert CliRunner().invoke(command, ["runs", str(output)]).output.count("held back") == 1
    both = CliRunner().invoke(command, ["runs", str(output), "--publish", "a", "--show", "b"])
    assert both.exit_code == 64


# Whole runs

CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])


def write_night(folder, number, change=lambda rows: rows, n_rows=1_500):
    rng = np.random.default_rng(number)
    rows = CENTRES[rng.choice(3, n_rows, p=[0.5, 0.3, 0.2])] + rng.normal(size=(n_rows, 2))
    zarr.create_array(folder / f"night{number}.zarr", data=change(rows), chunks=(500, 2))


def night(folder, number, *overrides, output="out", start_from=None):
    """The text of a nightly run, of rows that are written unless they are there."""
    if not (folder / f"night{number}.zarr").exists():
        write_night(folder, number)
    start_from = start_from or folder / output
    return loads(
        f"""
        input: {{path: {folder / f"night{number}.zarr"}, partition_size: 8000}}
        model: {{n_components: 3, covariance_type: full, n_init: 2, tol: 1e-4,
                 start_from: {start_from}}}
        output: {{path: {folder / output}, report: false}}
        cluster: {{kind: threads, threads: 1}}
        """,
        overrides,
    )


def ten_times(rows):
    return rows * [10.0, 1.0]


def latest(folder, output="out"):
    return open_result(folder / output).path.name


@pytest.fixture(scope="module")
def a_good_night(tmp_path_factory):
    """A folder with the first night, complete."""
    folder = tmp_path_factory.mktemp("first")
    run(night(folder, 1))
    return folder


@pytest.fixture
def begun(a_good_night, tmp_path):
    """A copy of it, to go on from."""
    shutil.copytree(a_good_night / "out", tmp_path / "out", symlinks=True)
    return tmp_path


@pytest.fixture(scope="module")
def a_bad_night(tmp_path_factory):
    """Two good nights, and a bad one that is held back; with what was said of it."""
    folder = tmp_path_factory.mktemp("nights")
    paths = [run(night(folder, number)).path for number in (1, 2)]
    write_night(folder, 3, ten_times)
    with pytest.raises(HeldBackError) as caught:
        run(night(folder, 3))
    return folder, paths, str(caught.value)


def test_good_nights_are_compared_and_published(a_bad_night):
    _, paths, _ = a_bad_night
    first, second = (open_result(path) for path in paths)
    assert first.drift is None
    assert "verdict" not in first.attributes
    assert second.drift.verdict in (DriftStatus.STEADY, DriftStatus.CHANGED)
    assert second.attributes["verdict"] == second.drift.verdict.value
    assert second.attributes["held_back"] is False
    assert second.drift.components.labels.tolist() == [0, 1, 2]
    assert np.abs(second.drift.components.weight_changes).max() < 0.1
    rows = zarr.open_array(second.attributes["configuration"]["input"]["path"], mode="r")[:]
    by_hand = first.assign(rows).log_density
    assert second.drift.prediction.n_rows == len(by_hand)
    assert second.drift.prediction.older.mean == pytest.approx(by_hand.mean(), rel=1e-9)


def test_a_bad_night_is_complete_and_readers_do_not_see_it(a_bad_night):
    folder, paths, said = a_bad_night
    assert latest(folder) == paths[1].rpartition("/")[2]
    (waiting,) = held_back(folder / "out")
    assert waiting.is_complete
    assert open_result(waiting.path).drift.verdict is DriftStatus.BROKEN
    assert waiting.run_id in said
    assert f"dgmm runs {folder / 'out'} --publish {waiting.run_id}" in said
    assert "max_loss" in said
    assert HeldBackError.exit_code == 65


def test_the_same_night_again_computes_nothing_and_says_the_same(a_bad_night):
    folder, paths, said = a_bad_night
    events = []
    with pytest.raises(HeldBackError) as caught:
        run(night(folder, 3), events.append)
    assert str(caught.value) == said
    assert events == []
    assert latest(folder) == paths[1].rpartition("/")[2]


def test_the_night_after_starts_from_the_last_good_one(a_bad_night):
    folder, paths, _ = a_bad_night
    finished = run(night(folder, 4, output="out4", start_from=folder / "out"))
    found = open_result(finished.path)
    assert found.attributes["started_from"]["path"] == paths[1]
    assert found.labelling.labels == (0, 1, 2)


def test_a_bad_night_that_was_accepted_is_a_good_one(begun):
    write_night(begun, 2, ten_times)
    bad = night(begun, 2)
    with pytest.raises(HeldBackError):
        run(bad)
    (waiting,) = held_back(begun / "out")
    publish(begun / "out", waiting.run_id)
    again = run(bad)
    assert (again.already_complete, again.path) == (True, str(waiting.path))
    write_night(begun, 3, ten_times)
    after = run(night(begun, 3))
    assert open_result(after.path).attributes["started_from"]["run_id"] == waiting.run_id
    assert run(bad).already_complete  # though readers have moved on
    assert latest(begun) == after.path.rpartition("/")[2]


def test_what_is_allowed_is_published_and_called_broken_all_the_same(begun):
    write_night(begun, 2, ten_times)
    found = open_result(run(night(begun, 2, "drift.hold_back=false")).path)
    assert found.drift.verdict is DriftStatus.BROKEN
    assert latest(begun) == found.path.name
    assert held_back(begun / "out") == ()


def test_rows_a_hundred_times_each_are_held_back(begun):
    write_night(begun, 2, lambda rows: np.repeat(rows[:15], 100, axis=0))
    with pytest.raises(HeldBackError, match=r"0\.99 of the sampled rows repeat.*max_repeated"):
        run(night(begun, 2))
    (waiting,) = held_back(begun / "out")
    assert open_result(waiting.path).drift.repeats == DuplicateRates(0.0, 0.99)


def test_of_a_result_that_does_not_say_it_is_not_known_how_many_rows_repeat_others(begun):
    """As versions wrote it that did not count them."""
    path = open_result(begun / "out").path / "zarr.json"
    root = json.loads(path.read_text())
    del root["attributes"]["n_sampled"], root["attributes"]["n_distinct"]
    path.write_text(json.dumps(root))
    found = open_result(run(night(begun, 2)).path)
    assert found.drift.repeats is None
    assert found.drift.verdict is not DriftStatus.BROKEN
    assert (found.attributes["n_sampled"], found.attributes["n_distinct"]) == (1_500, 1_500)


def test_without_limits_a_change_is_a_change(begun):
    write_night(begun, 2, lambda rows: rows + 30.0)
    limits = "drift={max_mean_shift: null, max_weight_change: null, max_vanished: null, "
    limits += "max_appeared: null, max_loss: null}"
    found = open_result(run(night(begun, 2, limits)).path)
    assert found.drift.verdict is DriftStatus.CHANGED
    assert found.drift.components.has_vanished.any()


def test_the_command_ends_with_65_and_one_line(a_bad_night, tmp_path):
    folder, _, said = a_bad_night
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(dump_resolved(night(folder, 3))))
    done = CliRunner().invoke(command, ["run", str(path), "--quiet"])
    assert done.exit_code == 65
    last = done.stderr.splitlines()[-1]
    assert last == f"dgmm: {said}"
    assert done.stdout == ""


def test_rows_that_were_prepared_are_compared_where_they_are_fitted(tmp_path):
    prepare = "prepare={scale: standardize}"
    run(night(tmp_path, 1, prepare))
    write_night(tmp_path, 2, lambda rows: rows * [1.05, 1.0])
    good = open_result(run(night(tmp_path, 2, prepare)).path)
    assert good.drift.verdict in (DriftStatus.STEADY, DriftStatus.CHANGED)
    assert np.nanmax(good.drift.components.mean_shifts) < 0.6
    write_night(tmp_path, 3, ten_times)
    with pytest.raises(HeldBackError):
        run(night(tmp_path, 3, prepare))


@pytest.mark.parametrize("n_kills", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_a_bad_night_that_is_killed_is_held_back_with_the_same_bits(tmp_path, n_kills):
    write_night(tmp_path, 1, n_rows=300)
    write_night(tmp_path, 2, ten_times, n_rows=300)
    for output in ("clean", "killed"):
        run(night(tmp_path, 1, output=output))
    clean, killed = (
        json.dumps(dump_resolved(night(tmp_path, 2, output=output)))
        for output in ("clean", "killed")
    )
    before = latest(tmp_path, "killed")
    exit_code, n_effects = attempt(clean)
    assert exit_code == 65
    (expected,) = held_back(tmp_path / "clean")
    n_complete = 0
    for kill_at in range(max(1, n_effects - n_kills), n_effects + 1):
        shutil.rmtree(expected_in(tmp_path / "killed", expected), ignore_errors=True)
        assert attempt(killed, kill_at=kill_at)[0] == -signal.SIGKILL
        assert latest(tmp_path, "killed") == before
        n_complete += (expected_in(tmp_path / "killed", expected) / "zarr.json").exists()
        assert attempt(killed)[0] == 65
        assert latest(tmp_path, "killed") == before
        assert not list((tmp_path / "killed").glob("attempts/*"))
    assert n_complete, "some were killed between the commit and the end"
    (found,) = held_back(tmp_path / "killed")
    assert digest(str(found.path)) == digest(str(expected.path))
    assert _said(found) == _said(expected)


def expected_in(output, run):
    return output / "runs" / run.path.name


def _said(run):
    return json.loads((run.path / "drift" / "zarr.json").read_text())["attributes"]
