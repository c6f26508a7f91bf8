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
@click.option("--output", required=True, metavar="OUT.zarr", help="Where the Zarr store goes.")
@click.option("--format", "format_", default="auto", help="As input.format, or csv.")
@click.option(
    "--variable", "variables", multiple=True, help="The array to take; repeatable, as features."
)
@click.option(
    "--sample-dims",
    multiple=True,
    metavar="A,B,...",
    help="Dimensions of labelled arrays that are the samples; of several, rows go block by block.",
)
@click.option("--columns", multiple=True, metavar="A,B,...", help="The features; without, all.")
@click.option("--weights", help="What holds a weight for every row; it is no feature then.")
@click.option("--delimiter", help="Between the values of CSV; a comma, or a tab for .tsv.")
@click.option(
    "--decimal", type=click.Choice([".", ","]), default=".", help="Of CSV: point or comma."
)
@click.option("--encoding", default="utf8", show_default=True, help="Of the text of CSV.")
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first line of CSV names the columns; without, unless all are numbers.",
)
@click.option(
    "--na-values", multiple=True, metavar="A,B,...", help="What stands for no value in CSV."
)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Of what is stored.")
@click.option("--chunk-size", default="24MiB", show_default=True, help="Bytes of one chunk.")
@click.option("--overwrite", is_flag=True, help="Replace a Zarr store that is there.")
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
    """Write INPUT, a CSV file or anything else dgmm reads, as a Zarr store that is fast to read."""
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
