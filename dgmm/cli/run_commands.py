"""The commands that take a configuration: run, plan, validate; and its schema."""

import glob
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import click

from dgmm.cli.command_group import log_format
from dgmm.cli.options import (
    configuration_options,
    examples,
    for_command_option,
    import_dask,
    load,
    load_as,
    metrics_option,
    restart_if_portable,
)

if TYPE_CHECKING:
    from dgmm.run.config.configuration import Configuration


@click.command(
    epilog=examples(
        "dgmm run run.yaml",
        "dgmm run run.yaml --set model.n_components=1:20",
        "dgmm run run.yaml --log-format json 2> run.log",
    )
)
@configuration_options
@click.option("-q", "--quiet", is_flag=True, help="Print only where the result is.")
@click.option("-v", "--verbose", is_flag=True, help="Log details that help to find a fault.")
@click.option(
    "--fresh", is_flag=True, help="Start from the beginning, also if a run was interrupted."
)
@metrics_option
def run(
    config: str,
    overrides: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    fresh: bool,
    metrics: str | None,
) -> None:
    """Fit all candidates of CONFIG, choose one, and store the results.

    The same command continues an interrupted run. It computes nothing if the run is complete.
    """
    from dgmm.run.console.signals import graceful_shutdown

    with graceful_shutdown():
        configuration = load(config, overrides)
        restart_if_portable(configuration)
        _run(configuration, quiet, verbose, fresh, metrics)


def _run(
    configuration: "Configuration", quiet: bool, verbose: bool, fresh: bool, metrics: str | None
) -> None:
    import_dask()
    from rich.console import Console

    from dgmm.run import fit_run
    from dgmm.run.console.candidate_table import show_candidates
    from dgmm.run.console.logs import JsonObserver
    from dgmm.run.console.observer import console_logging
    from dgmm.run.run_metrics import collect_metrics, write_metrics

    style = log_format(click.get_current_context().meta)
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    with console_logging(style, level) as observer:
        outcome = fit_run.run(configuration, observer=observer, fresh=fresh)
        if isinstance(observer, JsonObserver):
            observer.log_result(
                outcome.path,
                outcome.sweep,
                collect_metrics(outcome.path, configuration.output.storage_options),
                already_complete=outcome.already_complete,
            )
        if metrics is not None:
            write_metrics(outcome.path, metrics, configuration.output.storage_options)
    if not quiet:
        show_candidates(outcome.sweep, Console())
    path = style.redactor(outcome.path)
    click.echo(f"already complete: {path}" if outcome.already_complete else path)


@click.command(epilog=examples("dgmm plan run.yaml"))
@configuration_options
def plan(config: str, overrides: tuple[str, ...]) -> None:
    """Show what a run of CONFIG would read, compute and need, without running it.

    A run that does not fit in the memory of its workers is refused, with exit code 78.
    """
    configuration = load(config, overrides)
    import_dask()

    from rich.console import Console

    from dgmm.run import plan_summary as planning
    from dgmm.run.console.logs import log_to_stderr

    style = log_format(click.get_current_context().meta)
    with log_to_stderr(Console(stderr=True), style, logging.INFO):
        summary = planning.summarize_plan(configuration)
    for line in summary.lines():
        click.echo(style.redactor(line))
    summary.check_memory()


@click.command(epilog=examples("dgmm validate run.yaml"))
@configuration_options
@for_command_option
def validate(config: str, overrides: tuple[str, ...], settings: Any) -> None:
    """List every mistake in CONFIG; check its input, too, if it is on this machine."""
    from dgmm.run.config.model_section import candidates

    if settings is None:
        configuration = load(config, overrides)
    else:
        configuration = load_as(settings, config, overrides)
    n_candidates = len(candidates(configuration.model))
    path = configuration.input.path
    found = f"; its input was not looked at, as this machine has no {path}"
    if _is_here(path):
        import_dask()
        from dgmm.run import plan_summary as planning

        planning.summarize_plan(configuration)
        found = ""
    text = f"{click.format_filename(config)} is valid: {n_candidates:,} candidates{found}"
    click.echo(log_format(click.get_current_context().meta).redactor(text))


def _is_here(path: str) -> bool:
    """Whether there is something at a path of this host."""
    return os.path.exists(path) or bool(glob.glob(path, recursive=True))


@click.command(epilog=examples("dgmm schema > dgmm.schema.json"))
@for_command_option
def schema(settings: Any) -> None:
    """Print the JSON schema of a configuration."""
    from dgmm.run.config import configuration

    wanted = configuration.Configuration if settings is None else settings
    click.echo(json.dumps(configuration.schema(wanted), indent=2))


@click.command(
    epilog=examples(
        "dgmm init data/cells.zarr --output run.yaml",
        "dgmm init data/cells.parquet --columns CD3,CD4",
    )
)
@click.argument("path", metavar="INPUT")
@click.option("--output", metavar="CONFIG", help="The file to write; by default stdout.")
@click.option(
    "--columns", multiple=True, metavar="A,B,...", help="The features; by default all columns."
)
def init(path: str, output: str | None, columns: tuple[str, ...]) -> None:
    """Look at INPUT and write a configuration for it, with comments."""
    import_dask()
    from dgmm.errors import OutputError
    from dgmm.run.configuration_template import describe_input

    names = [name for each in columns for name in each.split(",")]
    text = describe_input(path, names, output or "CONFIG")
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with open(output, "x", encoding="utf8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror}. Choose another name."
        ) from error
    click.echo(output)
