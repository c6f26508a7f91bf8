"""Setup of worker processes of a local cluster (a preload of Dask)."""

import gc
import signal
from contextlib import AbstractContextManager

import dask

from dgmm.run.console.logs import LogFormat, write_in

_AS_JSON = "dgmm.log-as-json"  # a key of Dask's configuration, which a nanny passes to its worker


def worker_log_format(style: LogFormat) -> AbstractContextManager[object]:
    """Let workers started inside the ``with`` log in the format of the command.

    What they must not say they are told by :mod:`dgmm.run.clusters.log_redaction`.
    """
    return dask.config.set({_AS_JSON: style.as_json})


def dask_setup(worker: object) -> None:
    """Log in the format of the command, and ignore Ctrl-C, which the command handles."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    as_json = dask.config.get(_AS_JSON, None)
    if as_json is not None:
        write_in(LogFormat(as_json))


def dask_teardown(worker: object) -> None:
    """Let the process end without a search for cycles in all its modules."""
    del worker
    gc.freeze()
