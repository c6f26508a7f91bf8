"""What Dask must be told so that the loss of a worker is neither the end of a run nor a long wait.

A local cluster is started under these settings. Those of the scheduler have to be given to a
cluster that somebody else starts, in its own Dask configuration.
"""

SETTINGS: dict[str, object] = {
    # A nanny is given up if its worker is being restarted when this is over, and for ever.
    "distributed.deploy.lost-worker-timeout": "24h",
    # Survivors wait this long for each answer from a dead peer.
    "distributed.comm.timeouts.connect": "5s",
    # Deaths of workers that a task may see before it is blamed for them.
    "distributed.scheduler.allowed-failures": 20,
    # Without a limit, tasks wait for ever once no worker can run them.
    "distributed.scheduler.no-workers-timeout": "2 minutes",
}
