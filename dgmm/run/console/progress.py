"""Progress of a run on stderr: a live line on a terminal, log lines elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from dgmm.engine.events import (
    BlocksDone,
    Event,
    Observer,
    PassFinished,
    PassStarted,
    Resumed,
)
from dgmm.run.console.time_left import Clock, TimeLeft

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 1.0
_FRACTION_BETWEEN_LINES = 0.02  # of the time so far, once that is longer


@contextmanager
def watch(console: Console) -> Iterator[Observer]:
    """An observer that shows passes on a terminal, or logs them elsewhere."""
    if console.is_terminal:
        display = LiveDisplay(console)
        with display.progress:
            yield display
    else:
        lines = LogLines()
        yield lines
        lines.flush()


class LogLines:
    """Logs the first and the last pass of a stage, and about one a second between them.

    Lines become rarer the longer a run takes, so that logs stay short.

    Parameters
    ----------
    clock : callable
        Seconds since any moment.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._time_left = TimeLeft(clock)
        self._began = clock()
        self._stage = ""
        self._n_candidates = 0
        self._next_line = self._began
        self._held = ""

    def __call__(self, event: Event) -> None:
        """Process an event."""
        self._time_left(event)
        if isinstance(event, PassStarted):
            self._start(event)
        elif isinstance(event, PassFinished):
            self._held = self._line(event)
            if self._clock() >= self._next_line:
                self.flush()
        elif isinstance(event, Resumed):
            logger.info("%s", _format_resumed(event))

    def flush(self) -> None:
        """Log the pending line, if there is one."""
        if self._held:
            logger.info("%s", self._held)
            self._held = ""
            elapsed = self._clock() - self._began
            self._next_line = self._clock() + max(
                _SECONDS_BETWEEN_LINES, elapsed * _FRACTION_BETWEEN_LINES
            )

    def _start(self, event: PassStarted) -> None:
        self._n_candidates = event.n_candidates
        if event.stage != self._stage:
            self.flush()
            self._stage = event.stage
            self._next_line = self._clock()

    def _line(self, event: PassFinished) -> str:
        running = f"{event.n_running} of {self._n_candidates} candidates running"
        best = event.best_log_likelihood
        facts = [
            f"{event.stage}, pass {event.index + 1}",
            "" if best is None else running,
            "" if best is None else f"{event.objective} {best:.6g} per row",
            f"{event.seconds:.1f} s",
            _speed(event.n_rows, event.seconds),
            f"{_duration(self._clock() - self._began)} elapsed",
            _about_left(self._time_left),
        ]
        return ", ".join(filter(None, facts))


class LiveDisplay:
    """A line on a terminal that shows the running pass, its progress and its time.

    Parameters
    ----------
    console : rich.console.Console
    clock : callable
        Seconds since any moment.

    Attributes
    ----------
    progress : rich.progress.Progress
        Enter it to show the line, leave it to remove the line.
    """

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._time_left = TimeLeft(clock)
        self._pass_began = clock()
        self._n_rows = 0
        self._facts: dict[str, str] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[facts]}"),
            _RunTime(clock, self._time_left),
            console=console,
            transient=True,
            expand=True,
        )
        self._task = self.progress.add_task("opening", total=None, facts="")

    def __call__(self, event: Event) -> None:
        """Process an event."""
        self._time_left(event)
        match event:
            case PassStarted():
                self._start(event)
            case BlocksDone():
                seconds = self._clock() - self._pass_began
                self._show(speed=_speed(self._n_rows * event.done / event.total, seconds))
                self.progress.update(self._task, completed=event.done, total=event.total)
            case Resumed():
                self.progress.console.print(_format_resumed(event))
            case PassFinished():
                best = event.best_log_likelihood
                self._show(
                    likelihood="" if best is None else f"{best:.5g}/row",
                    speed=_speed(event.n_rows, event.seconds),
                )

    def _start(self, event: PassStarted) -> None:
        self._pass_began = self._clock()
        self._n_rows = event.n_rows
        description = f"{event.stage}, pass {event.index + 1}"
        self.progress.reset(self._task, total=event.n_blocks, description=description)
        some = f"{event.n_running}/{event.n_candidates} running" if event.n_candidates else ""
        self._show(candidates=some, speed="")

    def _show(self, **facts: str) -> None:
        self._facts |= facts
        order = ("candidates", "likelihood", "speed")
        text = "  ".join(filter(None, (self._facts.get(name) for name in order)))
        self.progress.update(self._task, facts=text)


class _RunTime(ProgressColumn):
    """Time since the run started, and about how much is left."""

    def __init__(self, clock: Clock, time_left: TimeLeft) -> None:
        super().__init__()
        self._clock = clock
        self._time_left = time_left
        self._began = clock()

    def render(self, task: Task) -> Text:
        """The time as text."""
        del task
        elapsed = f"{_duration(self._clock() - self._began)} elapsed"
        return Text(", ".join(filter(None, (elapsed, _about_left(self._time_left)))))


def _format_resumed(event: Resumed) -> str:
    return f"resumed after pass {event.n_passes} of {event.stage}"


def _speed(n_rows: float, seconds: float) -> str:
    if seconds <= 0:
        return ""
    speed = n_rows / seconds
    return f"{speed:,.0f} rows/s" if speed < 1e6 else f"{speed / 1e6:,.1f}M rows/s"


def _about_left(time_left: TimeLeft) -> str:
    seconds = time_left.seconds
    return "" if seconds is None else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
