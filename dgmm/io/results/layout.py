"""The layout of an output: what is where, under which name, with which dimensions.

::

    OUTPUT/latest.json            names the run that readers see, and which ones they saw before
    OUTPUT/latest.zarr            a symbolic link to it, on file systems
    OUTPUT/report.html            the report of the last complete run, for people
    OUTPUT/reports/RUN_ID.html    the reports of all runs
    OUTPUT/attempts/ID/           where an interrupted run goes on; gone when it is complete
    OUTPUT/runs/RUN_ID.zarr/      one immutable Zarr v3 group
        sweep/                    a row for each candidate
        prepare/                  what was done to rows before the fit, if anything
        model/                    parameters of the selected candidate
        models/TYPE-K/            parameters and trace of every candidate
        posterior/                of a Bayesian mixture, whose mean is the only candidate
        components/               what the rows of each component are like, in the input's units
        variables/NAME/           the same of one variable, on its own dimensions
        assignments/              labels, responsibilities, ... on the samples' grid, and the
                                  coordinates of that grid
        blocks/                   checksum and sums of every block, for runs on grown data
        drift/                    what changed since the result that it started from, by label
        record/                   how the run went, and a few rows of the input
"""

import re
from pathlib import Path

from dgmm.errors import OutputError
from dgmm.io.storage.location import AnyPath

FORMAT = "dgmm"
FORMAT_VERSION = 2
"""Raised with every change of what is above, or of what a name means; earlier ones are read too.

1. What the first build wrote.
2. The root says who has computed (``arithmetic``), also in the basis of assignments.
"""
LATEST_POINTER = "latest.json"
LATEST_LINK = "latest.zarr"
LATEST_REPORT = "report.html"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def run_path(output: AnyPath, run_id: str) -> AnyPath:
    """The path of a run.

    Raises
    ------
    OutputError
        If the name is not made of letters, digits, ``_``, ``-`` and ``.``.
    """
    if not _NAME.fullmatch(run_id):
        raise OutputError(f"{run_id!r} is no name of a run: letters, digits, _, - and . only.")
    return output / "runs" / f"{run_id}.zarr"


def report_path(output: AnyPath, run_id: str) -> AnyPath:
    """The path of the report of a run."""
    return output / "reports" / f"{run_id}.html"


def run_name(run: AnyPath) -> str:
    """The name of a run by its path; a link is resolved."""
    return (run.resolve() if isinstance(run, Path) else run).stem


def attempt_path(output: AnyPath, attempt_id: str) -> AnyPath:
    """The path of a checkpoint, a directory."""
    return output / "attempts" / attempt_id
