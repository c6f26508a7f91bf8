"""The nightly pipeline: what is done once, what is not done at all, and what readers see."""

import os

import numpy as np
import pandas as pd
import pytest
import zarr

import dgmm
from dgmm.engine.events import PassStarted
from dgmm.io.results.output import Output
from dgmm.io.storage.lock import write_lock
from dgmm.run import load_as
from pipelines.nightly import Settings, main, nightly
from tests.run.victim import Crash, crash_before, digest

pytestmark = pytest.mark.usefixtures("folder")

CONFIG = """\
skipped_exit_code: 99
run:
  input: {path: tonight.zarr, partition_size: 3200}
  model: {n_components: 2, covariance_type: spherical, n_init: 1, sample_size: 200,
          start_from: out}
  output: {path: out, assignments: [labels], report: false}
  cluster: {kind: threads}
"""
SCORES = "score=[{path: archive.zarr, output: scores}]"


def deliver(night, path="tonight.zarr", stretch=1.0):
    rng = np.random.default_rng(night)
    rows = np.array([[0, 0], [8, 0]])[rng.integers(0, 2, 600)] + rng.normal(size=(600, 2))
    zarr.create_array(path, data=rows * stretch, chunks=(200, 2), overwrite=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.yaml").write_text(CONFIG)
    deliver(1)
    return tmp_path


def settings(*overrides):
    return load_as(Settings, "nightly.yaml", overrides)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_night_is_done_once(folder, capsys):
    assert main(["nightly.yaml"]) == 0
    first = dgmm.open_result("out")
    out = capsys.readouterr().out
    assert out.startswith("spherical-2 after ")
    assert out.endswith(f"; nothing to compare with\n{first.path}\n")
    before = files(folder / "out")
    assert main(["nightly.yaml"]) == 99
    assert capsys.readouterr() == (f"nothing new\n{first.path}\n", "")
    assert files(folder / "out") == before


def test_the_next_starts_from_it_and_says_what_changed(capsys):
    main(["nightly.yaml"])
    first = dgmm.open_result("out")
    deliver(2)
    capsys.readouterr()
    assert main(["nightly.yaml"]) == 0
    second = dgmm.open_result("out")
    assert second.attributes["started_from"]["path"] == str(first.path)
    assert f"; {second.drift.verdict.value}\n" in capsys.readouterr().out
    night = nightly(settings())
    assert (night.run.path, night.verdict) == (str(second.path), second.drift.verdict.value)
    assert night.reasons == second.drift.reasons
    assert not night.is_new


def test_a_night_too_far_from_the_last_is_held_back_every_time(folder, capsys):
    main(["nightly.yaml"])
    first = dgmm.open_result("out")
    deliver(2, stretch=1000.0)
    deliver(9, "archive.zarr")
    options = ["--set", SCORES, "--set", "keep=1"]
    assert main(["nightly.yaml", *options]) == 65
    said = capsys.readouterr().err
    assert "held back" in said
    assert "--publish" in said
    before = files(folder)
    assert main(["nightly.yaml", *options]) == 65
    assert capsys.readouterr().err == said
    assert files(folder) == before
    assert dgmm.open_result("out").path == first.path
    assert not (folder / "scores").exists()
    assert len(Output(folder / "out").runs()) == 2
    deliver(3)
    assert main(["nightly.yaml"]) == 0
    assert dgmm.open_result("out").attributes["started_from"]["path"] == str(first.path)


def test_other_data_are_scored_by_the_model_of_the_night(capsys):
    deliver(9, "archive.zarr")
    for night in (1, 2):
        deliver(night)
        found = nightly(settings(SCORES))
        (scored,) = found.scores
        assert (found.is_new, scored.n_rows) == (True, 600)
        scores = dgmm.open_result("scores")
        assert str(scores.path) == scored.path
        assert scores.attributes["model_run"] == dgmm.open_result("out").path.stem
    assert not nightly(settings(SCORES)).is_new
    deliver(10, "archive.zarr")
    capsys.readouterr()
    assert main(["nightly.yaml", "--set", SCORES]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "nothing new"
    assert told[1].startswith("scored 600 rows")


def test_old_runs_are_removed_from_every_output(folder):
    deliver(9, "archive.zarr")
    for night in (1, 2):
        deliver(night)
        assert nightly(settings(SCORES, "keep=1", "grace_hours=0")).n_removed == (
            2 if night > 1 else 0
        )
    assert [len(Output(folder / output).runs()) for output in ("out", "scores")] == [1, 1]


def test_those_that_readers_saw_until_lately_are_spared(folder):
    for night in (1, 2):
        deliver(night)
        assert nightly(settings("keep=1")).n_removed == 0
    assert len(Output(folder / "out").runs()) == 2


def test_a_night_that_never_ended_is_given_up_when_the_next_data_are_there(folder, caplog):
    nightly(settings())
    deliver(2)
    with pytest.raises(Crash):
        nightly(settings(), crash_before("fit", 1))
    deliver(3)
    found = nightly(settings())
    assert "an interrupted night is abandoned" in caplog.text
    assert not list((folder / "out").glob("attempts/*"))
    assert len(Output(folder / "out").runs()) == 2
    (folder / "nightly.yaml").write_text(CONFIG.replace(": out", ": clean"))
    for night in (1, 3):
        deliver(night)
        clean = nightly(settings())
    assert digest(found.run.path) == digest(clean.run.path)


def test_data_that_are_still_being_written_are_for_later(capsys, monkeypatch):
    n_passes = []

    def upstream(event):
        if isinstance(event, PassStarted) and event.stage == "fit":
            n_passes.append(event.index)
            deliver(len(n_passes) + 1)

    monkeypatch.setattr("pipelines.execution.console_logging", lambda *_: _Observed(upstream))
    assert main(["nightly.yaml"]) == 75
    assert "tonight.zarr changes while it is read. Run again when" in capsys.readouterr().err
    monkeypatch.undo()


class _Observed:
    def __init__(self, observer):
        self.observer = observer

    def __enter__(self):
        return self.observer

    def __exit__(self, *_):
        return None


def test_an_output_in_use_and_a_cluster_that_is_not_there_are_for_later(folder, capsys):
    with write_lock(folder / "out"):
        assert main(["nightly.yaml"]) == 75
        assert f"is being written to by process {os.getpid()}" in capsys.readouterr().err
    cluster = "run.cluster={kind: address, address: 'tcp://127.0.0.1:1', timeout: 1}"
    assert main(["nightly.yaml", "--set", cluster]) == 75
    assert "127.0.0.1:1" in capsys.readouterr().err
    assert main(["nightly.yaml"]) == 0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("run.model.start_from=null", "found no model.start_from, expected the path of a result"),
        ("score=[{path: a, output: ./out}]", "found an output twice"),
        ("score=[{path: a}]", "score.0.output: missing"),
        ("keep=0", "keep: found 0, expected"),
    ],
)
def test_mistakes_are_named(capsys, override, said):
    assert main(["nightly.yaml", "--set", override]) == 78
    assert said in capsys.readouterr().err


def test_classes_of_labelled_rows_keep_their_labels_every_night():
    """Rows of which some are labelled in the column of a table; the archive has none."""
    model = "run.model.n_components=3"

    def table(night, path, share):
        rng = np.random.default_rng(night)
        classes = rng.integers(0, 3, 600)
        rows = np.array([[0, 0], [8, 0], [0, 9]])[2 - classes] + rng.normal(size=(600, 2))
        known = pd.array(np.where(rng.random(600) < share, classes, None), dtype="Int64")
        columns = {"a": rows[:, 0], "b": rows[:, 1], "kind": known}
        pd.DataFrame(columns).to_parquet(path)
        return classes

    keys = ["run.input={path: tonight.parquet, labels: kind}", model]
    keys.append("score=[{path: archive.parquet, output: scores}]")
    archive = table(9, "archive.parquet", 0.1)
    for night in (1, 2):
        classes = table(night, "tonight.parquet", 0.1)
        done = nightly(settings(*keys))
        result = dgmm.open_result(done.run.path)
        assert result.labelling.labels == (0, 1, 2)
        assert (result.assignments["labels"][:] == classes).mean() > 0.99
        scored = dgmm.open_result(done.scores[0].path)
        assert (scored.assignments["labels"][:] == archive).mean() > 0.99
    assert done.verdict == "steady"
    assert not nightly(settings(*keys)).is_new
