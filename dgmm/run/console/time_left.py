"""How long a run still takes, estimated from its passes."""

import time
from collections.abc import Callable

from dgmm.engine.events import READ_ALL_ROWS, BlocksDone, Event, PassFinished, PassStarted

Clock = Callable[[], float]


class TimeLeft:
    """An observer that estimates the end of a run.

    After each pass of EM on all rows, as many passes as its candidates still need and the one that
    assigns rows are taken to be as long as that pass.

    Parameters
    ----------
    clock : callable
        Seconds since any moment.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end: float | None = None
        self._assigns_since: float | None = None

    def __call__(self, event: Event) -> None:
        """Process an event."""
        now = self._clock()
        match event:
            case PassStarted(stage="assign"):
                self._assigns_since = now
            case BlocksDone(done=done, total=total) if self._assigns_since is not None and done:
                self._end = now + (now - self._assigns_since) * (total - done) / done
            case PassFinished(n_passes_left=int(n_left)) if event.stage in READ_ALL_ROWS:
                self._end = now + (n_left + 1) * event.seconds

    @property
    def seconds(self) -> float | None:
        """The estimate; None as long as there is nothing to go by."""
        return None if self._end is None else max(0.0, self._end - self._clock())
