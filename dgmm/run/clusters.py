"""From the configuration of a cluster to something that computes, and back to nothing."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import dask
import distributed
from dask.system import CPU_COUNT
from distributed.system import MEMORY_LIMIT

from dgmm.engine.execution import ClusterExecution, Execution, LocalExecution
from dgmm.errors import ConfigurationError, TemporaryError
from dgmm.run.configuration import AddressCluster, Cluster, LocalCluster, ThreadsCluster
from dgmm.run.fields import ADDRESS
from dgmm.run.resilience import SETTINGS

START_TIMEOUT = 120.0  # seconds for the workers of this machine, importing Python from a slow disk


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a cluster has to compute with.

    Attributes
    ----------
    workers : int
        Processes.
    threads_per_worker : int
        Tasks that a worker runs at a time; the most of any worker.
    memory_limit : int or None
        Bytes of a worker; the least of any worker. None if the workers have no limit.
    """

    workers: int
    threads_per_worker: int
    memory_limit: int | None


@dataclass(frozen=True, slots=True)
class OpenCluster:
    """A cluster in use: how to compute on it, and what it has."""

    execution: Execution
    capacity: Capacity


def expected_capacity(cluster: Cluster) -> Capacity | None:
    """What a cluster will have once it is open; None if only its scheduler can say."""
    match cluster:
        case LocalCluster():
            return _processes(cluster)
        case ThreadsCluster():
            return _one_process(cluster)
        case AddressCluster():
            return None


def _processes(cluster: LocalCluster) -> Capacity:
    threads = cluster.threads_per_worker
    workers = cluster.workers or max(1, CPU_COUNT // threads)
    limit = cluster.memory_limit or MEMORY_LIMIT // workers
    return Capacity(workers, threads, min(limit, MEMORY_LIMIT))


def _one_process(cluster: ThreadsCluster) -> Capacity:
    limit = cluster.memory_limit or MEMORY_LIMIT
    return Capacity(1, cluster.threads or CPU_COUNT, min(limit, MEMORY_LIMIT))


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
            case LocalCluster():
                with _started(cluster) as opened:
                    yield opened
            case ThreadsCluster():
                yield _threads(cluster)
            case AddressCluster():
                with _joined(cluster) as opened:
                    yield opened


def _threads(cluster: ThreadsCluster) -> OpenCluster:
    capacity = _one_process(cluster)
    return OpenCluster(LocalExecution("threads", capacity.threads_per_worker), capacity)


@contextmanager
def _started(cluster: LocalCluster) -> Iterator[OpenCluster]:
    capacity = _processes(cluster)
    with (
        TemporaryDirectory(prefix="dgmm-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(
            {"temporary-directory": scratch, "distributed.worker.preload": ["dgmm.run.worker"]}
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
        _wait_for_workers(client, capacity.workers, START_TIMEOUT)
        yield OpenCluster(ClusterExecution(client), capacity)


@contextmanager
def _joined(cluster: AddressCluster) -> Iterator[OpenCluster]:
    deadline = time.monotonic() + cluster.timeout
    address = _address(cluster, deadline)
    if re.match(ADDRESS, address) is None:
        raise ConfigurationError(f'found the address {address}, expected one as "tcp://host:8786"')
    try:
        client = distributed.Client(address, timeout=cluster.timeout, set_as_default=False)
    except OSError as error:
        raise TemporaryError(
            f"no Dask scheduler answers at {address} ({error}); "
            "start it, or correct cluster.address, and run the same command again"
        ) from error
    with client:
        _wait_for_workers(client, 1, max(1.0, deadline - time.monotonic()))
        yield OpenCluster(ClusterExecution(client), _capacity(client))


def _address(cluster: AddressCluster, deadline: float) -> str:
    if cluster.scheduler_file is not None:
        return _address_in(cluster.scheduler_file, deadline)
    address = cluster.address or dask.config.get("scheduler-address", None)
    if address is None:
        raise ConfigurationError(
            "found no address of a Dask scheduler, expected cluster.address, "
            "cluster.scheduler_file or the environment variable DASK_SCHEDULER_ADDRESS"
        )
    return str(address)


def _address_in(path: str, deadline: float) -> str:
    """The address in a scheduler's file, once it is there: both may have started together."""
    while True:
        try:
            with open(path, encoding="utf-8") as file:
                return str(json.load(file)["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if time.monotonic() > deadline:
                raise TemporaryError(
                    f"no Dask scheduler has written {os.path.abspath(path)} ({error!r}); "
                    "start it, or correct cluster.scheduler_file, and run the same command again"
                ) from error
        time.sleep(0.1)


def _wait_for_workers(client: distributed.Client, n_workers: int, timeout: float) -> None:
    try:
        client.wait_for_workers(n_workers, timeout=timeout)
    except TimeoutError as error:
        found = len(client.nthreads())
        raise TemporaryError(
            f"found {found} of {n_workers} workers after {timeout:.0f} s; "
            "see why they do not start, and run the same command again"
        ) from error


def _capacity(client: distributed.Client) -> Capacity:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [worker["memory_limit"] for worker in workers if worker["memory_limit"]]
    return Capacity(
        workers=len(workers),
        threads_per_worker=max(worker["nthreads"] for worker in workers),
        memory_limit=min(limits, default=None),
    )
