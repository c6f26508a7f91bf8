"""Candidates of a sweep, and the status of their fits."""

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """The status of the fit of a candidate; ``sentence`` says what it means and what to do."""

    RUNNING = "running"
    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    STOPPED_EARLY = "stopped_early"
    DEGENERATE = "degenerate"

    @classmethod
    def _missing_(cls, value: object) -> "Status | None":
        """What results and checkpoints of dgmm 0.1.0 call a status."""
        return cls.STOPPED_EARLY if value == "behind" else None

    @property
    def sentence(self) -> str:
        """The status in words: what happened, the usual cause, the remedy."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.RUNNING: "EM has not finished.",
    Status.CONVERGED: "What is left to gain in log-likelihood per sample is below tol.",
    Status.MAX_ITER: (
        "EM used all its iterations before what is left to gain fell below tol; "
        "raise max_iter, or tol, or use fewer components."
    ),
    Status.STOPPED_EARLY: (
        "EM was stopped because even five times the gain that was expected would not have made "
        "this candidate the choice; set finish_all to fit it to the end."
    ),
    Status.DEGENERATE: (
        "A component is empty or has collapsed onto (nearly) one value in some direction, so its "
        "density says nothing about the data; common with repeated values or too many components. "
        "Use fewer components, a simpler covariance_type, or a larger reg_covar."
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """One model of a sweep.

    Attributes
    ----------
    covariance_type : str
        One of :data:`dgmm.registry.STRUCTURES`.
    n_components : int
        Number of components K, at least 1.
    start : int
        Which of several starts; 0 is the first.
    """

    covariance_type: str
    n_components: int
    start: int = 0

    @property
    def name(self) -> str:
        """``TYPE-K``, the name of the candidate's group in a result."""
        return f"{self.covariance_type}-{self.n_components}"
