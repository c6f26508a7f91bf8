"""Open any kind of cluster."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

import dask
from distributed import Client

from dgmm.engine.arithmetic.processes import Processes
from dgmm.engine.cluster_execution import BlockCache
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.memory import Projection
from dgmm.run.clusters import address, batch, gateway, kubernetes, local, mpi
from dgmm.run.clusters.capacity import (
    PAUSE,
    Capacity,
    capacity_of_processes,
    capacity_of_threads,
    measure_capacity,
)
from dgmm.run.clusters.log_redaction import redact_worker_logs
from dgmm.run.clusters.process_check import check_processes, find_processes
from dgmm.run.clusters.recovery import SETTINGS, reopen_when_lost
from dgmm.run.config.cluster_options import (
    AddressCluster,
    Arithmetic,
    Cluster,
    DistributedCluster,
    GatewayCluster,
    KubernetesCluster,
    LocalCluster,
    MpiCluster,
    ThreadsCluster,
)
from dgmm.run.redaction import NO_SECRETS, Redactor


@dataclass(frozen=True, slots=True)
class OpenCluster:
    """A cluster in use.

    Attributes
    ----------
    execution : Execution
        How to compute on it.
    capacity : Capacity
        What it has.
    processes : Processes
        Who computed on it when it was opened.
    arithmetic : str
        Which of them go together, as in the configuration.
    """

    execution: Execution
    capacity: Capacity
    processes: Processes
    arithmetic: Arithmetic

    @classmethod
    def checked(cls, execution: Execution, capacity: Capacity, arithmetic: Arithmetic) -> Self:
        """A cluster whose processes go together.

        Raises
        ------
        ConfigurationError
            If they do not; see :func:`dgmm.run.clusters.process_check.check_processes`.
        """
        found = find_processes(execution)
        check_processes(found, arithmetic)
        return cls(execution, capacity, found, arithmetic)

    def check_again(self) -> Processes:
        """All who have computed until now, workers that joined included; raises as `checked`."""
        found = self.processes | find_processes(self.execution)
        if found != self.processes:
            check_processes(found, self.arithmetic)
        return found


def enter_mpi(cluster: Cluster) -> None:
    """Return in the process that continues the run; in an MPI job, all others end here.

    To be called first, because every process of such a job runs the whole command.
    """
    if isinstance(cluster, MpiCluster):
        mpi.enter_mpi(cluster)


@contextmanager
def open_cluster(
    cluster: Cluster, redactor: Redactor = NO_SECRETS, projection: Projection | None = None
) -> Iterator[OpenCluster]:
    """Start or join a cluster for the duration of a ``with``, and clean up afterwards.

    Parameters
    ----------
    cluster : Cluster
    redactor : Redactor, optional
        Redacts the logs of its workers.
    projection : Projection, optional
        Of a fit whose blocks stay on the workers if these have room beside it; without it none do.

    Raises
    ------
    TemporaryError
        If the scheduler or its workers are not there in time.
    ConfigurationError
        If the configuration, its own or Dask's, is incomplete, or asks for unencrypted traffic
        without ``insecure: true``.
    MissingExtraError
        If the kind of cluster needs a package that is not installed.
    """
    pause = _pause_fraction(cluster)
    with dask.config.set(SETTINGS):
        if isinstance(cluster, ThreadsCluster):
            capacity = capacity_of_threads(cluster)
            here = LocalExecution("threads", capacity.threads_per_worker)
            yield OpenCluster.checked(here, capacity, cluster.arithmetic)
            return
        block_cache = None
        if projection is not None and cluster.keep_blocks:
            block_cache = BlockCache(
                lambda client, n: measure_capacity(client).has_room(projection, n)
            )
        connect = partial(_connection, cluster, redactor)
        with reopen_when_lost(connect, cluster.progress_timeout, block_cache) as execution:
            capacity = measure_capacity(execution.client, pause)
            yield OpenCluster.checked(execution, capacity, cluster.arithmetic)


def _pause_fraction(cluster: Cluster) -> float:
    """The share of its memory at which a worker is paused; for others' workers, what Dask says."""
    if not isinstance(cluster, AddressCluster | GatewayCluster):
        return PAUSE
    return dask.config.get("distributed.worker.memory.pause") or 1.0


@contextmanager
def _connection(cluster: DistributedCluster, redactor: Redactor) -> Iterator[Client]:
    is_shared = isinstance(cluster, AddressCluster)
    with _client(cluster) as client, redact_worker_logs(client, redactor, is_shared=is_shared):
        yield client


def _client(cluster: DistributedCluster) -> AbstractContextManager[Client]:
    match cluster:
        case LocalCluster():
            return local.local_client(capacity_of_processes(cluster))
        case AddressCluster():
            return address.address_client(cluster)
        case KubernetesCluster():
            return kubernetes.kubernetes_client(cluster)
        case GatewayCluster():
            return gateway.gateway_client(cluster)
        case MpiCluster():
            return mpi.mpi_client(cluster)
        case _:
            return batch.batch_client(cluster)
