"""Workers that log no secrets, wherever they run and whoever has started them."""

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
    """Conceals what must not be seen in whatever a worker logs.

    Parameters
    ----------
    conceal : Redactor
        With the values themselves: a worker's environment need not be that of the command.
    """

    def __init__(self, conceal: Redactor) -> None:
        self._filter = _Filter(conceal)
        self._handlers: list[logging.Handler] = []

    def setup(self, worker: object) -> None:
        """Begin; Dask calls this before it gives a worker tasks."""
        del worker
        known = (logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict))
        self._handlers = [handler for logger in known for handler in logger.handlers]
        for handler in self._handlers:
            handler.addFilter(self._filter)

    def teardown(self, worker: object) -> None:
        """Leave a worker as it was found."""
        del worker
        for handler in self._handlers:
            handler.removeFilter(self._filter)


class _Filter(logging.Filter):
    """Lets every record pass, without secrets."""

    def __init__(self, conceal: Redactor) -> None:
        super().__init__()
        self._conceal = conceal

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._conceal(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = record.exc_text and self._conceal(record.exc_text)
        return True


@contextmanager
def redact_worker_logs(client: Client, conceal: Redactor, *, is_shared: bool) -> Iterator[Client]:
    """Let the workers of a cluster, those to come included, log no secrets for a ``with``.

    Those of a cluster that is shared with others are then told to log as before.
    """
    name = f"dgmm-{uuid4().hex}"
    # The scheduler remembers it first. A worker that dies or stands still then shall stop nobody.
    with suppress(OSError):
        plugin = RedactLogs(conceal)
        client.sync(client.register_plugin, plugin, name=name, callback_timeout=_SECONDS_TO_BEGIN)
    try:
        yield client
    finally:
        if is_shared:
            with suppress(Exception):  # whatever has become of the cluster
                client.sync(client.unregister_worker_plugin, name, callback_timeout=_SECONDS_TO_END)
