"""The runs of an output: listed, shown, pruned, and never the one that readers see."""

import json
import shutil

import pytest

from dgmm.errors import InputNotFoundError, OutputError, StorageError, TemporaryError
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.checkpoint_files import RunFingerprint
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.layout import LATEST_POINTER, run_path
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.storage.lock import write_lock
from dgmm.run.history import format_run, format_runs, prune
from tests.io.results.test_results import NAMES, a_sweep


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Four complete runs, a to d in time, of which b is the latest result; and one begun."""
    output = tmp_path_factory.mktemp("original") / "out"
    for number, name in enumerate("abcd"):
        run = Output(output).start(f"run-{name}")
        attributes = {"n_samples": 1_000 * number, "status": "converged"}
        commit_run(run, RunContents(a_sweep(), NAMES, attributes))
        root = json.loads((run / "zarr.json").read_text())
        root["attributes"]["created"] = f"2026-01-0{number + 1}T00:00:00+00:00"
        (run / "zarr.json").write_text(json.dumps(root))
    Output(output).publish(Output(output).run("run-b"))
    (Output(output).start("run-begun") / "sweep").mkdir()
    return output


@pytest.fixture
def output(original, tmp_path):
    """A copy of it."""
    return shutil.copytree(original, tmp_path / "out", symlinks=True)


def test_runs_are_listed_newest_first_with_what_they_are(output):
    runs = Output(output).runs()
    assert [run.run_id for run in runs] == ["run-d", "run-c", "run-b", "run-a", "run-begun"]
    assert [run.is_latest for run in runs] == [False, False, True, False, False]
    assert [run.is_complete for run in runs] == [True] * 4 + [False]
    lines = list(format_runs(Output(output)))
    assert len(lines) == 6
    assert lines[3].startswith("*  run-b")
    assert "1,000" in lines[3]
    assert lines[5].endswith("not complete")


def test_one_run_is_shown_by_the_beginning_of_its_name(output):
    assert Output(output).find("run-be").run_id == "run-begun"
    text = "\n".join(format_run(Output(output).find("run-b")))
    assert "run-b (latest)" in text
    with pytest.raises(InputNotFoundError, match="has 5 runs 'run'"):
        Output(output).find("run")
    with pytest.raises(InputNotFoundError, match="no run 'x'; there are run-d, run-c"):
        Output(output).find("x")


def begin(output, run_id):
    """As a run does, before it makes its group."""
    attempt = Checkpoint(output / "attempts" / "x", RunFingerprint(run_id, 300, 2, 100))
    attempt.load()
    attempt.begin()


def test_pruning_keeps_the_newest_and_the_latest_result(output):
    begin(output, "run-begun")
    assert [run.run_id for run in prune(output, 1, only_say=True)] == [
        "run-c",
        "run-a",
    ]
    assert [run.run_id for run in prune(output, 1, only_say=True)] == ["run-c", "run-a"]
    assert len(Output(output).runs()) == 5
    (output / "reports").mkdir()
    for run_id in ("run-b", "run-c"):
        (output / "reports" / f"{run_id}.html").touch()
    assert [run.run_id for run in prune(output, 1)] == ["run-c", "run-a"]
    assert [path.stem for path in (output / "reports").iterdir()] == ["run-b"]
    assert [run.run_id for run in Output(output).runs()] == ["run-d", "run-b", "run-begun"]
    assert open_result(output).path == run_path(output, "run-b")
    assert prune(output, 1) == ()


def test_pruning_waits_for_nobody(output):
    begin(output, "run-begun")
    with write_lock(output):
        assert prune(output, 4) == ()
        with pytest.raises(TemporaryError, match="is being written to"):
            prune(output, 0)
    assert len(Output(output).runs()) == 5


def test_the_latest_result_is_never_removed(output):
    assert [run.run_id for run in prune(output, 0)] == ["run-d", "run-c", "run-a", "run-begun"]
    assert [run.run_id for run in Output(output).runs()] == ["run-b"]
    assert open_result(output).path == run_path(output, "run-b")


def test_a_run_whose_removal_is_cut_short_is_no_run_any_more(output, monkeypatch):
    def crash(path):
        raise OSError(f"{path} is gone away")

    begin(output, "run-begun")
    monkeypatch.setattr("dgmm.io.results.output.remove_tree", crash)
    with pytest.raises(StorageError, match="is gone away"):
        prune(output, 1)
    assert not Output(output).find("run-c").is_complete
    monkeypatch.undo()
    assert [run.run_id for run in prune(output, 4)] == ["run-c"]
    assert [run.run_id for run in Output(output).runs()] == ["run-d", "run-b", "run-a", "run-begun"]


def test_what_is_left_of_a_run_goes_unless_somebody_goes_on_with_it(output):
    assert [run.run_id for run in prune(output, 4, only_say=True)] == ["run-begun"]
    begin(output, "run-begun")
    assert prune(output, 4, only_say=True) == ()
    (run_path(output, "run-c") / "zarr.json").write_text("{")  # which may be mended
    assert prune(output, 4, only_say=True) == ()


def test_what_is_no_output_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError, match="holds no runs"):
        Output(tmp_path).runs()
    with pytest.raises(InputNotFoundError, match="holds no runs"):
        prune(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["{", "[]", '{"attributes": 3}', '{"attributes": {}}', ""])
def test_damaged_metadata_make_a_run_that_is_not_complete(output, damage):
    (run_path(output, "run-c") / "zarr.json").write_text(damage)
    assert not Output(output).find("run-c").is_complete
    (output / LATEST_POINTER).write_text(damage)
    assert not any(run.is_latest for run in Output(output).runs())
    with pytest.raises(OutputError, match="which run is the latest"):
        prune(output, 0)
