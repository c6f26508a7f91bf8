"""The frame of every pipeline: settings from a YAML file, a job, and an exit code.

A pipeline is a subclass of :class:`Settings`, a function ``job(settings, observer) -> Outcome``,
which any program may call, and ``main``, the :class:`Command` of both.
"""

import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import click
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
    prune,
    restart_if_portable,
)

_logger = logging.getLogger("dgmm.pipelines")  # a child of dgmm's logger, for users who filter logs

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


class PruningSettings(Settings):
    """The keys of pipelines that remove old runs."""

    keep: int | None = Field(
        default=None,
        ge=1,
        description="How many of the newest runs stay in every output; null keeps all. What was "
        "removed is new if it is asked for again.",
    )
    grace_hours: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Runs that readers saw until less long ago stay too.",
    )

    def prune(self, *outputs: str) -> int:
        """Remove old runs of some outputs; the number of runs removed."""
        if self.keep is None:
            return 0
        options = self.run.output.storage_options
        gone = (prune(path, self.keep, options, grace_hours=self.grace_hours) for path in outputs)
        return sum(map(len, gone))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a successful job.

    Attributes
    ----------
    lines : tuple of str
        What was found, for a person; they go to stdout.
    is_new : bool
        Whether it did anything: not, if an earlier call had done it all.
    facts : mapping
        What was found, for programs: fields of the last line of a JSON log.
    """

    lines: tuple[str, ...]
    is_new: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


SettingsT = TypeVar("SettingsT", bound=Settings)
Job = Callable[[SettingsT, Observer], Outcome]


@dataclass(frozen=True, slots=True)
class Command(Generic[SettingsT]):
    """A pipeline as a command.

    Attributes
    ----------
    name : str
    job : callable
        ``job(settings, observer)``.
    settings : type
        What its configuration file holds; ``dgmm validate`` and ``dgmm schema`` ask for it.
    program : str, optional
        Its name as a command of ``dgmm``, if it is another.
    """

    name: str
    job: Job[SettingsT]
    settings: type[SettingsT]
    program: str | None = None

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command and return its exit code; see :func:`execute`."""
        return execute(self.name, self.job, self.settings, arguments, program=self.program)


def execute(
    name: str,
    job: Job[SettingsT],
    settings: type[SettingsT],
    arguments: Sequence[str] | None = None,
    *,
    program: str | None = None,
) -> int:
    """Run a job as a command: options, logs on stderr, signals.

    Parameters
    ----------
    name : str
        Of the pipeline, in the last event of its log.
    job : callable
        ``job(settings, observer)``; the documentation of its module is the help.
    settings : type
        What its configuration file holds.
    arguments : sequence of str, optional
        Of the command line; of this process unless given.
    program : str, optional
        As a command of ``dgmm``, in its help; ``name`` unless given.

    Returns
    -------
    int
        The exit code: 0, ``skipped_exit_code``, 75 after a signal, or that of an error.
    """
    style, debug = LogFormat(), False
    try:
        options = _parse(program or name, job, sys.argv[1:] if arguments is None else arguments)
        style, debug = LogFormat(options["log_format"] == "json"), options["debug"]
        with _stop_on_signals():
            wanted = load_as(settings, options["config"], options["overrides"])
            if arguments is None:
                restart_if_portable(wanted.run)
            style = LogFormat(style.as_json, wanted.run.redactor)
            with console_logging(style, _level(style, verbose=options["verbose"])) as observer:
                outcome = job(wanted, observer)
                if style.as_json:
                    _log_end(name, outcome)
        _tell(style.redactor(line) for line in outcome.lines)
    except click.exceptions.Exit as end_of_help:
        return end_of_help.exit_code
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
    event = {"event": f"{name}_finished", "is_new": outcome.is_new, "found": outcome.lines}
    fields = {**outcome.facts, **event}
    _logger.info("%s finished", name, extra={"fields": fields})


def _level(style: LogFormat, *, verbose: bool) -> int:
    """The log level: warnings only, which schedulers mail, unless progress is asked for."""
    is_heard = verbose or style.as_json or sys.stderr.isatty()
    return logging.INFO if is_heard else logging.WARNING


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """End in order on a signal; only the main thread receives signals."""
    is_main = threading.current_thread() is threading.main_thread()
    with graceful_shutdown() if is_main else nullcontext():
        yield


def _parse(program: str, job: Callable[..., Outcome], arguments: Sequence[str]) -> dict[str, Any]:
    """The options of a command line.

    Raises
    ------
    UsageError
        If it is wrong.
    click.exceptions.Exit
        If it asks for help, which is then given.
    """
    command = click.Command(
        program,
        params=_PARAMETERS,
        help=inspect.getdoc(inspect.getmodule(job)),
        epilog="\n".join(["\b", "Examples:", *(f"  {line}" for line in _examples(program))]),
        context_settings=_HELP,
    )
    try:
        return command.make_context(f"dgmm {program}", [*arguments]).params
    except click.UsageError as error:
        raise UsageError(f"{error.format_message()} See dgmm {program} --help.") from error


def _examples(program: str) -> Iterator[str]:
    file = f"{program.removesuffix('-published')}.yaml"
    yield f"dgmm validate --for {program} {file}"
    yield f"dgmm {program} {file}"
    yield f"dgmm {program} {file} --set run.input.path=data/tonight.zarr"


_HELP = {"help_option_names": ["-h", "--help"]}

_PARAMETERS: list[click.Parameter] = [
    click.Argument(["config"]),
    click.Option(
        ["--set", "overrides"],
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a key of CONFIG, such as run.model.n_components=1:12; repeatable.",
    ),
    click.Option(
        ["--log-format"],
        type=click.Choice(["text", "json"]),
        default="text",
        help="Format of stderr: plain lines, or one JSON object per line.",
    ),
    click.Option(["-v", "--verbose"], is_flag=True, help="Log passes, also without a terminal."),
    click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
]
