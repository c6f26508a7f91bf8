"""Workers, threads and memory of a cluster, expected or measured."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from dask.system import CPU_COUNT

from dgmm.engine.memory import Projection
from dgmm.run.config.cluster_options import (
    BatchCluster,
    Cluster,
    KubernetesCluster,
    LocalCluster,
    LsfCluster,
    PbsCluster,
    SgeCluster,
    SlurmCluster,
    ThreadsCluster,
)

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:  # a plan needs no cluster
    import distributed

PAUSE = 0.9
"""The share of its memory at which Dask pauses a worker that dgmm starts."""

_ANSWER = 30.0  # seconds for a busy scheduler to list its workers
_CONTROL_GROUP = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory.high", "memory.low")
_OLD_LIMITS = ("memory/memory.limit_in_bytes", "memory/memory.soft_limit_in_bytes")


def memory_limit() -> int:
    """Bytes that the processes of this machine may hold: its memory, or less in a container."""
    limits = [psutil.virtual_memory().total]
    for name in (*_LIMITS, *_OLD_LIMITS):
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int((_CONTROL_GROUP / name).read_text()))
    if sys.platform != "win32":
        limits.append(resource.getrlimit(resource.RLIMIT_RSS)[1])  # -1 if there is none
    return min(limit for limit in limits if limit > 0)


MEMORY_LIMIT = memory_limit()
"""Bytes; what Dask finds for its workers, without the import of distributed."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Workers, threads and memory of a cluster.

    Attributes
    ----------
    workers : int
        Processes.
    threads_per_worker : int
        Tasks that a worker runs at a time; the most of any worker.
    memory_limit : int or None
        Bytes of a worker; the least of any worker. None if the workers have no limit.
    pause : float
        The share of it at which Dask pauses a worker; 1 if it never does.
    is_driver : bool
        Whether the process that searches for mixtures is the only worker.
    """

    workers: int
    threads_per_worker: int
    memory_limit: int | None
    pause: float = PAUSE
    is_driver: bool = False

    @property
    def usable_memory(self) -> int | None:
        """Bytes that a worker may hold before it is paused; None if the workers have no limit."""
        return None if self.memory_limit is None else int(self.pause * self.memory_limit)

    def has_room(self, projection: Projection, n_bytes: int) -> bool:
        """Whether the workers can keep so many bytes of blocks in addition to what a fit needs."""
        threads, limit = self.threads_per_worker, self.memory_limit
        return limit is not None and projection.leaves_room(n_bytes, self.workers, threads, limit)


def capacity_from_options(cluster: Cluster) -> Capacity | None:
    """The capacity of a cluster that is not open yet; None if only its scheduler knows."""
    match cluster:
        case LocalCluster():
            return capacity_of_processes(cluster)
        case ThreadsCluster():
            return capacity_of_threads(cluster)
        case KubernetesCluster(manifest=None):
            return Capacity(cluster.workers, cluster.cores, cluster.memory)
        case SlurmCluster() | PbsCluster() | LsfCluster() | SgeCluster():
            return _capacity_of_jobs(cluster)
        case _:
            return None


def _capacity_of_jobs(cluster: BatchCluster) -> Capacity | None:
    """The capacity of jobs if the configuration states it completely."""
    cores, memory, processes = cluster.cores, cluster.memory, cluster.processes
    if cores is None or memory is None or processes is None:
        return None
    return Capacity(cluster.jobs * processes, cores // processes, memory // processes)


def capacity_of_processes(cluster: LocalCluster) -> Capacity:
    """The capacity of worker processes on this machine."""
    threads = cluster.threads_per_worker
    workers = cluster.workers or max(1, CPU_COUNT // threads)
    limit = cluster.memory_limit or MEMORY_LIMIT // workers
    return Capacity(workers, threads, min(limit, MEMORY_LIMIT))


def capacity_of_threads(cluster: ThreadsCluster) -> Capacity:
    """The capacity of threads of this process."""
    limit = cluster.memory_limit or MEMORY_LIMIT
    limit = min(limit, MEMORY_LIMIT)
    return Capacity(1, cluster.threads or CPU_COUNT, limit, pause=1.0, is_driver=True)


def measure_capacity(client: "distributed.Client", pause: float = PAUSE) -> Capacity:
    """The capacity of the connected workers; none if the scheduler does not answer.

    Parameters
    ----------
    client : distributed.Client
    pause : float, optional
        The share of its memory at which a worker is paused.
    """
    ask = partial(client.sync, callback_timeout=_ANSWER)
    try:
        workers = ask(client.scheduler.identity, n_workers=-1)["workers"].values()
    except OSError:  # includes timeouts and lost connections
        workers = ()
    limits = [worker["memory_limit"] for worker in workers if worker["memory_limit"]]
    return Capacity(
        workers=len(workers),
        threads_per_worker=max((worker["nthreads"] for worker in workers), default=1),
        memory_limit=min(limits, default=None),
        pause=pause,
    )
