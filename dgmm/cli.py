"""The ``dgmm`` command.

What a command needs is imported inside it, so that help, ``validate`` and ``schema`` answer at
once. Results go to stdout; progress, logs and errors to stderr.
"""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from dgmm import __version__
from dgmm.errors import ConfigurationError, DgmmError, UsageError

if TYPE_CHECKING:
    from dgmm.run.configuration import Configuration
    from dgmm.run.logs import Style

UNEXPECTED = 70
INTERRUPTED = 130

_DEBUG = "dgmm.debug"  # keys of what click remembers for the length of a command
_AS_JSON = "dgmm.as_json"
_CONFIGURATION = "dgmm.configuration"

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
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        raise click.exceptions.Exit(UsageError.exit_code) from error
    except click.UsageError as error:
        what = " ".join(error.format_message().split()).rstrip(".")
        command = error.ctx.command_path if error.ctx else "dgmm"
        _end(meta, error, f"{what}. See {command} --help.", UsageError.exit_code)
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        _end(meta, error, "interrupted", INTERRUPTED)
    except ConfigurationError as error:
        _end(meta, error, str(error), error.exit_code)  # a line for each mistake
    except DgmmError as error:
        _end(meta, error, " ".join(str(error).split()), error.exit_code)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _end(meta, error, f"unexpected {what}; use --debug for the traceback", UNEXPECTED)


def _end(meta: dict[str, Any], error: BaseException, message: str, exit_code: int) -> NoReturn:
    """Say why a command did not succeed, and leave it."""
    from dgmm.run.logs import failure

    style = _style(meta)
    facts: dict[str, object] = {"error": type(error).__name__, "exit_code": exit_code}
    if meta.get(_DEBUG):
        facts["traceback"] = "".join(traceback.format_exception(error))
        if not style.as_json:
            click.echo(style.conceal(f"{facts['traceback']}"), err=True)
    click.echo(failure(style, _printable(message), facts), err=True)
    raise click.exceptions.Exit(exit_code) from error


def _printable(message: str) -> str:
    """The message with what would steer a terminal spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message)


def _style(meta: dict[str, Any]) -> "Style":
    from dgmm.run.logs import Style

    configuration = meta.get(_CONFIGURATION)
    as_json = bool(meta.get(_AS_JSON))
    return Style(as_json) if configuration is None else Style(as_json, configuration.concealment)


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[_DEBUG] = value


def _remember_format(ctx: click.Context, _: click.Parameter, value: str) -> None:
    ctx.meta[_AS_JSON] = value == "json"


def _load(config: str, overrides: tuple[str, ...]) -> "Configuration":
    """The configuration, and from now on nothing is said that it conceals."""
    from dgmm.run.configuration import load

    configuration = load(config, overrides)
    click.get_current_context().meta[_CONFIGURATION] = configuration
    return configuration


def _configured(command: _Command) -> _Command:
    """Give a command its configuration file and the options that go with one."""
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
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            is_eager=True,
            expose_value=False,
            callback=_remember_format,
            help="What is said on stderr: lines for people, or a JSON object a line.",
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
@click.option("--fresh", is_flag=True, help="Do not go on with an interrupted run; start anew.")
def run(config: str, overrides: tuple[str, ...], quiet: bool, verbose: bool, fresh: bool) -> None:
    """Fit all candidates that CONFIG names and keep the results.

    The same command again goes on where it was interrupted, or finds its run complete.
    """
    from dgmm.run.signals import stoppable

    with stoppable():
        _run(_load(config, overrides), quiet, verbose, fresh)


def _run(configuration: "Configuration", quiet: bool, verbose: bool, fresh: bool) -> None:
    from rich.console import Console

    from dgmm.engine.events import ignore
    from dgmm.run import stages
    from dgmm.run.logs import Records, logging_to_stderr
    from dgmm.run.progress import watch
    from dgmm.run.table import show_candidates
    from dgmm.run.worker import workers_write_in

    errors, style = Console(stderr=True), _style(click.get_current_context().meta)
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    with logging_to_stderr(errors, style, level), workers_write_in(style):
        if style.as_json:
            records = Records()
            outcome = stages.run(configuration, observer=records, fresh=fresh)
            records.finished(outcome.path, outcome.sweep, already_complete=outcome.already_complete)
        elif quiet:
            outcome = stages.run(configuration, observer=ignore, fresh=fresh)
        else:
            with watch(errors) as observer:
                outcome = stages.run(configuration, observer=observer, fresh=fresh)
    if not quiet:
        show_candidates(outcome.sweep, Console())
    path = style.conceal(outcome.path)
    click.echo(f"already complete: {path}" if outcome.already_complete else path)


@dgmm.command()
@_configured
def plan(config: str, overrides: tuple[str, ...]) -> None:
    """Say what a run of CONFIG would read, fit and need, without running it."""
    configuration = _load(config, overrides)

    from rich.console import Console

    from dgmm.run import plan as planning
    from dgmm.run.logs import logging_to_stderr

    style = _style(click.get_current_context().meta)
    with logging_to_stderr(Console(stderr=True), style, logging.INFO):
        lines = planning.plan(configuration).lines()
    for line in lines:
        click.echo(style.conceal(line))


@dgmm.command()
@_configured
def validate(config: str, overrides: tuple[str, ...]) -> None:
    """Read CONFIG and list every mistake in it."""
    from dgmm.run.configuration import candidates

    n_candidates = len(candidates(_load(config, overrides).model))
    click.echo(f"{click.format_filename(config)} is valid: {n_candidates:,} candidates")


@dgmm.command()
@click.argument("path", metavar="INPUT")
@click.option("--output", required=True, metavar="OUT.zarr", help="Where the Zarr store goes.")
@click.option("--format", "format_", default="auto", help="As input.format, or csv.")
@click.option("--variable", help="The array to take, where there are several.")
@click.option("--columns", multiple=True, metavar="A,B,...", help="The features; without, all.")
@click.option("--weights", help="What holds a weight for every row; it is no feature then.")
@click.option("--delimiter", help="Between the values of CSV; a comma, or a tab for .tsv.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Of what is stored.")
@click.option("--chunk-size", default="24MiB", show_default=True, help="Bytes of one chunk.")
@click.option("--overwrite", is_flag=True, help="Replace a Zarr store that is there.")
def ingest(path: str, format_: str, columns: tuple[str, ...], **options: Any) -> None:
    """Make a Zarr store that is read fast of INPUT: CSV, or whatever else dgmm reads."""
    from rich.console import Console

    from dgmm.run import ingestion
    from dgmm.run.logs import logging_to_stderr
    from dgmm.run.signals import stoppable

    names = tuple(name for each in columns for name in each.split(","))
    wanted = ingestion.Ingestion(path, format=format_, columns=names, **options)
    style = _style(click.get_current_context().meta)
    with (
        stoppable("nothing is left of it"),
        logging_to_stderr(Console(stderr=True), style, logging.INFO),
    ):
        n_rows, n_features = ingestion.run(wanted)
    click.echo(f"{click.format_filename(wanted.output)}: {n_rows:,} rows x {n_features} features")


@dgmm.command()
@click.argument("result")
@click.option("--output", metavar="FILE", help="Where it goes; else among the output's reports.")
def report(result: str, output: str | None) -> None:
    """Draw the report of RESULT, an output directory or one run of it, as one HTML file."""
    from dgmm.io.location import output_place
    from dgmm.io.reader import open_result
    from dgmm.report import publish_report, write_report

    found = open_result(result)
    place = None if output is None else output_place(output)
    click.echo(publish_report(found.path) if place is None else write_report(found, place))


@click.argument("path", metavar="INPUT")
@click.option("--output", required=True, help="A directory that keeps what is found, as runs.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the configuration that found the model, such as output.assignments=labels.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say where the result is, and nothing else.")
def score(result: str, path: str, output: str, overrides: tuple[str, ...], quiet: bool) -> None:
    """Assign the rows of INPUT by the model of RESULT, an output directory or one run of it."""
    from rich.console import Console

    from dgmm.engine.events import ignore
    from dgmm.io.reader import open_result
    from dgmm.run import scoring
    from dgmm.run.logs import logging_to_stderr
    from dgmm.run.progress import watch
    from dgmm.run.signals import stoppable

    found = open_result(result)
    configuration = scoring.configuration_for(found, path, output, overrides)
    click.get_current_context().meta[_CONFIGURATION] = configuration
    errors, style = Console(stderr=True), _style(click.get_current_context().meta)
    level = logging.WARNING if quiet else logging.INFO
    with stoppable(), logging_to_stderr(errors, style, level):
        if quiet:
            scored = scoring.score(found, configuration, ignore)
        else:
            with watch(errors) as observer:
                scored = scoring.score(found, configuration, observer)
    if not quiet:
        click.echo(
            f"{scored.n_rows:,} rows, {scored.n_missing:,} of them missing; "
            f"mean log density {scored.mean_log_density:.6g}"
        )
    place = style.conceal(scored.path)
    click.echo(f"already complete: {place}" if scored.already_complete else place)


@dgmm.command()
@click.argument("output")
@click.option("--show", metavar="RUN", help="Say all that is known of one run.")
@click.option("--prune", is_flag=True, help="Remove old runs; the latest result always stays.")
@click.option("--keep", type=click.IntRange(0), help="How many of the newest runs stay.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def runs(output: str, show: str | None, prune: bool, keep: int | None, dry_run: bool) -> None:
    """List the runs that OUTPUT keeps, newest first; show one, or prune old ones."""
    from dgmm.io.location import output_place
    from dgmm.io.runs import find_run, list_runs
    from dgmm.run import runs as kept

    if prune != (keep is not None) or (dry_run and not prune):
        raise click.UsageError("--prune needs --keep, and --keep and --dry-run need --prune")
    place = output_place(output)
    if show is not None:
        lines = kept.facts_of(find_run(place, show))
    elif keep is not None:
        gone = kept.prune(place, keep, only_say=dry_run)
        verb = "would be removed" if dry_run else "removed"
        lines = iter([f"{run.run_id} {verb}" for run in gone] or ["nothing to remove"])
    else:
        lines = kept.lines_of(list_runs(place))
    for line in lines:
        click.echo(_printable(line))


@dgmm.command()
def schema() -> None:
    """Print the JSON schema of a configuration."""
    from dgmm.run import configuration

    click.echo(json.dumps(configuration.schema(), indent=2))


def main() -> None:
    """Run the command and exit with its code."""
    dgmm.main(prog_name="dgmm")
