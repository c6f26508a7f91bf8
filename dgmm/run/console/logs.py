"""Logs on stderr: text for people, JSON for programs, without secrets."""

import json
import logging
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dgmm.engine.events import READ_ALL_ROWS, BlocksDone, Event, PassFinished, PassStarted
from dgmm.run.redaction import Redactor

if TYPE_CHECKING:  # workers, which need neither, import this module
    from rich.console import Console

    from dgmm.mixture.fit_result import Sweep

logger = logging.getLogger(__name__)

_TEXT = "%(asctime)s %(levelname)s %(message)s"


@dataclass(frozen=True, slots=True)
class LogFormat:
    """The format of log messages.

    Attributes
    ----------
    as_json : bool
        One JSON object a line, in place of text.
    redactor : Redactor

    Examples
    --------
    >>> from dgmm.errors import StorageError
    >>> from dgmm.run import LogFormat, exit_message
    >>> exit_message(StorageError("The disk is full."), LogFormat()).text
    'dgmm: The disk is full.'
    """

    as_json: bool = False
    redactor: Redactor = field(default_factory=Redactor)

    def formatter(self, text: str = _TEXT) -> logging.Formatter:
        """The formatter of records; ``text`` is the format for people.

        Examples
        --------
        >>> record = logging.LogRecord("dgmm", logging.INFO, "", 0, "Read %d rows.", (150,), None)
        >>> LogFormat().formatter("%(levelname)s %(message)s").format(record)
        'INFO Read 150 rows.'
        """
        return _Json(self.redactor) if self.as_json else _Text(text, self.redactor)


class _Text(logging.Formatter):
    def __init__(self, form: str, redactor: Redactor) -> None:
        super().__init__(form)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor(super().format(record))


class _Json(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(self._plain(fields), allow_nan=False)

    def _plain(self, value: object) -> object:
        """The value as JSON can represent it; numbers that are not finite become text."""
        match value:
            case str():
                return self._redactor(value)
            case None | bool() | int():
                return value
            case float() if math.isfinite(value):
                return value
            case Mapping():
                return {str(key): self._plain(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._plain(inner) for inner in value]
        return self._redactor(str(value))


@contextmanager
def log_to_stderr(console: "Console", style: LogFormat, level: int) -> Iterator[None]:
    """Write logs and warnings of dgmm and other libraries to stderr, around a progress line.

    Parameters
    ----------
    console : rich.console.Console
    style : LogFormat
    level : int
        The least that dgmm's own messages must have; others' keep theirs.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(style.formatter())
    if console.is_terminal and not style.as_json:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_path=False)
        handler.setFormatter(style.formatter("%(message)s"))
    root, own = logging.getLogger(), logging.getLogger("dgmm")
    with ExitStack() as stack:
        stack.callback(own.setLevel, own.level)
        stack.callback(root.removeHandler, handler)
        stack.callback(logging.captureWarnings, False)
        for other in _handlers_of_libraries():
            stack.callback(other.setFormatter, other.formatter)
            other.setFormatter(style.formatter())
        own.setLevel(level)
        root.addHandler(handler)
        logging.captureWarnings(True)
        yield


def write_in(style: LogFormat) -> None:
    """Write all logs of this process in this format until it ends."""
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    for each in (handler, *_handlers_of_libraries()):
        each.setFormatter(style.formatter())
    logging.captureWarnings(True)


def _handlers_of_libraries() -> list[logging.Handler]:
    """Handlers of loggers that do not propagate to the root, such as Dask's."""
    known = (logging.getLogger(name) for name in list(logging.root.manager.loggerDict))
    return [handler for other in known for handler in other.handlers]


def format_failure(style: LogFormat, message: str, facts: Mapping[str, object]) -> str:
    """The last line of a command that failed; ``facts`` are for programs."""
    record = logging.makeLogRecord(
        {
            "name": "dgmm",
            "levelno": logging.ERROR,
            "levelname": "ERROR",
            "msg": message,
            "fields": {"event": "failed", **facts},
        }
    )
    return style.formatter("dgmm: %(message)s").format(record)


class JsonObserver:
    """An observer that logs stages, passes and the result as JSON records.

    Passes over the sample, which take milliseconds, are logged at level DEBUG.
    """

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, event: Event) -> None:
        """Log an event."""
        if isinstance(event, BlocksDone):
            return
        if not isinstance(event, PassStarted):
            is_in_memory = isinstance(event, PassFinished) and event.stage not in READ_ALL_ROWS
            level = logging.DEBUG if is_in_memory else logging.INFO
            _log(level, _words(type(event).__name__), asdict(event))
        elif event.stage != self._stage:
            self._stage = event.stage
            _log(logging.INFO, "stage started", asdict(event))

    def log_result(
        self,
        path: str,
        sweep: "Sweep",
        metrics: Mapping[str, object],
        *,
        already_complete: bool,
    ) -> None:
        """Log the path of the results, the selected candidate and the metrics of the run."""
        facts = {
            "path": path,
            "already_complete": already_complete,
            "n_candidates": len(sweep.results),
            "n_passes": sweep.n_passes,
            "selected": sweep.selected.candidate.name,
            "status": sweep.selected.status.value,
            "criterion": sweep.criterion,
            "value": sweep.selected.criteria[sweep.criterion],
            **metrics,
        }
        _log(logging.INFO, "run finished", facts)

    def log_score(self, facts: dict[str, Any]) -> None:
        """Log the path and the result of a score."""
        _log(logging.INFO, "score finished", facts)


def _log(level: int, what: str, facts: dict[str, Any]) -> None:
    logger.log(level, what, extra={"fields": {"event": what.replace(" ", "_"), **facts}})


def _words(name: str) -> str:
    """``PassFinished`` as ``pass finished``."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
