"""The ``dgmm`` command.

What a command needs is imported inside it, so that help, ``validate`` and ``schema`` answer at
once. Results go to stdout; progress, logs and errors to stderr.
"""

import json
import logging
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dgmm import __version__
from dgmm.errors import DgmmError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

UNEXPECTED = 70
INTERRUPTED = 130
TERMINATED = 143

_DEBUG = "dgmm.debug"
_Command = TypeVar("_Command", bound=Callable[..., object])


class _Group(click.Group):
    """Commands whose errors end with the exit codes of :mod:`dgmm.errors`.

    It works alike as ``dgmm`` and below another group, as in ``dask dgmm``.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the options of the group itself."""
        with _exit_codes({}):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run a command."""
        with _exit_codes(ctx.meta):
            return super().invoke(ctx)


@contextmanager
def _exit_codes(meta: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        error.show()
        raise click.exceptions.Exit(UsageError.exit_code) from error
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        _say("interrupted")
        raise click.exceptions.Exit(INTERRUPTED) from error
    except DgmmError as error:
        _show_traceback(meta)
        _say(str(error))
        raise click.exceptions.Exit(error.exit_code) from error
    except Exception as error:
        _show_traceback(meta)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _say(f"unexpected {what}; use --debug for the traceback")
        raise click.exceptions.Exit(UNEXPECTED) from error


def _say(message: str) -> None:
    click.echo(f"dgmm: {message}", err=True)


def _show_traceback(meta: dict[str, Any]) -> None:
    if meta.get(_DEBUG):
        click.echo(traceback.format_exc(), err=True)


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[_DEBUG] = value


def _configured(command: _Command) -> _Command:
    """Give a command its configuration file, ``--set`` and ``--debug``."""
    decorators = (
        click.argument("config", type=click.Path()),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set a key of the configuration, such as model.n_components=1:12; repeatable.",
        ),
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_remember_debug,
            help="Show the traceback of an error.",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@click.group(name="dgmm", cls=_Group)
@click.version_option(__version__, prog_name="dgmm")
def dgmm() -> None:
    """Fit Gaussian mixtures to datasets bigger than memory, and choose one."""


@dgmm.command()
@_configured
@click.option("-q", "--quiet", is_flag=True, help="Say where the result is, and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Log details, for the search of a fault.")
def run(config: str, overrides: tuple[str, ...], quiet: bool, verbose: bool) -> None:
    """Fit all candidates that CONFIG names and keep the results."""
    from dgmm.run.configuration import load

    configuration = load(config, overrides)

    from rich.console import Console

    from dgmm.engine.events import ignore
    from dgmm.run import stages
    from dgmm.run.progress import watch
    from dgmm.run.table import show_candidates

    errors = Console(stderr=True)
    with _logging(errors, quiet, verbose), _orderly_termination():
        if quiet:
            outcome = stages.run(configuration, observer=ignore)
        else:
            with watch(errors) as observer:
                outcome = stages.run(configuration, observer=observer)
    if not quiet:
        show_candidates(outcome.sweep, Console())
    click.echo(f"already complete: {outcome.path}" if outcome.already_complete else outcome.path)


@dgmm.command()
@_configured
def plan(config: str, overrides: tuple[str, ...]) -> None:
    """Say what a run of CONFIG would read, fit and need, without running it."""
    from dgmm.run.configuration import load

    configuration = load(config, overrides)

    from dgmm.run import plan as planning

    for line in planning.plan(configuration).lines():
        click.echo(line)


@dgmm.command()
@_configured
def validate(config: str, overrides: tuple[str, ...]) -> None:
    """Read CONFIG and list every mistake in it."""
    from dgmm.run.configuration import candidates, load

    n_candidates = len(candidates(load(config, overrides).model))
    click.echo(f"{config} is valid: {n_candidates:,} candidates")


@dgmm.command()
def schema() -> None:
    """Print the JSON schema of a configuration."""
    from dgmm.run import configuration

    click.echo(json.dumps(configuration.schema(), indent=2))


@contextmanager
def _logging(console: "Console", quiet: bool, verbose: bool) -> Iterator[None]:
    """Log what dgmm has to say to stderr, around the live line if there is one."""
    handler: logging.Handler
    if console.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_path=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("dgmm")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


@contextmanager
def _orderly_termination() -> Iterator[None]:
    """Leave through every ``finally`` on SIGTERM, so that no cluster outlives the command."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run the command and exit with its code."""
    dgmm.main(prog_name="dgmm")
