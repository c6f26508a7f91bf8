"""Events of a fit, for observers such as progress displays and logs."""

from collections.abc import Callable
from dataclasses import dataclass

STAGE_NAMES = {
    "profile": "profile of the data",
    "search": "search for the best mixtures",
    "sample": "EM on the sample",
    "fit": "EM on all rows",
    "repair": "EM for models that fell behind",
    "fold": "stepwise EM on new rows",
    "comparison": "comparison with the earlier result",
    "assign": "assignments",
}
"""What people call the stages."""

READ_ALL_ROWS = frozenset({"profile", "fit", "repair", "fold", "assign"})
"""Stages whose passes read the dataset; all others work on rows that the driver holds."""


@dataclass(frozen=True, slots=True)
class PassStarted:
    """A read of all rows of a stage begins.

    Attributes
    ----------
    stage : str
        ``"profile"``, ``"search"``, ``"sample"``, ``"fit"``, ``"repair"``
        (models that fell behind smaller ones) or ``"assign"``, among others.
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
        Candidates that go on.
    best_log_likelihood : float or None
        The largest log-likelihood per unit of weight so far, in nats.
    """

    stage: str
    index: int
    seconds: float
    n_rows: int
    n_running: int
    best_log_likelihood: float | None


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
