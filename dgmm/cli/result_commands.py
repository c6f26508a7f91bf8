"""The commands that take a result: apply it to other data, list, publish and prune runs."""

import logging
from dataclasses import asdict
from typing import Any

import click

from dgmm.cli.command_group import CONFIGURATION, log_format
from dgmm.cli.options import (
    add_logging_options,
    examples,
    import_dask,
    metrics_option,
    restart_if_portable,
    storage_options,
)


@click.command(epilog=examples("dgmm score results/cells data/new.zarr --output results/new"))
@click.argument("result")
@click.argument("path", metavar="INPUT")
@click.option("--output", required=True, help="The directory for the results; each is a run in it.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the model's configuration, such as output.assignments=labels; repeatable.",
)
@storage_options
@add_logging_options
@click.option("-q", "--quiet", is_flag=True, help="Print only where the result is.")
@click.option("-v", "--verbose", is_flag=True, help="Log details that help to find a fault.")
@metrics_option
def score(
    result: str,
    path: str,
    output: str,
    overrides: tuple[str, ...],
    storage_options: dict[str, Any] | None,
    quiet: bool,
    verbose: bool,
    metrics: str | None,
) -> None:
    """Assign the rows of INPUT by the model of RESULT (an output directory or one of its runs)."""
    from dgmm.io.results.result import open_result

    import_dask()
    from dgmm.run import score_run
    from dgmm.run.console.logs import JsonObserver
    from dgmm.run.console.observer import console_logging
    from dgmm.run.console.signals import graceful_shutdown
    from dgmm.run.run_metrics import write_metrics

    found = open_result(result, storage_options)
    configuration = score_run.configuration_for(found, path, output, overrides)
    click.get_current_context().meta[CONFIGURATION] = configuration
    restart_if_portable(configuration)
    style = log_format(click.get_current_context().meta)
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    with graceful_shutdown(), console_logging(style, level) as observer:
        scored = score_run.score(found, configuration, observer)
        if isinstance(observer, JsonObserver):
            observer.log_score(asdict(scored))
        if metrics is not None:
            write_metrics(scored.path, metrics, configuration.output.storage_options)
    if not quiet:
        click.echo(scored.sentence)
    place = style.redactor(scored.path)
    click.echo(f"already complete: {place}" if scored.already_complete else place)


@click.command(
    epilog=examples(
        "dgmm runs results/cells",
        "dgmm runs results/cells --publish RUN",
        "dgmm runs results/cells --prune --keep 7",
    )
)
@click.argument("output")
@click.option("--show", metavar="RUN", help="Show all that is known about RUN.")
@click.option(
    "--publish",
    metavar="RUN",
    help="Make RUN the result that readers see, even if it was held back.",
)
@click.option("--prune", is_flag=True, help="Remove old runs, but never the published one.")
@click.option("--keep", type=click.IntRange(0), help="How many of the newest runs to keep.")
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=1.0,
    metavar="HOURS",
    show_default=True,
    help="Keep runs, too, that readers saw less than this time ago.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@storage_options
def runs(
    output: str,
    show: str | None,
    publish: str | None,
    prune: bool,
    keep: int | None,
    grace: float,
    dry_run: bool,
    storage_options: dict[str, Any] | None,
) -> None:
    """List the runs of OUTPUT, newest first; or show, publish or remove runs."""
    from dgmm.io.results.output import Output
    from dgmm.io.storage.location import output_path
    from dgmm.run import history as kept
    from dgmm.run.console.exit_message import escape_control_characters

    if prune != (keep is not None) or (dry_run and not prune):
        raise click.UsageError("--prune needs --keep N; --keep and --dry-run need --prune")
    if [show is not None, publish is not None, prune].count(True) > 1:
        raise click.UsageError("--show, --publish and --prune are for one at a time")
    place = output_path(output, storage_options)
    if publish is not None:
        lines = iter([f"{kept.publish(place, publish).run_id} is the latest result"])
    elif show is not None:
        lines = kept.format_run(Output(place).find(show))
    elif keep is not None:
        gone = kept.prune(place, keep, only_say=dry_run, grace_hours=grace)
        verb = "would be removed" if dry_run else "removed"
        lines = iter([f"{run.run_id} {verb}" for run in gone] or ["nothing to remove"])
    else:
        lines = kept.format_runs(Output(place))
    for line in lines:
        click.echo(escape_control_characters(line))


@click.command(epilog=examples("dgmm report results/cells"))
@click.argument("result")
@click.option(
    "--output",
    metavar="FILE",
    help="The file to write; by default with the other reports of the output.",
)
@storage_options
def report(result: str, output: str | None, storage_options: dict[str, Any] | None) -> None:
    """Draw the report of RESULT (an output directory or one of its runs) as one HTML file."""
    from dgmm.io.results.result import open_result
    from dgmm.io.storage.location import output_path
    from dgmm.report import publish_report, write_report

    found = open_result(result, storage_options)
    place = None if output is None else output_path(output, storage_options)
    click.echo(publish_report(found) if place is None else write_report(found, place))


@click.command(
    epilog=examples(
        "dgmm export results/cells labels.parquet",
        "dgmm export results/map map.tif --column probability",
        "dgmm export results/cells model.onnx",
    )
)
@click.argument("result")
@click.argument("path", metavar="FILE")
@click.option(
    "--column", default="label", show_default=True, help="The column that a GeoTIFF shows."
)
@click.option("--like", metavar="IMAGE", help="An image on the same grid as the GeoTIFF.")
@storage_options
def export(
    result: str,
    path: str,
    column: str,
    like: str | None,
    storage_options: dict[str, Any] | None,
) -> None:
    """Write the assignments or the model of RESULT to FILE; its extension sets the format.

    .parquet, .csv and .tif hold the assignments; .json, .onnx and .sql the model. An existing
    .h5ad or .zarr of AnnData gets the assignments as columns of obs.
    """
    from dgmm.io.export.exporter import ExportOptions
    from dgmm.io.export.exporter import export as write
    from dgmm.io.results.result import open_result
    from dgmm.io.storage.location import output_path

    found, place = open_result(result, storage_options), output_path(path, storage_options)
    write(found, place, ExportOptions(column, like))
    click.echo(place)
