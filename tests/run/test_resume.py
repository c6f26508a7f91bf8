"""Runs that are interrupted and go on: the same bits, nothing done twice, nothing mixed up."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from dgmm.engine.events import PassFinished, PassStarted, Resumed
from dgmm.errors import InputChangedError, OutputError, StorageError, TemporaryError
from dgmm.io.results import assignment_arrays
from dgmm.io.results.result import open_result
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import (
    attempt,
    configuration,
    digest,
    interrupt,
    locked_elsewhere,
    write_clumps,
)

BLOCKS = {0, 200, 400}


@pytest.fixture
def data(tmp_path):
    write_clumps(tmp_path / "x.zarr")
    return tmp_path / "x.zarr"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The hash of an uninterrupted run on these data."""
    folder = tmp_path_factory.mktemp("clean")
    write_clumps(folder / "x.zarr")
    return digest(run(loads(configuration(folder / "x.zarr", folder / "out"))).path)


def stages_of(events):
    """Stages of the passes over all rows, in order."""
    started = [event for event in events if isinstance(event, PassStarted)]
    return [(e.stage, e.index) for e in started if e.stage in ("profile", "fit", "assign")]


@pytest.mark.parametrize(
    ("stage", "index"),
    [("search", 0), ("sample", 0), ("sample", 1), ("fit", 0), ("fit", 2), ("assign", 0)],
)
def test_a_run_goes_on_with_the_pass_it_was_interrupted_in(data, tmp_path, clean, stage, index):
    text = configuration(data, tmp_path / "out")
    interrupt(text, stage, index)
    assert not list(tmp_path.glob("out/runs/*/zarr.json"))
    events = []
    finished = run(loads(text), events.append)
    assert digest(finished.path) == clean
    assert not finished.already_complete
    resumed = next(event for event in events if isinstance(event, Resumed))
    again = stages_of(events)
    assert ("profile", 0) not in again
    if stage == "fit":
        assert resumed == Resumed("fit", index)
        assert again[0] == ("fit", index)
    assert again[-1] == ("assign", 0)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"runs", "latest.json", "latest.zarr", ".lock"}


def test_a_run_may_be_interrupted_after_every_pass(data, tmp_path, clean):
    text = configuration(data, tmp_path / "out")
    n_interruptions = 0
    while True:
        events = []
        try:
            finished = run(loads(text), lambda event, seen=events: _stop_after_one(event, seen))
            break
        except KeyboardInterrupt:
            n_interruptions += 1
    assert n_interruptions > 2
    assert digest(finished.path) == clean


def _stop_after_one(event, events):
    """Let a run do one pass over all rows."""
    events.append(event)
    if isinstance(event, PassFinished) and event.stage == "fit":
        raise KeyboardInterrupt


def test_fresh_starts_again_and_leaves_a_complete_run_alone(data, tmp_path, clean):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    events = []
    finished = run(loads(text), events.append, fresh=True)
    assert stages_of(events)[:2] == [("profile", 0), ("fit", 0)]
    assert not any(isinstance(event, Resumed) for event in events)
    assert digest(finished.path) == clean
    before = os.stat(Path(finished.path) / "zarr.json")
    assert run(loads(text), fresh=True).already_complete
    assert os.stat(Path(finished.path) / "zarr.json").st_mtime_ns == before.st_mtime_ns


class Written:
    """Counts the rows of labels that are written, and fails once there were so many."""

    def __init__(self, monkeypatch, fail_after=10**9):
        self.starts = []
        self._fail_after = fail_after
        self._write = assignment_arrays.write_region
        monkeypatch.setattr(assignment_arrays, "write_region", self)

    def __call__(self, path, name, region, rows):
        if len(self.starts) == self._fail_after:
            raise KeyboardInterrupt
        self.starts.append((name, region[0].start))
        return self._write(path, name, region, rows)


def interrupted_while_assigning(text, monkeypatch):
    """Interrupt a run when it has written one of three blocks and half of another.

    Returns
    -------
    int
        The first row of the block that is written.
    """
    with monkeypatch.context() as patch:
        written = Written(patch, fail_after=3)
        with pytest.raises(KeyboardInterrupt):
            run(loads(text))
    first, second, third = written.starts
    assert (first, second) == (("labels", first[1]), ("responsibilities", first[1]))
    assert third[0] == "labels"
    return first[1]


def test_assignments_go_on_with_the_chunks_that_are_missing(data, tmp_path, monkeypatch, clean):
    text = configuration(data, tmp_path / "out")
    there = interrupted_while_assigning(text, monkeypatch)
    written, events = Written(monkeypatch), []
    finished = run(loads(text), events.append)
    assert {start for _, start in written.starts} == BLOCKS - {there}
    assert stages_of(events) == [("assign", 0)]
    read = [event for event in events if isinstance(event, PassFinished)]
    assert read[-1].n_rows == 600
    assert digest(finished.path) == clean


def _flip(chunk):
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [_flip, Path.unlink, lambda chunk: chunk.write_bytes(b""), lambda chunk: os.truncate(chunk, 9)],
)
def test_chunks_that_do_not_read_are_written_again(data, tmp_path, monkeypatch, clean, damage):
    text = configuration(data, tmp_path / "out")
    there = interrupted_while_assigning(text, monkeypatch)
    (chunk,) = tmp_path.glob(f"out/runs/*/assignments/labels/c/{there // 200}")
    damage(chunk)
    written = Written(monkeypatch)
    assert digest(run(loads(text)).path) == clean
    assert {start for _, start in written.starts} == BLOCKS


def test_assignments_that_are_gone_are_made_again(data, tmp_path, monkeypatch, clean):
    text = configuration(data, tmp_path / "out")
    interrupted_while_assigning(text, monkeypatch)
    shutil.rmtree(tmp_path / "out" / "runs")
    assert digest(run(loads(text)).path) == clean


def change(data, row):
    array = zarr.open_array(data, mode="r+")
    array[row, 1] = array[row, 1] + 1e-9


@pytest.mark.parametrize("moment", ["sample", "fit", "assign"])
def test_an_input_that_changed_meanwhile_is_refused_until_it_is_put_back(
    data, tmp_path, monkeypatch, clean, moment
):
    text = configuration(data, tmp_path / "out")
    if moment == "assign":
        interrupted_while_assigning(text, monkeypatch)
    else:
        interrupt(text, moment, 1)
    shutil.copytree(data, tmp_path / "saved.zarr")
    change(data, row=130)
    for _ in range(2):
        with pytest.raises(InputChangedError, match=r"Rows 0 to 199 \(block 0\) are not what they"):
            run(loads(text))
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "saved.zarr", data)
    events = []
    assert digest(run(loads(text), events.append).path) == clean
    assert ("profile", 0) not in stages_of(events)
    assert len(list(tmp_path.glob("out/runs/*"))) == 1


def test_an_input_that_changed_may_be_fitted_afresh(data, tmp_path):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    change(data, row=130)
    finished = run(loads(text), fresh=True)
    other = run(loads(configuration(data, tmp_path / "other")))
    assert digest(finished.path) == digest(other.path)
    assert list(tmp_path.glob("out/runs/*")) == [Path(finished.path)]


@pytest.mark.parametrize(
    ("n_rows", "message"),
    [(700, r"Rows 600 to 699 are new\."), (450, r"Rows 450 to 599 are gone\.")],
)
def test_an_input_that_was_resized_is_refused(data, tmp_path, n_rows, message):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    write_clumps(data, n_rows)
    with pytest.raises(InputChangedError, match=message):
        run(loads(text))


@pytest.mark.parametrize("name", ["profile", "states"])
def test_a_damaged_checkpoint_costs_time_and_no_bits(data, tmp_path, caplog, clean, name):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    (path,) = tmp_path.glob(f"out/attempts/*/{name}")
    _flip(path)
    assert digest(run(loads(text)).path) == clean
    assert f"{path} is ignored: its checksum is wrong" in caplog.text


def test_a_second_run_on_one_output_leaves_and_touches_nothing(data, tmp_path, clean):
    output = tmp_path / "out"
    text = configuration(data, output)
    interrupt(text, "fit", 1)
    with locked_elsewhere(output) as other:
        before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
        for extra in ("", ", seed: 1"):
            with pytest.raises(TemporaryError, match=rf"by process {other.pid} on .* since 2"):
                run(loads(configuration(data, output, extra)))
        assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before
    assert digest(run(loads(text)).path) == clean  # its process is dead, and so is its lock


def test_a_complete_run_is_found_while_another_one_works(data, tmp_path):
    text = configuration(data, tmp_path / "out")
    path = run(loads(text)).path
    with locked_elsewhere(tmp_path / "out"):
        again = run(loads(text))
    assert (again.path, again.already_complete) == (path, True)


def test_an_output_that_cannot_be_used_is_refused_before_any_work(data, tmp_path):
    blocked = []
    for name in ("", "runs", "attempts", ".lock"):
        output = tmp_path / f"out-{name}"
        place = output / name
        place.parent.mkdir(exist_ok=True)
        if name == ".lock":
            place.mkdir()
        else:
            place.write_text("in the way")
        blocked.append(output)
    for output in (*blocked, "/proc/output"):
        events = []
        with pytest.raises(OutputError, match="cannot be created"):
            run(loads(configuration(data, output)), events.append)
        assert events == []


def test_a_read_only_output_is_refused(data, tmp_path):
    """As somebody whom permissions bind, which they do not the superuser."""
    nobody = 65534
    output = tmp_path / "out"
    output.mkdir()
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    output.chmod(0o555)
    text = configuration(data, output)
    assert attempt(text, user=nobody if os.getuid() == 0 else None) == (73, 0)
    assert list(output.iterdir()) == []


def test_results_are_of_the_run_that_was_asked_for_last(data, tmp_path):
    first, second = (
        configuration(data, tmp_path / "out"),
        configuration(data, tmp_path / "out", ", seed: 1"),
    )
    paths = [run(loads(text)).path for text in (first, second)]
    assert open_result(tmp_path / "out").path == Path(paths[1])
    assert run(loads(first)).already_complete
    assert open_result(tmp_path / "out").path == Path(paths[0])


def test_storage_that_refuses_a_checkpoint_ends_the_run(data, tmp_path, monkeypatch, clean):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "search")

    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("dgmm.io.storage.value_file.replace_file", full)
        with pytest.raises(StorageError, match=r"attempts/.*/states cannot be .*No space left"):
            run(loads(text))
    assert digest(run(loads(text)).path) == clean
    assert np.isfinite(open_result(tmp_path / "out").sweep.selected.bic)
