"""Jobs of batch systems: what is submitted, what happens to jobs that are refused or lost."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import pytest

from dgmm.engine.cluster_execution import ClusterExecution
from dgmm.errors import ConfigurationError, MissingExtraError, TemporaryError
from dgmm.run.clusters import batch, jobs
from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.config.cluster_options import BatchCluster
from dgmm.run.config.configuration import loads
from tests.run.clusters.fake_batch import FakeBatch

pytest.importorskip("dask_jobqueue", reason='dask-jobqueue is not installed (extra "jobqueue")')

GIB = 2**30
SIZE = "cores: 2, processes: 2, memory: 1GiB, interface: lo"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBatch]:
    monkeypatch.chdir(tmp_path)
    found = FakeBatch.on_path(tmp_path, monkeypatch)
    yield found
    found.end()


def cluster_of(text: str) -> BatchCluster:
    text = f"input: {{path: a}}\noutput: {{path: b}}\ncluster: {{{text}}}\n"
    cluster = loads(text).cluster
    assert isinstance(cluster, BatchCluster)
    return cluster


def refusal(text: str) -> str:
    with (
        pytest.raises((ConfigurationError, TemporaryError)) as caught,
        open_cluster(cluster_of(text)),
    ):
        raise AssertionError
    return str(caught.value)


def test_capacity_is_known_where_the_configuration_says_it_all() -> None:
    assert capacity_from_options(cluster_of(f"kind: pbs, jobs: 3, {SIZE}")) == Capacity(
        6, 1, GIB // 2
    )
    assert capacity_from_options(cluster_of("kind: pbs, cores: 2, memory: 1GiB")) is None


HEADS = {
    "slurm": (
        "account: me",
        "squeue -h -o %i %T %r -j 1,2: waits for the night",
        ["#SBATCH -p night", "#SBATCH -A me", "#SBATCH --mem=1G", "#SBATCH --cpus-per-task=2"],
        "SBATCH",
    ),
    "pbs": (
        "account: me, resource_spec: 'select=1:ncpus=2'",
        "qstat -s 1 2: waits for the night",
        ["#PBS -q night", "#PBS -A me", "#PBS -l select=1:ncpus=2", "#PBS -l walltime=01:00:00"],
        "PBS",
    ),
    "lsf": (
        "project: me",
        "bjobs -p 1 2: waits for the night",
        ["#BSUB -q night", '#BSUB -P "me"', "#BSUB -n 2", "#BSUB -W 01:00:00"],
        "BSUB",
    ),
    "sge": (
        "project: me, resource_spec: h_vmem=1G",
        "qstat -j 1,2: waits for the night",
        ["#$ -q night", "#$ -P me", "#$ -l h_vmem=1G", "#$ -l h_rt=01:00:00"],
        "$",
    ),
}


@pytest.mark.parametrize("kind", HEADS)
def test_jobs_are_submitted_as_configured_and_waited_for_not_for_ever(
    kind: str, fake: FakeBatch
) -> None:
    more, waits, head, prefix = HEADS[kind]
    found = refusal(
        f"kind: {kind}, jobs: 2, {SIZE}, queue: night, walltime: '01:00:00', {more}, timeout: 1, "
        "prologue: module load gcc, job_extra_directives: --exclusive, python: /opt/bin/python"
    )
    name = kind.upper()
    assert found.startswith(f"found 0 of 1 workers after 1 s; {name} says: {waits}; check it, and")

    script, other = fake.scripts()
    lines = script.splitlines()
    for line in [*head, f"#{prefix} --exclusive", "module load gcc"]:
        assert line in lines
        assert f"  {line}" in found.splitlines()
    assert "export DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=5s" in lines
    command = lines[-1]
    assert command.startswith("/opt/bin/python -m distributed.cli.dask_worker tls://127.0.0.1:")
    for option in (
        "--nthreads 1 --memory-limit 512.00MiB --nworkers 2 --nanny",
        "--dashboard-address 127.0.0.1:0",
        "--interface lo --protocol tls:// --tls-ca-file",
    ):
        assert option in command
    name_of = re.compile(r"--name (\S+)")
    assert name_of.findall(script) != name_of.findall(other)

    assert fake.cancelled() == [1, 2]
    secrets = Path(re.findall(r"--tls-key (\S+)", script)[0]).parent
    assert secrets.parent == Path.cwd()
    assert not secrets.exists()


def test_a_refused_job_ends_the_wait_with_the_reason(fake: FakeBatch) -> None:
    fake.refuse("sbatch: error: Memory specification\ncan not be satisfied\n")
    found = refusal(f"kind: slurm, jobs: 2, {SIZE}, timeout: 86400")
    said = "SLURM says: sbatch: error: Memory specification can not be satisfied; check it, and"
    assert said in found.splitlines()[0]
    assert "  #SBATCH --mem=1G" in found.splitlines()
    assert fake.scripts() == []
    assert list(Path.cwd().glob(".dgmm-*")) == []


def test_without_tls_only_where_that_is_said(fake: FakeBatch) -> None:
    refusal(f"kind: slurm, {SIZE}, timeout: 0.2, insecure: true")
    (script,) = fake.scripts()
    assert "distributed.cli.dask_worker tcp://127.0.0.1:" in script
    assert "tls" not in script


def test_what_is_not_configured_comes_from_dask(fake: FakeBatch) -> None:
    settings = {
        "cores": 1,
        "memory": "2GiB",
        "processes": 1,
        "queue": "long",
        "interface": "lo",
        "job-script-prologue": ["module load x"],
        "worker-extra-args": ["--lifetime", "1h"],
    }
    with dask.config.set({f"jobqueue.pbs.{key}": value for key, value in settings.items()}):
        refusal("kind: pbs, timeout: 0.2")
    (script,) = fake.scripts()
    assert "#PBS -q long" in script
    assert "module load x\nexport DASK" in script
    assert "--lifetime 1h --dashboard-address 127.0.0.1:0" in script


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # for no longer than a test may take
        time.sleep(0.05)


def test_lost_and_refused_jobs_are_replaced_and_none_is_left(
    fake: FakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOST_AFTER", 1.0)
    monkeypatch.setattr(batch, "CHECK_EVERY", 0.1)
    fake.run_jobs()
    with open_cluster(cluster_of(f"kind: pbs, {SIZE}")) as opened:
        assert opened.capacity.threads_per_worker == 1
        assert opened.capacity.memory_limit == GIB // 2
        assert isinstance(opened.execution, ClusterExecution)
        client = opened.execution.client
        client.wait_for_workers(2)
        before = set(client.run(os.getpid).values())
        connect = client.run(lambda: dask.config.get("distributed.comm.timeouts.connect"))
        assert set(connect.values()) == {"5s"}

        fake.refuse("not now")
        fake.kill(1)
        until(lambda: not client.nthreads())
        until(fake.has_refused)
        assert fake.cancelled() == [1]
        fake.accept()
        client.wait_for_workers(2)
        after = set(client.run(os.getpid).values())
        assert len(after) == 2
        assert not after & before
        assert len(fake.scripts()) == 2
    assert fake.cancelled() == [1, 2]
    for pid in before | after:
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: slurm, memory: 1GiB", r"found no cores of a job, expected cluster\.cores, or job"),
        ("kind: slurm, cores: 1", r"found no memory of a job, expected cluster\.memory, or jobq"),
        (f"kind: slurm, {SIZE}, shared_directory: /nowhere", "cannot write TLS credentials for"),
        (
            "kind: slurm, cores: 1, memory: 1GiB, interface: ib7",
            "cannot prepare jobs for SLURM: .*'ib7' is not a valid network interface",
        ),
    ],
)
def test_what_cannot_be_submitted_is_a_mistake_of_the_configuration(
    text: str, expected: str, fake: FakeBatch
) -> None:
    with pytest.raises(ConfigurationError, match=expected), open_cluster(cluster_of(text)):
        raise AssertionError
    assert fake.scripts() == []


def test_a_host_that_cannot_submit_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(f"kind: lsf, {SIZE}").startswith("found no bsub on this host, expected the comm")


def test_credentials_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with (
        pytest.raises(
            MissingExtraError,
            match=r"^a cluster of kind slurm needs cryptography: .*dgmm\[jobqueue\]",
        ),
        open_cluster(cluster_of(f"kind: slurm, {SIZE}")),
    ):
        raise AssertionError
