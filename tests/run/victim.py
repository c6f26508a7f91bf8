"""Whole runs in processes of their own, which may be killed at any of their effects on the disk."""

import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zarr

from dgmm.engine.events import PassStarted
from dgmm.errors import DgmmError
from dgmm.io.storage.lock import write_lock
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run

_EFFECTS = (
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "symlink_to"),
    (Path, "hardlink_to"),
    (Path, "rmdir"),
    (os, "fsync"),
    (shutil, "rmtree"),
)

_counting = threading.Lock()
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])  # the libraries are imported once for all of them


def write_clumps(path, n_rows=600, seed=0, shift=0.0):
    """Three clumps, in chunks of 100 rows; two of them make a partition of the runs below."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n_rows)
    X = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])[which] + rng.normal(size=(n_rows, 2))
    zarr.create_array(path, data=X + shift, chunks=(100, 2), overwrite=True)
    return X + shift


def configuration(data, output, extra="", cluster="kind: threads, threads: 1"):
    """The text of a run that takes two models through every stage."""
    return f"""
        input: {{path: {data}, partition_size: 3200}}
        model: {{n_components: 3, covariance_type: [full, diag], n_init: 1, tol: 1e-4,
                 sample_size: 200{extra}}}
        output: {{path: {output}, assignments: [labels, responsibilities], report: false}}
        cluster: {{{cluster}}}
    """


def digest(run_directory, storage_options=None):
    """Every stored number of a run, as one hash."""
    found = hashlib.sha256()
    root = zarr.open_group(run_directory, mode="r", storage_options=storage_options)
    for name, member in sorted(root.members(max_depth=None)):
        if isinstance(member, zarr.Array):
            found.update(name.encode())
            found.update(repr(member[...].tolist()).encode())
    return found.hexdigest()


class Crash(BaseException):
    """The end of a process, as far as the code can tell."""


def crash_before(stage, index=0):
    """An observer under which a run ends as this pass begins, with all before it kept."""

    def observe(event):
        if isinstance(event, PassStarted) and (event.stage, event.index) == (stage, index):
            raise Crash

    return observe


def interrupt(text, stage, index=0):
    """A run that ends as this pass begins."""
    with pytest.raises(Crash):
        run(loads(text), crash_before(stage, index))


def run_text(text):
    run(loads(text))


def attempt(text, kill_at=0, kill_after=200.0, user=None, work=run_text):
    """Run in a process that is killed before its effect of this number, or after so many seconds.

    Parameters
    ----------
    work : callable
        What is done with the text, if it is not a run.

    Returns
    -------
    exit_code : int
        That of the command; ``-SIGKILL`` if the process was killed.
    n_effects : int
        Effects that it came to.
    """
    calls = _processes.RawValue("i", 0)  # a lock of it would die with the process, held
    process = _processes.Process(target=_attempt, args=(text, kill_at, user, calls, work))
    process.start()
    process.join(kill_after)
    process.kill()
    process.join()
    return process.exitcode, calls.value


def _attempt(text, kill_at, user, calls, work):
    if user is not None:
        os.setuid(user)
    os.fsync = int  # a process that is killed loses nothing that it has written
    for owner, name in _EFFECTS:
        setattr(owner, name, _mortal(getattr(owner, name), calls, kill_at))
    try:
        work(text)
    except DgmmError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _mortal(effect, calls, kill_at):
    def call(*arguments, **options):
        with _counting:
            calls.value += 1
            if calls.value == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return effect(*arguments, **options)

    return call


@contextmanager
def locked_elsewhere(output):
    """Another process that holds an output; it is killed in the end."""
    ready = _processes.Event()
    process = _processes.Process(target=_hold, args=(output, ready))
    process.start()
    assert ready.wait(100)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _hold(output, ready):
    with write_lock(output):
        ready.set()
        time.sleep(1000)
