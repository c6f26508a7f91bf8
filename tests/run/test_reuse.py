"""A score of data that have grown does the new part only, and has the bits of one from scratch."""

import logging
import os
import shutil
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.engine.arithmetic.processes import describe_process
from dgmm.io.results import assignment_arrays
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.storage.atomic_writes import link_or_copy
from dgmm.run import fit_run
from dgmm.run.config.configuration import loads
from dgmm.run.score_run import configuration_for, score
from tests.run.victim import attempt, digest

BLOCK = 200  # rows of a partition

CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
EVERYTHING = "[labels, responsibilities, log_density, uncertainty, outlier]"


def clumps(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, 2))


def fitted(folder, extra=""):
    """The result of a fit to 800 rows, which is enough for a few blocks."""
    zarr.create_array(folder / "train.zarr", data=clumps(800, 100), chunks=(100, 2))
    text = f"""
        input: {{path: {folder / "train.zarr"}, partition_size: {BLOCK * 16}, missing: drop}}
        model: {{n_components: 3, covariance_type: full, n_init: 1}} {extra}
        output: {{path: {folder / "fit"}, assignments: [labels, log_density],
                 report: false}}
        cluster: {{kind: threads, threads: 2}}
        """
    return open_result(fit_run.run(loads(text)).path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prepared_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    return fitted(folder, extra="\n        prepare: {scale: standardize}")


class Writes:
    """Counts what is assigned and written, apart from what is taken over."""

    def __init__(self, monkeypatch):
        self.starts = []
        self._write = assignment_arrays.write_region
        monkeypatch.setattr(assignment_arrays, "write_region", self)

    def __call__(self, run, name, region, rows):
        self.starts.append((name, region[0].start))
        self._write(run, name, region, rows)

    def of(self, name="labels"):
        """First samples of the parts that were written; everything is forgotten then."""
        found = sorted(start for known, start in self.starts if known == name)
        self.starts.clear()
        return found


@pytest.fixture
def writes(monkeypatch):
    return Writes(monkeypatch)


def scored(model, path, output, *overrides):
    configuration = configuration_for(
        model, str(path), str(output), ["cluster.kind=threads", *overrides]
    )
    return score(model, configuration)


def assert_as_from_scratch(model, path, output, found, *overrides):
    scratch = scored(model, path, output.with_name("scratch"), *overrides)
    assert scratch.built_on is None
    assert scratch.n_new == scratch.n_rows == found.n_rows
    assert digest(found.path) == digest(scratch.path)
    assert found.mean_log_density == scratch.mean_log_density
    assert found.n_missing == scratch.n_missing


def append(path, rows):
    array = zarr.open_array(path, mode="r+")
    array.append(rows)


def stored(path, rows):
    zarr.create_array(path, data=rows, chunks=(100, *rows.shape[1:]), overwrite=True)
    return path


# --- what grows -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "prepared"])
def test_rows_appended_to_a_zarr_array_alone_are_assigned(
    model, prepared_model, kind, tmp_path, writes
):
    model = model if kind == "plain" else prepared_model
    path = stored(tmp_path / "x.zarr", clumps(700, 1))
    first = scored(model, path, tmp_path / "out")
    assert (first.n_new, first.built_on) == (700, None)
    assert writes.of() == [0, 200, 400, 600]
    append(path, clumps(350, 2))
    second = scored(model, path, tmp_path / "out")
    assert writes.of() == [600, 800, 1000]  # the last block was not whole before
    assert second.n_new == 450
    assert f"{second.built_on}.zarr" == os.path.basename(first.path)
    assert_as_from_scratch(model, path, tmp_path / "out", second)
    append(path, clumps(150, 3))
    writes.of()
    third = scored(model, path, tmp_path / "out")
    assert (third.n_new, writes.of()) == (200, [1000])
    assert f"{third.built_on}.zarr" == os.path.basename(second.path)
    attributes = open_result(third.path).attributes
    assert (attributes["n_new"], attributes["built_on"]) == (200, third.built_on)
    assert attributes["n_samples"] == 1_200


def test_weights_missing_rows_and_all_arrays_are_those_of_a_score_from_scratch(
    model, tmp_path, writes
):
    rows, weights = clumps(600, 4), np.random.default_rng(5).random(600)
    rows[::7, 0] = np.nan
    path, named = stored(tmp_path / "x.zarr", rows), tmp_path / "w.zarr"
    stored(named, weights)
    weighted = [
        f"input.weights={{path: {named}}}",
        f"output.assignments={EVERYTHING}",
        "output.most_probable=2",
    ]
    scored(model, path, tmp_path / "out", *weighted)
    more = clumps(200, 6)
    more[3] = np.nan
    append(path, more)
    append(named, np.full(200, 2.0))
    writes.of()
    found = scored(model, path, tmp_path / "out", *weighted)
    assert found.n_new == 200
    assert {start for _, start in writes.starts} == {600}
    assert len(writes.starts) == 6
    assert_as_from_scratch(model, path, tmp_path / "out", found, *weighted)
    zarr.open_array(named, mode="r+")[450] = 9.0  # a weight alone
    changed = scored(model, path, tmp_path / "out", *weighted)
    assert changed.n_new == 200


def test_a_file_more_of_a_pattern_is_assigned_alone(model, tmp_path, writes):
    pandas = pytest.importorskip("pandas")

    def write(number, n_rows):
        table = pandas.DataFrame(clumps(n_rows, number), columns=["x0", "x1"])
        table.to_parquet(tmp_path / f"part{number}.parquet", row_group_size=256)

    for number in range(2):
        write(number, 512)
    pattern = tmp_path / "*.parquet"
    scored(model, pattern, tmp_path / "out")
    write(2, 300)
    writes.of()
    found = scored(model, pattern, tmp_path / "out")
    written = sorted({start // 256 * 256 for start in writes.of()})  # in chunks of 16 rows
    assert (found.n_new, written) == (300, [1024, 1280])
    assert_as_from_scratch(model, pattern, tmp_path / "out", found)


@pytest.fixture(scope="module")
def grid_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    days(4, seed=8).to_zarr(folder / "x.zarr", consolidated=False)
    text = f"""
        input: {{path: {folder / "x.zarr"}, variables: [a, b], sample_dims: [time, lat, lon],
                 partition_size: {2 * 40 * 16}}}
        model: {{n_components: 3, covariance_type: full, n_init: 1}}
        output: {{path: {folder / "fit"}, assignments: [labels, log_density], report: false}}
        cluster: {{kind: threads, threads: 2}}
        """
    return open_result(fit_run.run(loads(text)).path)


def days(n, seed=7):
    rows, dims = clumps(12 * 5 * 8, seed).reshape(12, 5, 8, 2)[:n], ("time", "lat", "lon")
    return xarray.Dataset(
        {"a": (dims, rows[..., 0]), "b": (dims, rows[..., 1])},
        coords={"time": np.arange(n), "lat": np.arange(5.0), "month": ("time", np.ones(n))},
    )


@pytest.mark.parametrize("name", ["x.zarr", "x.nc"])
def test_days_more_of_a_labelled_dataset_are_assigned_alone(grid_model, tmp_path, writes, name):
    path = tmp_path / name

    def write(n):
        if name == "x.zarr":
            days(n).chunk({"time": 1}).to_zarr(path, mode="w", consolidated=False)
        else:
            days(n).to_netcdf(tmp_path / "new", engine="h5netcdf")
            (tmp_path / "new").replace(path)

    write(7)
    scored(grid_model, path, tmp_path / "out")
    write(12)
    writes.of()
    found = scored(grid_model, path, tmp_path / "out")
    assert (found.n_new, writes.of()) == (6 * 40, [6, 8, 10])  # the seventh day was half a block
    assert open_result(found.path).coordinates["time"][:].tolist() == list(range(12))
    assert_as_from_scratch(grid_model, path, tmp_path / "out", found)


def test_the_run_that_found_the_model_serves_as_well(model, tmp_path, writes):
    path = tmp_path / "x.zarr"
    shutil.copytree(model.path.parents[2] / "train.zarr", path)
    append(path, clumps(100, 9))
    found = scored(model, path, tmp_path / "out")
    assert (found.n_new, writes.of()) == (100, [800])
    assert f"{found.built_on}.zarr" == model.path.name
    labels = open_result(found.path).assignments["labels"][:800]
    np.testing.assert_array_equal(labels, model.assignments["labels"][:])


# --- what is left as it was -------------------------------------------------------------------


def test_nothing_new_is_complete_and_data_that_were_only_touched_are_taken_over(
    model, tmp_path, writes
):
    path = stored(tmp_path / "x.zarr", clumps(500, 10))
    first = scored(model, path, tmp_path / "out")
    again = scored(model, path, tmp_path / "out")
    assert again.already_complete
    assert (again.n_new, again.built_on, again.path) == (500, None, first.path)
    os.utime(path / "c" / "0" / "0")
    writes.of()
    touched = scored(model, path, tmp_path / "out")
    assert (touched.n_new, writes.of()) == (0, [])
    assert not touched.already_complete
    assert digest(touched.path) == digest(first.path)


def test_what_is_taken_over_is_stored_once_and_outlives_the_earlier_run(model, tmp_path):
    path = stored(tmp_path / "x.zarr", clumps(600, 11))
    first = scored(model, path, tmp_path / "out")
    append(path, clumps(100, 12))
    second = scored(model, path, tmp_path / "out")
    chunks = [f"{found.path}/assignments/labels/c/0" for found in (first, second)]
    assert os.path.samefile(*chunks)
    before = digest(second.path)
    assert len(Output(tmp_path / "out").prune(1, timedelta(0))) == 1
    assert digest(second.path) == before
    assert os.stat(chunks[1]).st_nlink == 1


def test_without_links_chunks_are_written_again_from_what_is_there(
    model, tmp_path, monkeypatch, writes
):
    path = stored(tmp_path / "x.zarr", clumps(600, 13))
    first = scored(model, path, tmp_path / "out")
    append(path, clumps(100, 14))

    def refuse(self, target):
        raise PermissionError(1, "links are not known here", str(self), None, str(target))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", refuse)
        writes.of()
        second = scored(model, path, tmp_path / "out")
    assert (second.n_new, writes.of()) == (100, [600])
    assert not os.path.samefile(*(f"{run.path}/assignments/labels/c/0" for run in (first, second)))
    assert_as_from_scratch(model, path, tmp_path / "out", second)
    assert not list((tmp_path / "out").rglob("*.partial"))


# --- what has changed -------------------------------------------------------------------------


def test_a_block_that_changed_is_assigned_again_and_named(model, tmp_path, writes, caplog):
    path = stored(tmp_path / "x.zarr", clumps(1_000, 15))
    scored(model, path, tmp_path / "out")
    zarr.open_array(path, mode="r+")[450] = [4.0, 4.0]
    append(path, clumps(200, 16))
    writes.of()
    found = scored(model, path, tmp_path / "out")
    assert (found.n_new, writes.of()) == (400, [400, 1000])
    assert "rows 400 to 599 are assigned again: an earlier call has assigned other" in caplog.text
    assert_as_from_scratch(model, path, tmp_path / "out", found)


@pytest.mark.parametrize("damage", ["chunk", "kept", "no array"])
def test_what_cannot_be_read_of_the_earlier_run_is_assigned_again(
    model, tmp_path, writes, caplog, damage
):
    path = stored(tmp_path / "x.zarr", clumps(600, 17))
    first = Path(scored(model, path, tmp_path / "out").path)
    match damage:
        case "chunk":
            chunk = first / "assignments" / "log_density" / "c" / "1"
            chunk.write_bytes(chunk.read_bytes()[:-5] + b"wrong")
            lost = [200]
        case "kept":
            (first / "blocks" / "sums" / "c" / "0" / "0").unlink()
            lost = [0]
        case _:
            shutil.rmtree(first / "assignments" / "labels")
            lost = [0, 200, 400]
    append(path, clumps(200, 18))
    writes.of()
    found = scored(model, path, tmp_path / "out")
    assert found.n_new == BLOCK * (1 + len(lost))
    assert set(writes.of("log_density")) <= {*lost, 600}
    for start in lost:
        assert f"rows {start} to {start + 199}" in caplog.text
    assert "what an earlier call has found cannot be read" in caplog.text
    assert_as_from_scratch(model, path, tmp_path / "out", found)


def test_without_an_earlier_run_all_is_assigned_and_said(model, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    path = stored(tmp_path / "x.zarr", clumps(400, 19))
    first = scored(model, path, tmp_path / "out")
    append(path, clumps(200, 20))
    scored(model, path, tmp_path / "out", "output.assignments=[labels]")
    assert "not built on, because it has other assignments: all rows are assigned" in caplog.text
    (Path(first.path) / "zarr.json").unlink()  # as in the middle of being removed
    found = scored(model, path, tmp_path / "out")
    assert (found.n_new, found.built_on) == (600, None)


@pytest.fixture(scope="module")
def grown_since(model, tmp_path_factory):
    """Rows, and an output with a score of all but the last hundred."""
    folder = tmp_path_factory.mktemp("grown")
    path = stored(folder / "x.zarr", clumps(400, 21))
    scored(model, path, folder / "out")
    append(path, clumps(100, 22))
    return path, folder / "out"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("output.assignments=[labels]", "other assignments"),
        ("input.missing=error", "other kind of data"),
        (f"input.partition_size={BLOCK * 8}", "other extents of chunks, which depend on the num"),
        ("model", "other model"),
        ("versions", "other processors, or versions of dgmm and its libraries"),
    ],
)
def test_assignments_of_another_kind_are_not_taken_over(
    model, prepared_model, grown_since, tmp_path, monkeypatch, caplog, change, words
):
    caplog.set_level(logging.INFO, "dgmm")
    path, output = grown_since
    shutil.copytree(output, tmp_path / "out", symlinks=True)
    if change == "versions":
        newer = replace(describe_process(), dgmm="9.9")
        monkeypatch.setattr("dgmm.run.clusters.process_check.describe_process", lambda: newer)
    by = prepared_model if change == "model" else model
    found = scored(by, path, tmp_path / "out", *([change] if "=" in change else []))
    assert (found.n_new, found.built_on) == (500, None)
    assert f"not built on, because it has {words}" in caplog.text


def test_other_rows_and_other_bounds_are_said(model, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    path = stored(tmp_path / "x.zarr", clumps(400, 23))
    scored(model, path, tmp_path / "out")
    assert [record.name for record in caplog.records] == ["dgmm.run.lifecycle"], "its features"
    path = stored(path, clumps(600, 24))
    scored(model, path, tmp_path / "out")
    assert "because it has other rows: all rows are assigned" in caplog.text


# --- interruptions ----------------------------------------------------------------------------


def test_an_interrupted_score_goes_on_and_builds_on_the_same_run(model, tmp_path, monkeypatch):
    path = stored(tmp_path / "x.zarr", clumps(600, 24))
    scored(model, path, tmp_path / "out")
    append(path, clumps(600, 25))
    alone = "cluster={kind: threads, threads: 1}"  # so that none goes on when one is interrupted
    shared = []

    def share(source, target):
        shared.append(target)
        if len(shared) == 4:
            raise KeyboardInterrupt
        return link_or_copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(assignment_arrays, "link_or_copy", share)
        with pytest.raises(KeyboardInterrupt):
            scored(model, path, tmp_path / "out", alone)
    found = scored(model, path, tmp_path / "out")
    assert found.n_new == 600
    assert_as_from_scratch(model, path, tmp_path / "out", found)


def score_line(line):
    """A score in a process of its own, from and to what a line of text names."""
    model, path, output = line.split()
    scored(open_result(model), path, output)


@pytest.fixture
def grown(model, tmp_path):
    """An output with a score of data that have grown since, and the hash of what is next."""
    path = stored(tmp_path / "x.zarr", clumps(600, 28))
    scored(model, path, tmp_path / "out")
    append(path, clumps(300, 29))
    return path, digest(scored(model, path, tmp_path / "scratch").path)


def killed_and_done(model, path, output, kill_at):
    """The path of a score that went on after it was killed, and how the killed process ended."""
    line = f"{model.path} {path} {output}"
    exit_code, _ = attempt(line, kill_at, work=score_line)
    found = scored(model, path, output)
    assert (found.n_new, found.n_rows) == (300, 900)
    assert not [*output.rglob("*.partial"), *(output / "attempts").glob("*")]
    return found.path, exit_code


@pytest.mark.parametrize("kill_at", [12, 40])
def test_a_score_killed_at_any_step_goes_on(model, grown, tmp_path, kill_at):
    path, expected = grown
    found, exit_code = killed_and_done(model, path, tmp_path / "out", kill_at)
    assert exit_code == -signal.SIGKILL
    assert digest(found) == expected


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_score_killed_at_every_step_goes_on(model, grown, tmp_path):
    path, expected = grown
    before, exit_code, kill_at = tmp_path / "out", -signal.SIGKILL, 0
    while exit_code:
        kill_at += 1
        output = tmp_path / "again"
        shutil.copytree(before, output, symlinks=True)
        found, exit_code = killed_and_done(model, path, output, kill_at)
        assert digest(found) == expected
        shutil.rmtree(output)
    assert kill_at > 60


def test_the_command_says_how_many_rows_are_new(model, tmp_path):
    path = stored(tmp_path / "x.zarr", clumps(600, 26))
    arguments = ["score", str(model.path), str(path), "--output", str(tmp_path / "out")]
    quiet = ["--set", "cluster.kind=threads"]
    first = CliRunner().invoke(command, [*arguments, *quiet])
    assert "600 rows, 0 of them missing; mean log density" in first.output
    append(path, clumps(100, 27))
    second = CliRunner().invoke(command, [*arguments, *quiet])
    assert second.exit_code == 0
    run_id = Path(first.output.split()[-1]).stem
    assert f"700 rows, 0 of them missing and 100 new since {run_id}; mean" in second.output
    shown = CliRunner().invoke(command, ["runs", str(tmp_path / "out")])
    assert shown.output.count("score") == 2
