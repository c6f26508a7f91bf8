"""The layout of an output: what is where, under which name, with which dimensions.

::

    OUTPUT/latest.json            names the last complete run
    OUTPUT/latest.zarr            a symbolic link to it, on file systems
    OUTPUT/report.html            the report of the last complete run, for people
    OUTPUT/reports/RUN_ID.html    the reports of all runs
    OUTPUT/attempts/ID/           where an interrupted run goes on; gone when it is complete
    OUTPUT/runs/RUN_ID.zarr/      one immutable Zarr v3 group
        feature, feature_2        names of what was fitted, coordinates of everything below
        sweep/                    a row for each candidate
        prepare/                  what was done to rows before the fit, if anything
        model/                    parameters of the selected candidate
        models/TYPE-K/            parameters and trace of every candidate
        assignments/              labels, responsibilities, log_density on the samples' grid, and
                                  the coordinates of that grid
        record/                   how the run went, and a few rows of the input
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dgmm.errors import OutputError
from dgmm.io.location import Place

FORMAT = "dgmm"
FORMAT_VERSION = 1
LATEST_POINTER = "latest.json"
LATEST_LINK = "latest.zarr"
LATEST_REPORT = "report.html"
ROOT_METADATA = "zarr.json"
MISSING_LABEL = -1

COVARIANCE_DIMENSIONS = {
    "full": ("component", "feature", "feature_2"),  # xarray refuses one name for two axes
    "tied": ("feature", "feature_2"),
    "diag": ("component", "feature"),
    "spherical": ("component",),
}

RESERVED = {"labels", "responsibilities", "log_density", "component", "feature", "feature_2"}
"""What results call their own; no dimension or coordinate of samples can have such a name."""

_LABELS = {
    "long_name": "most probable component",
    "flag_values": [MISSING_LABEL],
    "flag_meanings": "missing",
}
_RESPONSIBILITIES = {"long_name": "posterior probability of the component", "units": "1"}
_LOG_DENSITY = {"long_name": "natural logarithm of the probability density"}

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_COMPONENTS_IN_INT16 = 2**15


@dataclass(frozen=True, slots=True)
class AssignmentArray:
    """How one array of ``assignments`` is stored.

    Attributes
    ----------
    dtype : str
    fill_value : float
        What stands for a sample that could not be assigned.
    across : tuple of str
        Dimensions beside those of the samples.
    attributes : dict
        By the CF conventions, which have no word for nats.
    """

    dtype: str
    fill_value: float
    across: tuple[str, ...]
    attributes: dict[str, Any]


def assignment_array(name: str, n_components: int) -> AssignmentArray:
    """How assignments of this name are stored.

    Raises
    ------
    OutputError
        If there are none of this name.
    """
    label_dtype = "int16" if n_components <= _COMPONENTS_IN_INT16 else "int32"
    known = {
        "labels": AssignmentArray(label_dtype, MISSING_LABEL, (), _LABELS),
        "responsibilities": AssignmentArray("float32", np.nan, ("component",), _RESPONSIBILITIES),
        "log_density": AssignmentArray("float64", np.nan, (), _LOG_DENSITY),
    }
    if name not in known:
        raise OutputError(f"There are no assignments {name!r}; known are {', '.join(known)}.")
    return known[name]


def run_path(output: Place, run_id: str) -> Place:
    """Where the run of this name is.

    Raises
    ------
    OutputError
        If the name is not made of letters, digits, ``_``, ``-`` and ``.``.
    """
    if not _NAME.fullmatch(run_id):
        raise OutputError(f"{run_id!r} is no name of a run: letters, digits, _, - and . only.")
    return output / "runs" / f"{run_id}.zarr"


def report_path(output: Place, run_id: str) -> Place:
    """Where the report of the run of this name is."""
    return output / "reports" / f"{run_id}.html"


def run_name(run: Place) -> str:
    """The name of a run, wherever it is; of a link to one, that of the run."""
    return (run.resolve() if isinstance(run, Path) else run).stem


def attempt_path(output: Place, attempt_id: str) -> Place:
    """Where the checkpoint of this name is, a directory."""
    return output / "attempts" / attempt_id


def is_committed(run: Place) -> bool:
    """Whether a run is complete: its root metadata, written last, are there."""
    return (run / ROOT_METADATA).is_file()
