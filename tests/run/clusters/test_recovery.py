"""A cluster is opened again, and left in any case."""

import asyncio
from contextlib import contextmanager

import dask
import distributed
import pytest

from dgmm.errors import Remedy, TemporaryError
from dgmm.run.clusters.recovery import reopen_when_lost


class Cluster:
    """One that may break when it is left."""

    def __init__(self, *, breaks):
        self.breaks = breaks
        self.told = []

    @contextmanager
    def connect(self):
        number = self.told.count("opened")
        self.told.append("opened")
        yield number
        self.told.append("left")
        if self.breaks and number == 0:
            raise TimeoutError("a nanny does not answer")


def test_a_cluster_is_left_before_the_next_is_opened():
    cluster = Cluster(breaks=False)
    with reopen_when_lost(cluster.connect, 5.0) as execution:
        assert (execution.client, execution.patience) == (0, 5.0)
        assert execution.reopen() == 1
        assert cluster.told == ["opened", "left", "opened"]
    assert cluster.told == ["opened", "left", "opened", "left"]


def test_a_lost_cluster_that_cannot_be_closed_is_left_behind(caplog):
    cluster = Cluster(breaks=True)
    with reopen_when_lost(cluster.connect, 5.0) as execution:
        assert execution.reopen() == 1
    assert "could not be closed: TimeoutError('a nanny does not answer')" in caplog.text
    assert cluster.told == ["opened", "left", "opened", "left"]


FULL_AT_ONCE = {
    "distributed.worker.memory.pause": 1e-6,  # of the limit
    "distributed.worker.memory.monitor-interval": "10ms",
    "distributed.scheduler.no-workers-timeout": "200ms",
}


@contextmanager
def paused_client():
    """A cluster in this process whose worker is paused, as one is whose memory is nearly full."""
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    with (
        dask.config.set(FULL_AT_ONCE),
        distributed.LocalCluster(
            **options, memory_limit="64GiB", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        while [w.status.name for w in cluster.workers.values()] != ["paused"]:
            client.sync(asyncio.sleep, 0.01)
        yield client


def test_workers_that_stay_paused_end_the_run_with_a_sentence_about_memory(caplog):
    sentence = "1 worker(s) stay paused, because their memory is nearly full"
    with reopen_when_lost(paused_client, 60.0) as execution:
        first = execution.client
        with pytest.raises(TemporaryError) as caught:
            execution.compute(lambda: [dask.delayed(sum)([1, 2])], lambda _: None)
        assert execution.client is not first
    assert str(caught.value) == f"{sentence}."
    assert caught.value.remedy is Remedy.USE_LESS_MEMORY
    assert next(line for line in caplog.messages if sentence in line).endswith("cluster again.")
