"""SIGTERM and Ctrl-C during a real command: one line, 75, nothing left, and the same bits after."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import configuration, digest, write_clumps

ENDLESS = ("model.tol=1e-12", "model.max_iter=1000000")


@pytest.fixture
def data(tmp_path):
    write_clumps(tmp_path / "x.zarr", n_rows=6_000)
    return tmp_path / "x.zarr"


@pytest.fixture
def command(data, tmp_path):
    """Starts the command on a configuration; its scratch directories are below ``tmp_path``."""
    (tmp_path / "scratch").mkdir()
    started = []

    def start(options, cluster, block_bytes):
        text = configuration(data, tmp_path / "out", "", cluster)
        text = text.replace("partition_size: 3200", f"partition_size: {block_bytes}")
        sets = [word for option in options for word in ("--set", option)]
        (tmp_path / "run.yaml").write_text(text)
        process = subprocess.Popen(
            [sys.executable, "-m", "dgmm", "run", str(tmp_path / "run.yaml"), *sets],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        )
        started.append(process)
        return process, text

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


ASSIGNMENTS = "the first chunk of assignments"


def wait_for(process, words, directory):
    """Read what the command logs until it says this, or look for the first of its chunks."""
    if words == ASSIGNMENTS:
        while not list(directory.glob("out/runs/*/assignments/labels/c/*")):
            assert process.poll() is None
            time.sleep(0.01)
        return
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(words)


@pytest.mark.parametrize(
    ("moment", "number", "options", "cluster", "block_bytes"),
    [
        (
            "sample, pass 1,",
            signal.SIGTERM,
            (*ENDLESS, "model.sample_size=5000"),
            "kind: threads",
            16_000,
        ),
        pytest.param(
            *("fit, pass 1,", signal.SIGINT, ("model.tol=1e-8",), "kind: threads", 16_000),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(
                "fit, pass 1,",
                signal.SIGTERM,
                ("model.tol=1e-8",),
                "kind: local, workers: 2",
                16_000,
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(ASSIGNMENTS, signal.SIGINT, (), "kind: local, workers: 1", 1_600),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["sample", "fit by threads", "fit by workers", "assignments"],
)
def test_a_signal_ends_a_command_and_the_same_command_goes_on(
    command, tmp_path, moment, number, options, cluster, block_bytes
):
    process, text = command(options, cluster, block_bytes)
    wait_for(process, moment, tmp_path)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 75
    lines = (
        process.stderr.read().splitlines()
    )  # where Python may say that killed workers left a lock
    said = [line for line in lines if "resource_tracker" not in line]
    assert said[-1] == f"dgmm: stopped by {number.name}; the same command again goes on from here"
    assert [line for line in said if line.startswith("dgmm: ")] == said[-1:]
    assert "Traceback" not in "".join(said), "\n".join(said)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert list((tmp_path / "scratch").iterdir()) == []
    assert list(Path(tmp_path / "out" / "attempts").glob("*/states"))
    if number is signal.SIGINT:  # the others would take long
        assert_goes_on(text, options, tmp_path)


def assert_goes_on(text, options, tmp_path):
    here = [*options, "cluster={kind: threads}"]
    finished = run(loads(text, here))
    clean = run(loads(text.replace(str(tmp_path / "out"), str(tmp_path / "clean")), here))
    assert digest(finished.path) == digest(clean.path)


EARLY = """
import os, sys
from importlib.abc import MetaPathFinder

_, module, number, *sys.argv[1:] = sys.argv

class Trap(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Trap())
from dgmm.cli import main
main()
"""


@pytest.mark.parametrize("module", ["click", "dgmm.cli.run_commands", "pydantic"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_command_is_still_imported_is_heard(module, number):
    """A module is the moment: its import is where the process sends itself the signal."""
    arguments = [module, str(number.value), "plan", "gone.yaml"]
    done = subprocess.run(
        [sys.executable, "-c", EARLY, *arguments], capture_output=True, text=True, timeout=60
    )
    line = f"dgmm: stopped by {number.name}; the same command again goes on from here\n"
    assert (done.returncode, done.stdout, done.stderr) == (75, "", line)
