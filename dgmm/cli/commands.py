"""All commands, as one group.

What a command needs is imported inside it, so that help, ``validate`` and ``schema`` answer at
once. Results go to stdout; progress, logs and errors to stderr.
"""

import click

from dgmm import __version__
from dgmm.cli.command_group import Group
from dgmm.cli.ingest_command import ingest
from dgmm.cli.result_commands import export, report, runs, score
from dgmm.cli.run_commands import init, plan, run, schema, validate


@click.group(name="dgmm", cls=Group)
@click.version_option(__version__, prog_name="dgmm")
def dgmm() -> None:
    """Fit Gaussian mixtures to datasets bigger than memory, and choose one."""


for _command in (init, run, plan, validate, schema, score, export, report, runs, ingest):
    dgmm.add_command(_command)
