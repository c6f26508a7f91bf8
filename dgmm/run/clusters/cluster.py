"""Open any kind of cluster."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import dask
from distributed import Client

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
from dgmm.run.clusters.recovery import SETTINGS, reopen_when_lost
from dgmm.run.config.cluster_options import (
    AddressCluster,
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
    """An open cluster: how to compute on it, and its capacity."""

    execution: Execution
    capacity: Capacity


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
            yield OpenCluster(LocalExecution("threads", capacity.threads_per_worker), capacity)
            return
        block_cache = None
        if projection is not None and cluster.keep_blocks:
            block_cache = BlockCache(
                lambda client, n: measure_capacity(client).has_room(projection, n)
            )
        connect = partial(_connection, cluster, redactor)
        with reopen_when_lost(connect, cluster.progress_timeout, block_cache) as execution:
            yield OpenCluster(execution, measure_capacity(execution.client, pause))


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
