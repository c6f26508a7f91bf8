"""A lost cluster is replaced, or the command ends; it never hangs."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from dgmm.engine.cluster_execution import BlockCache
from dgmm.errors import TemporaryError
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.clusters.recovery import SETTINGS
from dgmm.run.config.cluster_options import AddressCluster, LocalCluster
from tests.run.clusters.faults import (
    Task,
    Trap,
    expected_sum,
    freeze,
    sum_of_names,
    worker_processes,
)

MIB = 2**20
LOST = "Lost the running tasks"
LOST_AGAIN = "Lost the new tasks too"


class Impatient:
    """An execution that waits for a few seconds only until it has a new cluster."""

    def __init__(self, execution, patience_later=60.0):
        assert sum_of_names(execution, Task(seconds=0.0)) == expected_sum()  # workers are warm
        self.n_reopened = 0
        self.execution = execution
        self._reopen = execution.reopen
        self._later = patience_later
        execution.patience = 3.0
        execution.reopen = self.reopen

    def reopen(self):
        self.n_reopened += 1
        self.stopped = [p for p in worker_processes() if p.status() == psutil.STATUS_STOPPED]
        self.execution.patience = self._later
        return self._reopen()


@pytest.fixture
def execution():
    with open_cluster(LocalCluster(workers=2, memory_limit=512 * MIB)) as opened:
        yield opened.execution
    assert worker_processes() == []


@pytest.mark.slow
def test_workers_that_stand_still_are_replaced(execution, tmp_path, caplog):
    caplog.set_level("INFO", "dgmm")
    execution.block_cache = BlockCache(lambda *_: True)
    impatient = Impatient(execution)
    trap = Trap(tmp_path, 1, freeze)
    assert sum_of_names(execution, Task(0, trap)) == expected_sum()
    assert trap.n_caught == 1
    assert impatient.n_reopened == 1
    assert len(impatient.stopped) == 1
    assert not impatient.stopped[0].is_running()
    assert "no task began or ended for 3 s" in caplog.text
    assert caplog.text.count("Keeping") == 1
    assert execution.block_cache is None  # what is left is read as it is needed
    assert caplog.text.index("trying new ones") < caplog.text.index("opening the cluster again")


@pytest.mark.slow
def test_a_cluster_that_is_lost_every_time_ends_the_command(execution, tmp_path):
    Impatient(execution, patience_later=10.0)
    trap = Trap(tmp_path, 100, freeze)
    match = r"no task began or ended for 10 s\. The tasks were tried again, and .* opened again"
    with pytest.raises(TemporaryError, match=match) as caught:
        sum_of_names(execution, Task(0, trap))
    assert caught.value.exit_code == 75
    assert trap.n_caught >= 2


HOARDED = []


def hoard_and_keep():
    while psutil.Process().memory_info().rss < 0.92 * 512 * MIB:
        HOARDED.append(bytearray(b"x" * (4 * MIB)))


@pytest.fixture
def hasty_execution(monkeypatch):
    monkeypatch.setitem(SETTINGS, "distributed.scheduler.no-workers-timeout", "1s")
    with open_cluster(LocalCluster(workers=2, memory_limit=512 * MIB)) as opened:
        yield opened.execution


@pytest.mark.slow
def test_workers_that_are_paused_are_replaced(hasty_execution, caplog):
    client = hasty_execution.client
    client.run(hoard_and_keep)
    while client.scheduler_info(n_workers=-1)["workers"].values() and not all(
        worker["status"] == "paused"
        for worker in client.scheduler_info(n_workers=-1)["workers"].values()
    ):
        time.sleep(0.1)
    assert len(client.nthreads()) == 2
    assert sum_of_names(hasty_execution, Task()) == expected_sum()
    assert hasty_execution.client is not client
    assert "NoWorkerError" in caplog.text


@contextmanager
def scheduler_elsewhere(folder):
    """A scheduler and a worker that dgmm does not own."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    processes = [
        psutil.Popen([*dask, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for words in (
            [
                "scheduler",
                "--host=127.0.0.1",
                "--port=0",
                "--no-dashboard",
                f"--scheduler-file={file}",
            ],
            [
                "worker",
                "--host=127.0.0.1",
                "--no-dashboard",
                "--no-nanny",
                f"--scheduler-file={file}",
            ],
        )
    ]
    try:
        yield AddressCluster(kind="address", scheduler_file=str(file), timeout=60), processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


SCHEDULER, WORKER = 0, 1
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("which", "what", "match"),
    [
        (SCHEDULER, signal.SIGKILL, "no Dask scheduler answers at"),
        pytest.param(SCHEDULER, signal.SIGSTOP, "no Dask scheduler answers at", marks=slow),
        pytest.param(WORKER, signal.SIGKILL, "found 0 of 1 workers", marks=slow),
        pytest.param(WORKER, signal.SIGSTOP, "no task began or ended for 3 s", marks=slow),
    ],
)
def test_what_others_own_is_not_waited_for_in_vain(which, what, match, tmp_path):
    sent = []
    with scheduler_elsewhere(tmp_path) as (cluster, processes):

        def told(done, total):
            del total
            if done == 3:
                processes[which].send_signal(what)
                sent.append(processes[which].pid)

        with open_cluster(cluster):
            pass  # both are there, so that short waits do from here on
        cluster = cluster.model_copy(update={"timeout": 5})
        with open_cluster(cluster) as opened:
            Impatient(opened.execution, patience_later=3.0)
            with pytest.raises(TemporaryError, match=match) as caught:
                sum_of_names(opened.execution, Task(seconds=0.05), told)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ or caught.value.__context__  # for --debug
    assert len(sent) == 1
