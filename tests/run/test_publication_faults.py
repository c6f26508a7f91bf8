"""Processes killed, disks full, writes refused at any step: the old result or the new one."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dgmm.errors import StorageError
from dgmm.io.results.result import open_result
from dgmm.run import lifecycle
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import Crash, attempt, configuration, digest, write_clumps


def text_of(data, output, seed=0):
    """One model, so that there are few files and a kill at each of them is soon tried."""
    extra = f", seed: {seed}"
    text = configuration(data, output, extra)
    return text.replace("[full, diag]", "spherical").replace("n_components: 3", "n_components: 2")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.zarr"
    write_clumps(path)
    return path


@pytest.fixture(scope="module")
def old_and_new(data, tmp_path_factory):
    """Hashes of a run that is complete from the beginning, and of the one that faults meet."""
    folder = tmp_path_factory.mktemp("clean")
    return [digest(run(loads(text_of(data, folder, seed))).path) for seed in (1, 0)]


def with_old_result(data, output):
    run(loads(text_of(data, output, seed=1)))
    return text_of(data, output)


def seen_by_a_reader(output):
    """What is published, read whole."""
    result = open_result(output)
    for array in result.assignments.values():
        array[...]
    assert (output / "latest.zarr").resolve().parent == (output / "runs").resolve()
    return digest(result.path)


def assert_clean(output):
    """Nothing is left of what was interrupted, but what a kill in the last steps may leave."""
    names = {path.name for path in output.iterdir()} - {".owner.json", "attempts"}
    assert names == {"runs", "latest.json", "latest.zarr", ".lock"}
    assert list(output.rglob("attempts/*")) == []
    assert list(output.rglob("*.partial")) == []
    hidden = {path.name for path in output.rglob(".*")}
    assert hidden <= {".lock", ".owner.json"}
    assert all((path / "zarr.json").is_file() for path in (output / "runs").iterdir())


@pytest.fixture(scope="module")
def assigned(data, tmp_path_factory):
    """An output with a complete run, and another of which only the publication is missing."""
    output = tmp_path_factory.mktemp("assigned") / "out"
    text = with_old_result(data, output)

    def crash(*_, **__):
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "commit_run", crash)
        with pytest.raises(Crash):
            run(loads(text))
    return output


def killed_while_publishing(data, assigned, output, step, old_and_new):
    """Kill at this step of the publication, look, go on, look again; False if it has no such."""
    old, new = old_and_new
    shutil.copytree(assigned, output, symlinks=True)
    text = text_of(data, output)
    exit_code, n_effects = attempt(text, kill_at=step)
    if exit_code == 0:
        assert n_effects < step
        return False
    assert (exit_code, n_effects) == (-signal.SIGKILL, step)
    seen = seen_by_a_reader(output)
    assert seen in (old, new)
    assert attempt(text)[0] == 0
    assert seen_by_a_reader(output) == new
    assert_clean(output)
    shutil.rmtree(output)
    return True


def n_steps(data, assigned, output):
    shutil.copytree(assigned, output, symlinks=True)
    exit_code, n_effects = attempt(text_of(data, output))
    assert exit_code == 0
    return n_effects


@pytest.mark.slow  # test_kills_at_ever_later_steps_until_done has fewer of them
def test_a_kill_at_some_steps_of_the_publication(data, assigned, tmp_path, old_and_new):
    n = n_steps(data, assigned, tmp_path / "counted")
    steps = [*range(1, n - 12, 80), *range(n - 12, n + 1, 4)]
    for step in steps:
        assert killed_while_publishing(data, assigned, tmp_path / "out", step, old_and_new)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_kill_at_every_step_of_the_publication(data, assigned, tmp_path, old_and_new):
    n = n_steps(data, assigned, tmp_path / "counted")
    for step in range(1, n + 1):
        assert killed_while_publishing(data, assigned, tmp_path / "out", step, old_and_new)
    assert not killed_while_publishing(data, assigned, tmp_path / "out", n + 1, old_and_new)


def killed_until_done(data, output, old_and_new, steps):
    """Run, killed at the next of these steps each time, until it is done; how often it was."""
    text = with_old_result(data, output)
    n_kills = 0
    for step in steps:
        exit_code, _ = attempt(text, kill_at=step)
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
        n_kills += 1
        assert seen_by_a_reader(output) in old_and_new
    assert exit_code == 0
    assert seen_by_a_reader(output) == old_and_new[1]
    assert_clean(output)
    return n_kills


def test_kills_at_ever_later_steps_until_done(data, tmp_path, old_and_new):
    steps = range(3, 1000, 120)
    assert killed_until_done(data, tmp_path / "out", old_and_new, steps) > 2


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_hundred_kills_at_random_steps(data, tmp_path, old_and_new):
    rng = np.random.default_rng(5)
    n_kills = n_runs = 0
    while n_kills < 100:
        steps = [*rng.integers(1, 150, 20), 10**9]
        n_kills += killed_until_done(data, tmp_path / f"out-{n_runs}", old_and_new, steps)
        n_runs += 1
    assert n_runs > 4


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_hundred_kills_at_random_moments(data, tmp_path, old_and_new):
    rng, began = np.random.default_rng(6), time.monotonic()
    assert attempt(with_old_result(data, tmp_path / "timed"))[0] == 0
    longest = time.monotonic() - began
    n_kills = n_runs = 0
    while n_kills < 100:
        output = tmp_path / f"out-{n_runs}"
        text = with_old_result(data, output)
        while (exit_code := attempt(text, kill_after=rng.uniform(0, longest))[0]) != 0:
            assert exit_code == -signal.SIGKILL
            n_kills += 1
            assert seen_by_a_reader(output) in old_and_new
        assert seen_by_a_reader(output) == old_and_new[1]
        assert_clean(output)
        n_runs += 1


class FailingWrites:
    """Lets the n-th file that is opened to be written meet a full disk."""

    def __init__(self, monkeypatch):
        self.n_opened, self.fail_at = 0, 0
        opened = Path.open

        def open_or_fail(path, mode="r", *arguments, **options):
            if "w" in mode or "x" in mode:
                self.n_opened += 1
                if self.n_opened == self.fail_at:
                    raise OSError(28, "No space left on device", str(path))
            return opened(path, mode, *arguments, **options)

        monkeypatch.setattr(Path, "open", open_or_fail)


def refusal(text):
    """Why a run could not write what it has to write; empty, if it could."""
    try:
        run(loads(text))
    except StorageError as error:
        return str(error)
    return ""


def failing_at(writes, text, number):
    """Run with its n-th write failing; whether it had so many."""
    writes.n_opened, writes.fail_at = 0, number
    message = refusal(text)
    assert bool(message) == (writes.n_opened >= number)
    assert not message or "No space left" in message
    return bool(message)


def test_writes_that_fail_one_after_the_other(data, tmp_path, monkeypatch, old_and_new):
    output = tmp_path / "out"
    text = with_old_result(data, output)
    writes, number = FailingWrites(monkeypatch), 1
    while failing_at(writes, text, number):
        assert seen_by_a_reader(output) in old_and_new
        number += 24
    assert number > 30
    assert seen_by_a_reader(output) == old_and_new[1]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_write_fails_once(data, tmp_path, monkeypatch, old_and_new):
    writes, number, more = FailingWrites(monkeypatch), 1, True
    while more:
        output = tmp_path / "out"
        writes.fail_at = 0
        text = with_old_result(data, output)
        more = failing_at(writes, text, number)
        assert seen_by_a_reader(output) in old_and_new
        writes.fail_at = 0
        run(loads(text))
        assert seen_by_a_reader(output) == old_and_new[1]
        shutil.rmtree(output)
        number += 1
    assert number > 50


@contextmanager
def small_disk(path, size):
    path.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system of limited size can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_disk_that_is_full_again_and_again(data, tmp_path, old_and_new):
    disk, size = tmp_path / "disk", 4 << 20
    with small_disk(disk, size):
        output, ballast = disk / "out", disk / "ballast"
        text = with_old_result(data, output)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        ballast.write_bytes(bytes(free))
        full_at = []
        for left in range(free - (24 << 10), 0, -(24 << 10)):
            message = refusal(text)
            if not message:
                break
            assert "No space left" in message
            full_at.append(message)
            assert seen_by_a_reader(output) in old_and_new
            os.truncate(ballast, left)
        assert seen_by_a_reader(output) == old_and_new[1]
        for place in ("/out/attempts/", "/assignments/", ".zarr cannot"):
            assert any(place in message for message in full_at), full_at
