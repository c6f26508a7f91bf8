"""A cluster that a Dask Gateway starts, through dask-gateway."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import distributed

from dgmm.errors import ConfigurationError, TemporaryError
from dgmm.run.clusters.extras import require
from dgmm.run.clusters.waiting import AGAIN, wait_for_workers
from dgmm.run.config.cluster_options import GatewayCluster
from dgmm.run.config.exposure import is_exposed
from dgmm.text import describe_error

EXTRA = "gateway"
_POLL = 0.5  # seconds


@contextmanager
def gateway_client(cluster: GatewayCluster) -> Iterator[distributed.Client]:
    """Start a cluster through the gateway, and stop it at the end.

    Raises
    ------
    ConfigurationError
        If no address is known, it is exposed and the configuration does not say that it may be, or
        the gateway does not offer these options.
    MissingExtraError
        If dask-gateway is not installed.
    TemporaryError
        If the gateway does not answer, or does not start the cluster in time.
    """
    package = require("dask_gateway", cluster.kind, EXTRA)
    deadline = time.monotonic() + cluster.timeout
    name = asyncio.run(_start(package, cluster, deadline))
    started = package.GatewayCluster.from_name(
        name, address=cluster.address, proxy_address=cluster.proxy_address, shutdown_on_close=True
    )
    with started, started.get_client(set_as_default=False) as client:
        started.adapt(minimum=cluster.workers, maximum=cluster.workers)
        wait_for_workers(client, 1, max(1.0, deadline - time.monotonic()))
        yield client


async def _start(package: ModuleType, cluster: GatewayCluster, deadline: float) -> str:
    """The name of a cluster that runs."""
    async with _gateway(package, cluster) as gateway:
        try:
            name = await gateway.submit(**cluster.options)
        except ValueError as error:
            raise ConfigurationError(
                f"the gateway at {gateway.address} refuses cluster.options: {error}"
            ) from error
        except Exception as error:  # of dask-gateway and aiohttp, which have no base in common
            message = describe_error(error)
            raise TemporaryError(
                f"the gateway at {gateway.address} did not start a cluster ({message}); "
                f"check it, {AGAIN}"
            ) from error
        status = "PENDING"
        try:
            while status == "PENDING" and time.monotonic() < deadline:
                await asyncio.sleep(_POLL)
                status = (await gateway.get_cluster(name)).status.name
        finally:
            if status != "RUNNING":
                await gateway.stop_cluster(name)
        if status != "RUNNING":
            raise TemporaryError(
                f"the gateway at {gateway.address} did not start the cluster {name} within "
                f"{cluster.timeout:.0f} s, it is {status}; see its logs, {AGAIN}"
            )
        return str(name)


def _gateway(package: ModuleType, cluster: GatewayCluster) -> Any:
    try:
        gateway = package.Gateway(
            cluster.address, proxy_address=cluster.proxy_address, asynchronous=True
        )
    except ValueError as error:
        raise ConfigurationError(
            "found no address of a gateway, expected cluster.address, "
            f"or gateway.address in Dask's configuration ({error})"
        ) from error
    if is_exposed(gateway.address) and not cluster.insecure:
        raise ConfigurationError(
            f"found a gateway at {gateway.address}, where anyone on the way may read "
            'credentials, expected "https://...", or cluster.insecure: true'
        )
    return gateway
