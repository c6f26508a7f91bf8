"""Events of a fit, for observers such as progress displays and logs."""

from collections.abc import Callable
from dataclasses import dataclass

PROFILE, SEARCH, SAMPLE, FIT, REPAIR = "profile", "search", "sample", "fit", "repair"
"""The stages of a fit."""

STAGES = {
    PROFILE: "All rows are read once: mean, covariance, checksums of blocks, a sample of rows.",
    SEARCH: "Good starting mixtures of every candidate are searched for on the sample.",
    SAMPLE: "EM runs on the sample.",
    FIT: "EM runs on all rows; every pass serves all candidates that are still running.",
    REPAIR: "A candidate less likely than one with fewer components starts again from that one.",
    "update": "Stepwise EM reads new rows once (`partial_fit`, `dgmm online`).",
    "compare": "The new mixture is compared with the earlier result that the run started from.",
    "outliers": "All rows are read once for the log density below which the rows asked for lie.",
    "assign": "Every row gets its label and whatever else was asked for; the results are written.",
}
"""The stages of a run by name, in their order, and what happens in each."""

READ_ALL_ROWS = frozenset({PROFILE, FIT, REPAIR, "update", "outliers", "assign"})
"""Stages whose passes read the dataset; all others work on rows that the driver holds."""


@dataclass(frozen=True, slots=True)
class PassStarted:
    """A read of all rows of a stage begins.

    Attributes
    ----------
    stage : str
        One of :data:`STAGES`.
    index : int
        Passes of this stage before this one.
    n_running, n_candidates : int
        Candidates that take part, and all there are.
    n_blocks, n_rows : int
        What the pass reads.
    """

    stage: str
    index: int
    n_running: int
    n_candidates: int
    n_blocks: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class BlocksDone:
    """``done`` of the ``total`` blocks of the running pass are done."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class PassFinished:
    """A pass is over.

    Attributes
    ----------
    stage : str
    index : int
    seconds : float
    n_rows : int
    n_running : int
        Candidates that are still running.
    best_log_likelihood : float or None
        The largest log-likelihood per unit of weight so far, in nats, or what ``objective`` names.
    n_passes_left : int or None
        Estimate of how many more passes of this stage there will be; None where nothing is known.
    objective : str
        ``"lower bound"`` of the evidence in variational inference, else ``"log-likelihood"``.
    """

    stage: str
    index: int
    seconds: float
    n_rows: int
    n_running: int
    best_log_likelihood: float | None
    n_passes_left: int | None = None
    objective: str = "log-likelihood"


@dataclass(frozen=True, slots=True)
class Resumed:
    """A fit resumes after ``n_passes`` passes of ``stage``."""

    stage: str
    n_passes: int


Event = PassStarted | BlocksDone | PassFinished | Resumed
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """An observer that does nothing."""
    del event
