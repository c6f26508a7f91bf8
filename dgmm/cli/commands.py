"""All commands, as one group.

What a command needs is imported inside it, so that help, ``validate`` and ``schema`` answer at
once. Results go to stdout; progress, logs and errors to stderr.
"""

import platform
from importlib.metadata import version

import click

from dgmm import __version__
from dgmm.cli.command_group import Group
from dgmm.cli.ingest_command import ingest
from dgmm.cli.options import examples
from dgmm.cli.result_commands import export, report, runs, score
from dgmm.cli.run_commands import init, plan, run, schema, validate

_DEPENDENCIES = ("numpy", "scipy", "numba", "scikit-learn", "dask", "distributed", "zarr")


def _print_versions(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the version of dgmm, and on a second line those of what its results depend on."""
    if not value or ctx.resilient_parsing:
        return
    installed = (f"{name} {version(name)}" for name in _DEPENDENCIES)
    click.echo(f"dgmm {__version__}")
    click.echo(", ".join((f"Python {platform.python_version()}", *installed)))
    ctx.exit()


@click.group(
    name="dgmm",
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "dgmm init data.zarr --output run.yaml", "dgmm plan run.yaml", "dgmm run run.yaml"
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Show the versions of dgmm and of its main dependencies, and exit.",
)
def dgmm() -> None:
    """Fit Gaussian mixtures to datasets bigger than memory, and choose one."""


for _command in (init, run, plan, validate, schema, score, export, report, runs, ingest):
    dgmm.add_command(_command)
