"""The progress of a fit as a value, from which the fit can resume."""

from collections.abc import Callable
from dataclasses import dataclass

from dgmm.engine.profile import Profile
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.variational.variational_state import VariationalState


@dataclass(frozen=True, slots=True, eq=False)
class FitProgress:
    """The state of a fit: with data and options it determines the rest.

    Attributes
    ----------
    profile : Profile
    stage : str
        The stage that is under way, as in :class:`dgmm.engine.events.PassStarted`.
    n_passes : int
        Passes of this stage that are done.
    states : tuple of FitState
        The stage's candidates after these passes; none while the stage is ``"profile"``.
    variational : VariationalState, or None
        Of a Bayesian mixture after these passes; it becomes a candidate when inference is done.
    """

    profile: Profile
    stage: str
    n_passes: int
    states: tuple[FitState, ...]
    variational: VariationalState | None = None


SaveProgress = Callable[[FitProgress], None]


def discard_progress(progress: FitProgress) -> None:
    """Save nothing: the default of a fit that need not be resumed."""
    del progress
