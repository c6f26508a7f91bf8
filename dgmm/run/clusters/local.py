"""Worker processes on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

import dask
import distributed

from dgmm.run.clusters.allocator import restore_environment
from dgmm.run.clusters.capacity import Capacity
from dgmm.run.clusters.scratch import scratch_directory
from dgmm.run.clusters.waiting import wait_for_workers

START_TIMEOUT = 120.0  # seconds for the workers of this machine, importing Python from a slow disk


@contextmanager
def local_client(capacity: Capacity) -> Iterator[distributed.Client]:
    """Start workers of this capacity, and stop them."""
    with (
        restore_environment(),
        scratch_directory(gettempdir(), "dgmm-") as scratch,
        dask.config.set(
            {
                "temporary-directory": str(scratch),
                "distributed.worker.preload": ["dgmm.run.console.worker_setup"],
            }
        ),
        distributed.LocalCluster(
            n_workers=0,  # so that the deadline below holds for their start too
            threads_per_worker=capacity.threads_per_worker,
            memory_limit=capacity.memory_limit,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        local.scale(capacity.workers)
        wait_for_workers(client, capacity.workers, START_TIMEOUT)
        yield client
