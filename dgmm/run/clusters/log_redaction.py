"""Redact secrets in the logs of workers, wherever they run and whoever started them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from distributed import Client
from distributed.diagnostics.plugin import WorkerPlugin

from dgmm.run.redaction import Redactor

_SECONDS_TO_BEGIN = 30.0
_SECONDS_TO_END = 2.0


class RedactLogs(WorkerPlugin):
    """A worker plugin that redacts secrets in all log records.

    Parameters
    ----------
    redactor : Redactor
        With the values themselves: a worker's environment need not be that of the command.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._filter = _Filter(redactor)
        self._handlers: list[logging.Handler] = []

    def setup(self, worker: object) -> None:
        """Start to redact; Dask calls this before it gives a worker tasks."""
        del worker
        known = (logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict))
        self._handlers = [handler for logger in known for handler in logger.handlers]
        for handler in self._handlers:
            handler.addFilter(self._filter)

    def teardown(self, worker: object) -> None:
        """Restore the logging of a worker."""
        del worker
        for handler in self._handlers:
            handler.removeFilter(self._filter)


class _Filter(logging.Filter):
    """A filter that redacts records and lets them all pass."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = record.exc_text and self._redactor(record.exc_text)
        return True


@contextmanager
def redact_worker_logs(client: Client, redactor: Redactor, *, is_shared: bool) -> Iterator[Client]:
    """Redact the logs of current and future workers of a cluster during a ``with``.

    Those of a cluster that is shared with others are then told to log as before.
    """
    name = f"dgmm-{uuid4().hex}"
    # The scheduler registers it first; workers that hang or die must not block this.
    with suppress(OSError):
        plugin = RedactLogs(redactor)
        client.sync(client.register_plugin, plugin, name=name, callback_timeout=_SECONDS_TO_BEGIN)
    try:
        yield client
    finally:
        if is_shared:
            with suppress(Exception):  # the cluster may be gone
                client.sync(client.unregister_worker_plugin, name, callback_timeout=_SECONDS_TO_END)
