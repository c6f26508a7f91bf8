"""An existing Dask cluster, by the address of its scheduler."""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import dask
import distributed
from distributed.security import Security

from dgmm.errors import ConfigurationError, TemporaryError
from dgmm.run.clusters.security import read_credentials
from dgmm.run.clusters.waiting import wait_for_workers
from dgmm.run.config.cluster_options import AddressCluster
from dgmm.run.config.field_types import ADDRESS


@contextmanager
def address_client(cluster: AddressCluster) -> Iterator[distributed.Client]:
    """Join the cluster, and leave it running."""
    deadline = time.monotonic() + cluster.timeout
    address = _address(cluster, deadline)
    if re.match(ADDRESS, address) is None:
        raise ConfigurationError(f'found the address {address}, expected one as "tcp://host:8786"')
    security = read_credentials(cluster, address)
    with scheduler_client(address, security, cluster.timeout) as client:
        wait_for_workers(client, 1, max(1.0, deadline - time.monotonic()))
        yield client


@contextmanager
def scheduler_client(
    address: str, security: Security | None, timeout: float
) -> Iterator[distributed.Client]:
    """A client of the scheduler at an address.

    Raises
    ------
    TemporaryError
        If no scheduler answers.
    """
    try:
        with ThreadPoolExecutor(1) as thread:  # this thread may run an event loop, as in notebooks
            thread.submit(asyncio.run, _greet(address, security, timeout)).result()
        client = distributed.Client(
            address, security=security, timeout=timeout, set_as_default=False
        )
    except OSError as error:
        raise TemporaryError(
            f"no Dask scheduler answers at {address} ({error}); "
            "start it, or correct its address, and run the same command again"
        ) from error
    with client:
        yield client


async def _greet(address: str, security: Security | None, timeout: float) -> None:
    """Exchange greetings with a scheduler; a client waits for ever for one that stands still."""
    options = {} if security is None else security.get_connection_args("client")
    greeting = distributed.connect(address, timeout=timeout, **options)
    try:
        comm = await asyncio.wait_for(greeting, timeout)
    except TimeoutError as error:
        raise TimeoutError(f"no greeting within {timeout:.0f} s") from error
    await comm.close()


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
    """The address in a scheduler file, once that exists: both may be starting together."""
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
