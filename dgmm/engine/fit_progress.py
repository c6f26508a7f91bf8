"""How far a fit has come, as a value: kept somewhere, it is where the fit goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from dgmm.engine.profile import Profile
from dgmm.mixture.em.iteration import FitState


@dataclass(frozen=True, slots=True, eq=False)
class FitProgress:
    """Everything that the rest of a fit depends on, besides its data and options.

    Attributes
    ----------
    profile : Profile
    stage : str
        The stage that is under way, as in :class:`dgmm.engine.events.PassStarted`.
    n_passes : int
        Passes of this stage that are done.
    states : tuple of FitState
        The stage's candidates after these passes; none while the stage is ``"profile"``.
    """

    profile: Profile
    stage: str
    n_passes: int
    states: tuple[FitState, ...]


SaveProgress = Callable[[FitProgress], None]


def discard_progress(progress: FitProgress) -> None:
    """What a fit does with its progress if nobody wants to go on from there."""
    del progress
