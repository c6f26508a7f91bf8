"""Whole runs on this machine: the same bits, whatever threads BLAS would like to take."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.clusters.whole_runs import bits, command


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_threads_of_blas_make_no_difference(
    folder: Path, expected: dict[str, str], n_threads: str
) -> None:
    done = subprocess.run(
        command("--set", "cluster={kind: threads, threads: 2}"),
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": n_threads, "MKL_NUM_THREADS": n_threads},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert bits(folder) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (2, 1), (1, 2), (3, 1)])
def test_processes_have_the_bits_of_one_thread(
    folder: Path, expected: dict[str, str], workers: int, threads: int
) -> None:
    cluster = f"{{kind: local, workers: {workers}, threads_per_worker: {threads}}}"
    done = subprocess.run(
        command("--set", f"cluster={cluster}"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert bits(folder) == expected
