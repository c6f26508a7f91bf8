"""Nights in processes of their own, which end by SIGKILL at a named moment."""

import io
import json
import multiprocessing
import os
import signal
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import zarr

from dgmm.engine.events import PassStarted
from dgmm.io.results import commit, output, pointer
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.report import publication
from dgmm.run import lifecycle, load_as
from pipelines import execution, nightly
from tests.run.victim import digest

CONFIG = """\
keep: 2
grace_hours: 0
score: [{{path: {data}/archive.zarr, output: {output}-scores}}]
run:
  input: {{path: {data}/{night}.zarr, partition_size: 3200}}
  model: {{n_components: 3, covariance_type: full, n_init: 2, sample_size: 300,
          start_from: {output}}}
  output: {{path: {output}, assignments: [labels, responsibilities],
           report: {report}}}
  cluster: {{kind: threads, threads: 1}}
"""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def write_night(path, seed):
    """Three clumps, in chunks of 100 rows; two of them make a partition."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    rows = centres[rng.integers(0, 3, 800)] + rng.normal(size=(800, 2))
    zarr.create_array(path, data=rows, chunks=(100, 2))


def config(data, number, output, report="false"):
    """The configuration of a night, beside its output."""
    path = output.with_name(f"{output.name}-{number}.yaml")
    path.write_text(CONFIG.format(data=data, night=number, output=output, report=report))
    return path


def _die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


MOMENTS = {
    "the commit begins": (lifecycle, "commit_run", True),
    "everything but the root is written": (commit, "consolidate_metadata", True),
    "the run is committed": (lifecycle, "commit_run", False),
    "the pointer is written": (pointer, "_link", True),
    "the run is published": (Output, "publish", False),
    "the report begins": (publication, "publish_report", True),
    "the report is there": (publication, "publish_report", False),
    "the checkpoint is gone": (Checkpoint, "discard", False),
    "scoring begins": (nightly, "score", True),
    "other data are scored": (nightly, "score", False),
    "pruning begins": (execution, "prune", True),
    "a run is no run any more": (output, "remove_tree", True),
    "a run is removed": (output, "remove_tree", False),
}
"""What is called then, and whether the end comes before or after it."""

PASSES = {
    "the profile begins": ("profile", 0),
    "the search begins": ("search", 0),
    "EM is on the sample": ("sample", 1),
    "EM is on all rows": ("fit", 1),
    "changes are measured": ("compare", 0),
    "assignments begin": ("assign", 0),
}
"""The pass that begins then."""


def start(path, moment="", barrier=None):
    """Begin a night, which ends at a moment; the process, and what it says in the end."""
    said, say = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_night, args=(str(path), moment, barrier, say))
    process.start()
    say.close()
    return process, said


def night(path, moment=""):
    """The exit code of a night, and what it said; ``-SIGKILL`` and nothing at a moment."""
    return ended(*start(path, moment))


def ended(process, said):
    try:
        words = said.recv()
    except EOFError:
        words = ""
    process.join()
    return process.exitcode, words


def _night(path, moment, barrier, say):
    out, err = io.StringIO(), io.StringIO()
    if moment in MOMENTS:
        owner, name, is_before = MOMENTS[moment]
        setattr(owner, name, _mortal(getattr(owner, name), is_before))
    if moment in PASSES:
        settings = load_as(nightly.Settings, path)
        nightly.nightly(settings, _killer(*PASSES[moment]))
    if barrier is not None:
        barrier.wait(100)
    with redirect_stdout(out), redirect_stderr(err):
        exit_code = nightly.main([path])
    say.send(out.getvalue() + err.getvalue())
    os._exit(exit_code)


def _mortal(function, is_before):
    def call(*arguments, **options):
        if not is_before:
            function(*arguments, **options)
        _die()

    return call


def _killer(stage, index):
    def observe(event):
        if isinstance(event, PassStarted) and (event.stage, event.index) == (stage, index):
            _die()

    return observe


def seen(output):
    """What readers see, read whole."""
    result = open_result(output)
    for array in result.assignments.values():
        array[...]
    return digest(result.path)


def state_of(output):
    """All that an output holds, but for times and places: bits of runs, names of everything."""
    names = {path.relative_to(output) for path in output.rglob("*")} - {Path(".owner.json")}
    bits = {path.name: digest(path) for path in (output / "runs").iterdir()}
    latest = json.loads((output / "latest.json").read_bytes())
    latest["superseded"] = sorted(latest["superseded"])
    return names, bits, latest, os.readlink(output / "latest.zarr")


def barrier(parties):
    """At which processes wait for each other."""
    return _processes.Barrier(parties)
