"""The processes of an MPI job, through dask-mpi.

Every process of the job runs the same command. The first becomes the scheduler, the second goes on
with the run, the others become workers.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import distributed

from dgmm.errors import ConfigurationError
from dgmm.run.clusters import security
from dgmm.run.clusters.address import scheduler_client
from dgmm.run.clusters.extras import require
from dgmm.run.clusters.recovery import SETTINGS
from dgmm.run.clusters.waiting import wait_for_workers
from dgmm.run.config.cluster_options import MpiCluster

EXTRA = "mpi"
_ROLES = ("scheduler", "worker", "client")
_DRIVER = 1  # the rank that dask-mpi goes on in
_FEWEST = 3  # scheduler, driver and one worker


def enter_mpi(cluster: MpiCluster) -> None:
    """Return in the process that continues the run; the others end here.

    Raises
    ------
    ConfigurationError
        If there are fewer than three processes.
    MissingExtraError
        If dask-mpi or mpi4py is not installed.
    """
    package = require("dask_mpi", cluster.kind, EXTRA)
    world = require("mpi4py.MPI", cluster.kind, EXTRA).COMM_WORLD
    if world.Get_size() < _FEWEST:
        raise ConfigurationError(
            f"found {world.Get_size()} process(es), expected {_FEWEST} or more for a cluster of "
            "kind mpi; run the command in an MPI job, as in: mpirun -n 4 dgmm run CONFIG"
        )
    if not cluster.insecure:
        _share_credentials(cluster, world)
    if world.Get_rank() != _DRIVER:
        logging.getLogger("distributed").setLevel(logging.WARNING)
    with dask.config.set(SETTINGS):
        package.initialize(
            interface=cluster.interface,
            nthreads=cluster.threads_per_worker,
            local_directory=cluster.local_directory,
            memory_limit=cluster.memory_limit or "auto",
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            protocol="tcp" if cluster.insecure else "tls",
            worker_class="distributed.Nanny",
            worker_options={
                "dashboard_address": "127.0.0.1:0",
                "death_timeout": cluster.timeout,  # if the run ended before they started
            },
            comm=world,
        )
    with mpi_client(cluster):
        pass  # workers that are starting would miss the end of the scheduler and wait for it


def _share_credentials(cluster: MpiCluster, world: Any) -> None:
    """Send the credentials of the first process to all others, by MPI."""
    texts = None
    if world.Get_rank() == 0:
        texts = security.create_credentials(cluster.kind, EXTRA).get_tls_config_for_role("client")
    texts = world.bcast(texts, root=0)
    tls = "distributed.comm.tls"
    keys = {f"{tls}.{role}.{name}": texts[name] for role in _ROLES for name in ("cert", "key")}
    dask.config.set({**keys, f"{tls}.ca-file": texts["ca_file"]})


@contextmanager
def mpi_client(cluster: MpiCluster) -> Iterator[distributed.Client]:
    """Join the scheduler of this MPI job, with all of its workers."""
    world = require("mpi4py.MPI", cluster.kind, EXTRA).COMM_WORLD
    address = dask.config.get("scheduler-address")
    with scheduler_client(address, None, cluster.timeout) as client:
        wait_for_workers(client, world.Get_size() - (_FEWEST - 1), cluster.timeout)
        yield client
