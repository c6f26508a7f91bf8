"""Reopen clusters that are lost during a run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from distributed import Client

from dgmm.engine.arithmetic.portable import portable_environment
from dgmm.engine.cluster_execution import BlockCache, ClusterExecution
from dgmm.run.clusters import allocator
from dgmm.run.clusters.capacity import PAUSE
from dgmm.run.config.cluster_options import Arithmetic

logger = logging.getLogger(__name__)

# Each is a default of Dask under which a lost worker stalls or ends a run, or memory is slow to
# get. Clusters that dgmm starts have them; one that runs already is given them by who starts it.
SETTINGS: dict[str, object] = {
    # A nanny gives up for good if its worker is still restarting after this time.
    "distributed.deploy.lost-worker-timeout": "24h",
    # Survivors wait this long for each answer from a dead peer.
    "distributed.comm.timeouts.connect": "5s",
    # Deaths of workers that a task may see before it is blamed for them.
    "distributed.scheduler.allowed-failures": 20,
    # Without a limit, tasks wait for ever when no worker can run them.
    "distributed.scheduler.no-workers-timeout": "2 minutes",
    # A worker that does not answer is restarted after twice this time.
    "distributed.scheduler.worker-ttl": "2 minutes",
    # A worker that holds this share of its memory is given no tasks, and may stay so for ever.
    "distributed.worker.memory.pause": PAUSE,
    **allocator.SETTINGS,
}


@contextmanager
def reopen_when_lost(
    connect: Callable[[], AbstractContextManager[Client]],
    patience: float,
    block_cache: BlockCache | None = None,
) -> Iterator[ClusterExecution]:
    """Open a cluster to compute on, and reopen it whenever it is lost.

    Parameters
    ----------
    connect : callable
        ``connect()`` opens the cluster for the length of a ``with``.
    patience : float
        Seconds, see :class:`dgmm.engine.cluster_execution.ClusterExecution`.
    block_cache : BlockCache, optional
        Keeps blocks on the workers of the first cluster.
    """
    with ExitStack() as stack:

        def reopen() -> Client:
            try:
                stack.close()
            except Exception as error:  # it may be broken in any way
                logger.warning("The lost cluster could not be closed: %r", error)
            return stack.enter_context(connect())

        yield ClusterExecution(reopen(), patience, reopen, block_cache)


def worker_environment(arithmetic: Arithmetic = "native") -> dict[str, str]:
    """Environment variables under which workers start with dgmm's settings.

    >>> worker_environment()["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"]
    '5s'
    >>> worker_environment("portable")["OPENBLAS_CORETYPE"]
    'Haswell'
    """
    settings = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): str(value)
        for name, value in SETTINGS.items()
        if name not in allocator.SETTINGS
    }
    portable = portable_environment() if arithmetic == "portable" else {}
    return {**settings, **allocator.ENVIRONMENT, **portable}
