"""What every pipeline is: settings out of a YAML file, a job, and an exit code for schedulers.

A pipeline is a subclass of :class:`Settings`, a function ``job(settings, observer) -> Outcome``,
which any program may call, and ``main``, which hands both to :func:`execute`.
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic import Field

from dgmm.errors import StorageError, UsageError
from dgmm.run import (
    Configuration,
    LogFormat,
    Section,
    console_logging,
    exit_message,
    graceful_shutdown,
    load_as,
)

logger = logging.getLogger("dgmm.pipelines")  # a part of dgmm to those who choose what to hear

Observer = Callable[[Any], None]


class Settings(Section):
    """The keys that every pipeline has."""

    run: Configuration = Field(description="What `dgmm run` does, with all its keys.")
    skipped_exit_code: int = Field(
        default=0,
        ge=0,
        le=255,
        description="The exit code where nothing is new; 99 is how Airflow knows a skipped task.",
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended that did what it should.

    Attributes
    ----------
    lines : tuple of str
        What was found, for a person; they go to stdout.
    is_new : bool
        Whether it did anything: not, if an earlier call had done it all.
    """

    lines: tuple[str, ...]
    is_new: bool = True


SettingsT = TypeVar("SettingsT", bound=Settings)
Job = Callable[[SettingsT, Observer], Outcome]


def execute(
    name: str,
    job: Job[SettingsT],
    settings: type[SettingsT],
    arguments: Sequence[str] | None = None,
) -> int:
    """Do a job as a command does it: with options, logs on stderr, and signals.

    Parameters
    ----------
    name : str
        Of the pipeline, for its help.
    job : callable
        ``job(settings, observer)``.
    settings : type
        What its configuration file holds.
    arguments : sequence of str, optional
        Of the command line; of this process unless given.

    Returns
    -------
    int
        The exit code: 0, ``skipped_exit_code``, 75 after a signal, or that of an error.
    """
    style, debug = LogFormat(), False
    try:
        options = _parser(name, job).parse_args(arguments)
        style, debug = LogFormat(options.log_format == "json"), options.debug
        with _stoppable():
            wanted = load_as(settings, options.config, options.overrides)
            style = LogFormat(style.as_json, wanted.run.concealment)
            with console_logging(style, _level(style, verbose=options.verbose)) as observer:
                outcome = job(wanted, observer)
                if style.as_json:
                    _log_end(name, outcome)
        _tell(style.conceal(line) for line in outcome.lines)
    except (KeyboardInterrupt, Exception) as error:
        end = exit_message(error, style, with_traceback=debug)
        sys.stderr.write(f"{end.text}\n")
        return end.exit_code
    return 0 if outcome.is_new else wanted.skipped_exit_code


def _tell(lines: Iterable[str]) -> None:
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again
        raise StorageError(
            f"all is done, but stdout cannot be written to: {error.strerror}"
        ) from error


def _log_end(name: str, outcome: Outcome) -> None:
    fields = {"event": f"{name}_finished", "is_new": outcome.is_new, "found": outcome.lines}
    logger.info("%s finished", name, extra={"fields": fields})


def _level(style: LogFormat, *, verbose: bool) -> int:
    """Schedulers mail what is said, so that only warnings are, unless somebody listens."""
    is_heard = verbose or style.as_json or sys.stderr.isatty()
    return logging.INFO if is_heard else logging.WARNING


@contextmanager
def _stoppable() -> Iterator[None]:
    """End in order when a signal comes; only a process's main thread hears of one."""
    is_main = threading.current_thread() is threading.main_thread()
    with graceful_shutdown() if is_main else nullcontext():
        yield


class _Parser(argparse.ArgumentParser):
    """A parser whose errors end as dgmm's do."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise UsageError(f"{message}. See {self.prog} --help.")


def _parser(name: str, job: Callable[..., Outcome]) -> _Parser:
    about = (job.__doc__ or "").partition("\n")[0]
    parser = _Parser(prog=f"python -m pipelines.{name}", description=about)
    parser.add_argument("config", metavar="CONFIG", help="Its settings, a YAML file.")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Set a key of them, such as run.model.n_components=1:12; repeatable.",
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="Tell of passes without a terminal too."
    )
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
    return parser
