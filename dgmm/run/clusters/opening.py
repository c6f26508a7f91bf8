"""One way into every kind of cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dask

from dgmm.engine.execution import ClusterExecution, Execution, LocalExecution
from dgmm.run.cluster_kinds import AddressCluster, Cluster, LocalCluster, ThreadsCluster
from dgmm.run.clusters import address, local
from dgmm.run.clusters.capacity import Capacity, of_processes, of_threads, of_workers
from dgmm.run.resilience import SETTINGS


@dataclass(frozen=True, slots=True)
class OpenCluster:
    """A cluster in use: how to compute on it, and what it has."""

    execution: Execution
    capacity: Capacity


@contextmanager
def open_cluster(cluster: Cluster) -> Iterator[OpenCluster]:
    """Start or join a cluster for the length of a ``with``; nothing is left of it afterwards.

    Raises
    ------
    TemporaryError
        If the scheduler or its workers are not there in time.
    ConfigurationError
        If no address is given, here or in ``DASK_SCHEDULER_ADDRESS``.
    """
    with dask.config.set(SETTINGS):
        match cluster:
            case ThreadsCluster():
                capacity = of_threads(cluster)
                execution = LocalExecution("threads", capacity.threads_per_worker)
                yield OpenCluster(execution, capacity)
            case LocalCluster():
                capacity = of_processes(cluster)
                with local.started(capacity) as client:
                    yield OpenCluster(ClusterExecution(client), capacity)
            case AddressCluster():
                with address.joined(cluster) as client:
                    yield OpenCluster(ClusterExecution(client), of_workers(client))
