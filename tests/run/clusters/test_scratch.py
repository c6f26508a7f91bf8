"""Scratch directories go with their process, and those of killed ones with the next."""

import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

from dgmm.run.clusters import scratch
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.clusters.scratch import scratch_directory
from dgmm.run.clusters.security import write_credentials
from dgmm.run.config.cluster_options import LocalCluster

HOLD = """
import sys, time
from dgmm.run.clusters.scratch import scratch_directory
with scratch_directory(sys.argv[1], sys.argv[2]) as place:
    (place / "file").touch()
    print(place, flush=True)
    time.sleep(1000)
"""


@contextmanager
def held_elsewhere(parent, prefix):
    """A directory of another process that lives, and that process."""
    words = [sys.executable, "-c", HOLD, str(parent), prefix]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        yield Path(process.stdout.readline().strip()), process
        process.kill()


@pytest.fixture
def held(tmp_path):
    with held_elsewhere(tmp_path, "x-") as found:
        yield found


def test_a_directory_is_there_for_a_while(tmp_path):
    with scratch_directory(tmp_path, "x-") as place:
        assert place.parent == tmp_path
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (place / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_it_is_made_in_has_to_be_there(tmp_path):
    with pytest.raises(FileNotFoundError), scratch_directory(tmp_path / "nowhere", "x-"):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path, held):
    place, process = held
    others = {tmp_path / "x-elsewhere-1", tmp_path / "x-elsewhere-1.lock"}
    for other in others:
        other.touch()
    with scratch_directory(tmp_path, "x-"), scratch_directory(tmp_path, "y-"):
        assert (place / "file").exists()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with scratch_directory(tmp_path, "y-"):
        assert place.exists()
    with scratch_directory(tmp_path, "x-") as new:
        assert not place.exists()
        assert set(tmp_path.iterdir()) == {new, new.with_name(f"{new.name}.lock"), *others}
    assert set(tmp_path.iterdir()) == others


def test_many_at_once_take_nothing_from_each_other(tmp_path):
    def use(number):
        with scratch_directory(tmp_path, "x-") as place:
            (place / str(number)).touch()
            return [path.name for path in place.iterdir()]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(200))) == [[str(number)] for number in range(200)]
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), NotImplementedError()])
def test_without_locks_nothing_is_lost_and_nothing_cleaned(tmp_path, held, monkeypatch, error):
    class Lockless(filelock.FileLock):
        def _acquire(self):
            raise error

    monkeypatch.setattr(scratch, "FileLock", Lockless)
    with scratch_directory(tmp_path, "x-") as place:
        assert place.is_dir()
        assert held[0].is_dir()
    assert not place.exists()


def test_clusters_clean_up_after_killed_drivers(tmp_path, monkeypatch):
    """What holds for any prefix holds for those that clusters use."""
    pytest.importorskip("cryptography", reason='cryptography is not installed (extra "jobqueue")')
    monkeypatch.setattr("dgmm.run.clusters.local.gettempdir", lambda: str(tmp_path))
    for prefix in ("dgmm-", ".dgmm-"):
        with held_elsewhere(tmp_path, prefix):
            pass
    assert len(list(tmp_path.iterdir())) == 4
    with write_credentials("slurm", "jobqueue", str(tmp_path)):
        assert len(list(tmp_path.glob(".dgmm-*"))) == 2
    with open_cluster(LocalCluster(workers=1, memory_limit=2**29)):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
