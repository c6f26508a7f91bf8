"""Logs and progress on stderr while something runs, here and on workers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from dgmm.engine.events import Observer, ignore
from dgmm.run.console.logs import JsonObserver, LogFormat, log_to_stderr
from dgmm.run.console.progress import watch
from dgmm.run.console.worker_setup import worker_log_format


@contextmanager
def console_logging(style: LogFormat, level: int = logging.INFO) -> Iterator[Observer]:
    """Log to stderr during a ``with``, and yield an observer that shows progress.

    Passes are shown as a live line on a terminal, logged as a line or a JSON record elsewhere, and
    skipped where only warnings are logged.

    Parameters
    ----------
    style : LogFormat
    level : int, optional
        The least that dgmm's own messages must have.

    Yields
    ------
    callable
        For :func:`dgmm.run.run` and :func:`dgmm.run.score`.

    Examples
    --------
    >>> import logging
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import LogFormat, console_logging, loads, run
    >>> np.save("iris.npy", load_iris().data)
    >>> configuration = loads(
    ...     '''
    ...     input: {path: iris.npy}
    ...     model: {n_components: "1:3", covariance_type: full}
    ...     output: {path: results, report: false}
    ...     cluster: {kind: threads}
    ...     '''
    ... )
    >>> with console_logging(LogFormat(), logging.WARNING) as observer:
    ...     done = run(configuration, observer)
    """
    console = Console(stderr=True)
    with log_to_stderr(console, style, level), worker_log_format(style):
        if style.as_json:
            yield JsonObserver()
        elif level > logging.INFO:
            yield ignore
        else:
            with watch(console) as observer:
                yield observer
