"""What a worker process of a local cluster does before its first task (a preload of Dask)."""

import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the command."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
