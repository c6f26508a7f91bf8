"""The command that makes a Zarr store of other data."""

import logging
from typing import Any

import click

from dgmm.cli.command_group import log_format
from dgmm.cli.options import examples


@click.command(
    epilog=examples(
        "dgmm ingest data.csv --output data.zarr",
        "dgmm ingest data.csv --output data.zarr --columns a,b --delimiter ';' --decimal ,",
    )
)
@click.argument("path", metavar="INPUT")
@click.option("--output", required=True, metavar="OUT.zarr", help="The Zarr store to write.")
@click.option(
    "--format",
    "format_",
    default="auto",
    help="Format of INPUT: csv, or one of those of input.format.",
)
@click.option(
    "--variable",
    "variables",
    multiple=True,
    help="The array to read; repeatable: each becomes a feature.",
)
@click.option(
    "--sample-dims",
    multiple=True,
    metavar="A,B,...",
    help="Dimensions of labelled arrays along which samples lie; with several, rows are written "
    "block by block.",
)
@click.option(
    "--columns", multiple=True, metavar="A,B,...", help="The features; by default all columns."
)
@click.option(
    "--weights", help="The column or array with a weight for each row; it is not a feature."
)
@click.option(
    "--delimiter", help="What separates values in CSV; by default a comma, in .tsv a tab."
)
@click.option("--decimal", type=click.Choice([".", ","]), default=".", help="Decimal mark in CSV.")
@click.option("--encoding", default="utf8", show_default=True, help="Encoding of CSV.")
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first line of CSV has the names of columns; by default, unless all are "
    "numbers.",
)
@click.option(
    "--na-values", multiple=True, metavar="A,B,...", help="What marks a missing value in CSV."
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="Type of the stored numbers.",
)
@click.option("--chunk-size", default="24MiB", show_default=True, help="Size of a chunk.")
@click.option("--overwrite", is_flag=True, help="Replace an existing Zarr store.")
def ingest(
    path: str,
    format_: str,
    columns: tuple[str, ...],
    sample_dims: tuple[str, ...],
    delimiter: str | None,
    decimal: str,
    encoding: str,
    header: bool | None,
    na_values: tuple[str, ...],
    **options: Any,
) -> None:
    """Write INPUT (CSV, or anything else that dgmm reads) as a Zarr store that is fast to read."""
    from rich.console import Console

    from dgmm.io.ingest.csv_stream import CsvDialect
    from dgmm.run import ingestion
    from dgmm.run.console.logs import log_to_stderr
    from dgmm.run.console.signals import graceful_shutdown

    wanted = ingestion.Ingestion(
        path,
        format=format_,
        columns=_split(columns),
        sample_dims=_split(sample_dims),
        csv=CsvDialect(delimiter, decimal, encoding, header, _split(na_values)),
        **options,
    )
    style = log_format(click.get_current_context().meta)
    with (
        graceful_shutdown("nothing is left of it"),
        log_to_stderr(Console(stderr=True), style, logging.INFO),
    ):
        n_rows, n_features = ingestion.run(wanted)
    click.echo(f"{click.format_filename(wanted.output)}: {n_rows:,} rows x {n_features} features")


def _split(lists: tuple[str, ...]) -> tuple[str, ...]:
    """Names from lists separated by commas."""
    return tuple(name for each in lists for name in each.split(","))
