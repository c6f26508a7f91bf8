"""What a worker process of a local cluster does before its first task (a preload of Dask)."""

import os
import signal
from contextlib import AbstractContextManager

import dask

from dgmm.run.logs import Style, write_in
from dgmm.run.variables import Concealment

_STYLE = "dgmm.logs"  # a key of Dask's configuration, which a nanny hands to its worker


def workers_write_in(style: Style) -> AbstractContextManager[object]:
    """Let workers that are started inside the ``with`` log in this style.

    They are told the names of variables, and look up for themselves what not to say.
    """
    told = {"as_json": style.as_json, "variables": list(style.conceal.names)}
    return dask.config.set({_STYLE: told})


def dask_setup(worker: object) -> None:
    """Log as the command does, and leave Ctrl-C, which reaches every process, to it."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = dask.config.get(_STYLE, None)
    if told is not None:
        write_in(Style(told["as_json"], Concealment.of(told["variables"], os.environ)))
