"""Whole runs in an MPI job; a minute, the extra mpi and an MPI."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clusters.whole_runs import bits, command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("mpirun") is None, reason="no mpirun: install Debian's openmpi-bin"
    ),
]
pytest.importorskip("dask_mpi", reason='dask-mpi is not installed (extra "mpi")')
pytest.importorskip("mpi4py", reason='mpi4py is not installed (extra "mpi")')

CLUSTER = "cluster={kind: mpi, interface: lo, memory_limit: 1GiB}"


def run(folder: Path, n_processes: int, cluster: str = CLUSTER) -> subprocess.CompletedProcess[str]:
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(n_processes)]
    return subprocess.run(
        [*launcher, *command("--set", cluster)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )


@pytest.mark.parametrize("cluster", [CLUSTER, CLUSTER.replace("lo,", "lo, insecure: true,")])
def test_a_run_in_an_mpi_job_has_the_same_bits(
    cluster: str, folder: Path, expected: dict[str, str]
) -> None:
    done = run(folder, 4, cluster)
    assert done.returncode == 0, done.stderr
    assert bits(folder) == expected


def test_an_mpi_job_too_small_says_so(folder: Path) -> None:
    done = run(folder, 2)
    assert done.returncode == 78
    assert "found 2 process(es), expected 3 or more for a cluster of kind mpi" in done.stderr


def test_an_error_of_the_run_is_the_error_of_the_job(folder: Path) -> None:
    (folder / "rows.npy").unlink()
    done = run(folder, 3)
    assert done.returncode == 66
    assert "rows.npy" in done.stderr
