"""Whole runs on a SLURM that runs here: the same bits as on this machine, whatever happens to jobs.

Minutes, and Debian's packages slurm-wlm and munge; run with ``-m slow``.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.clusters.slurm import Slurm, missing, running_slurm
from tests.clusters.whole_runs import bits, command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"SLURM cannot be started here: {missing()}"),
]

JOBS = (
    "cluster={kind: slurm, jobs: 2, cores: 1, memory: 1GiB, interface: lo, walltime: '00:20:00', "
    "log_directory: logs}"
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm_allocation.sbatch"


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running_slurm() as found:
        yield found


def started(folder: Path, slurm: Slurm) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("--set", JOBS),
        cwd=folder,
        env=slurm.environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(driver: subprocess.Popen[str], text: str) -> str:
    assert driver.stderr is not None
    said = ""
    for line in driver.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(said)


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # for no longer than a test may take
        time.sleep(0.2)


def test_a_run_on_jobs_of_slurm_has_the_same_bits(
    slurm: Slurm, folder: Path, expected: dict[str, str]
) -> None:
    with started(folder, slurm) as driver:
        read_until(driver, "INFO profile, pass 1,")
        assert len(slurm.jobs()) == 2
        _, said = driver.communicate(timeout=250)
    assert driver.returncode == 0, said
    assert bits(folder) == expected
    until(lambda: not slurm.jobs())
    assert len(list((folder / "logs").glob("*.err"))) == 2
    assert list(folder.glob(".dgmm-*")) == []


def test_cancelled_jobs_are_replaced_and_the_bits_are_the_same(
    slurm: Slurm, folder: Path, expected: dict[str, str]
) -> None:
    with started(folder, slurm) as driver:
        read_until(driver, "INFO profile, pass 1,")
        first, second = slurm.jobs()
        slurm.call("scancel", first)
        read_until(driver, "INFO fit, pass 1,")
        slurm.call("scancel", second)  # from here on, only a new job can go on
        _, said = driver.communicate(timeout=250)
    assert driver.returncode == 0, said
    assert re.search(r"Submitting \d job\(s\) again", said)
    assert bits(folder) == expected
    until(lambda: not slurm.jobs())
    logs = "".join(path.read_text() for path in (folder / "logs").glob("*.err"))
    assert logs.count("CANCELLED") >= 2
    assert len(list((folder / "logs").glob("*.err"))) >= 3


def test_a_refused_submission_ends_at_once_with_the_reason(slurm: Slurm, folder: Path) -> None:
    done = subprocess.run(
        command("--set", JOBS.replace("1GiB", "900GiB").replace("jobs: 2", "jobs: 2, timeout: 60")),
        cwd=folder,
        env=slurm.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 75
    assert "SLURM says: sbatch: error: Memory specification can not be satisfied" in done.stderr
    assert "#SBATCH --mem=900G" in done.stderr
    assert "Traceback" not in done.stderr
    assert slurm.jobs() == []


def test_jobs_that_wait_end_at_the_deadline_with_what_they_wait_for(
    slurm: Slurm, folder: Path
) -> None:
    held = JOBS.replace("jobs: 2", "jobs: 1, timeout: 5, job_extra_directives: --hold")
    done = subprocess.run(
        command("--set", held),
        cwd=folder,
        env=slurm.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 75
    assert "found 0 of 1 workers after 5 s; SLURM says: " in done.stderr
    assert "PENDING JobHeldUser" in done.stderr
    until(lambda: not slurm.jobs())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_job_outlives_its_driver(number: signal.Signals, slurm: Slurm, folder: Path) -> None:
    with started(folder, slurm) as driver:
        read_until(driver, "INFO profile, pass 1,")
        assert len(slurm.jobs()) == 2
        driver.send_signal(number)
        driver.communicate(timeout=60)
    assert driver.returncode == {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 75}[number]
    until(lambda: not slurm.jobs())


def test_jobs_log_no_secret(slurm: Slurm, folder: Path) -> None:
    secret = "c4n4ry-in-a-c0al-m1ne"
    zarr.create_array(folder / secret / "x.zarr", data=np.ones((100, 2)), chunks=(20, 2))
    (folder / secret / "x.zarr" / "c" / "3" / "0").write_bytes(b"damaged")
    done = subprocess.run(
        command("--set", "input.path=${CANARY}/x.zarr", "--set", JOBS),
        cwd=folder,
        env={**slurm.environment, "CANARY": secret},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 74, done.stderr
    until(lambda: not slurm.jobs())
    logs = "".join(path.read_text() for path in (folder / "logs").iterdir())
    assert "Compute Failed" in logs
    assert "${CANARY}/x.zarr (rows 60 to 79) cannot be read" in logs
    assert secret not in logs + done.stderr


def test_one_allocation_may_hold_it_all(
    slurm: Slurm, folder: Path, expected: dict[str, str]
) -> None:
    programs = os.path.dirname(sys.executable)
    environment = {**slurm.environment, "DGMM_INTERFACE": "lo"}
    environment["PATH"] = os.pathsep.join((programs, environment["PATH"]))
    done = subprocess.run(
        ["sbatch", "--wait", "--output=log", "--mem-per-cpu=1G", str(SCRIPT), "run.yaml"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
    )
    log = (folder / "log").read_text()
    assert done.returncode == 0, log
    assert "tls://127.0.0.1:" in log
    assert log.count("Registered to") == 2
    assert bits(folder) == expected
    assert json.loads((folder / "out" / "latest.json").read_text())
    assert list(folder.glob(".dgmm-*")) == []
    until(lambda: not slurm.jobs())
