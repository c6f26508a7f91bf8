"""Record the passes, times and warnings of a run."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from dgmm.engine.events import READ_ALL_ROWS, Event, Observer, PassFinished, Resumed
from dgmm.io.results.record import Record, StageRecord, subsample_stride
from dgmm.mixture.types import Array
from dgmm.run.run_plan import RunPlan

_MOST_WARNINGS = 50


class RunRecorder:
    """An observer that records events and passes them on to another observer.

    Parameters
    ----------
    observer : callable
        Told of every event.
    redactor : callable
        Makes a text fit to be seen.
    clock : callable
        Seconds since any moment.
    """

    def __init__(
        self,
        observer: Observer,
        redactor: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self._redactor = redactor
        self._clock = clock
        self._began = clock()
        self._stages: dict[str, StageRecord] = {}
        self._is_resumed = False
        self._warnings: dict[str, None] = {}

    def __call__(self, event: Event) -> None:
        """Record an event and pass it on."""
        if isinstance(event, PassFinished):
            before = self._stages.get(event.stage) or StageRecord(event.stage, 0, 0, 0, 0.0)
            self._stages[event.stage] = replace(
                before,
                n_passes=before.n_passes + 1,
                n_rows=event.n_rows,
                seconds=before.seconds + event.seconds,
            )
        elif isinstance(event, Resumed):
            self._is_resumed = True
        self._observer(event)

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Record the warnings that dgmm logs during a ``with``."""
        listener = _Listener(self._add_warning)
        own = logging.getLogger("dgmm")
        own.addHandler(listener)
        try:
            yield
        finally:
            own.removeHandler(listener)

    def _add_warning(self, message: str) -> None:
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings[self._redactor(message)] = None

    def record(
        self,
        plan: RunPlan,
        mean: Array,
        standard_deviation: Array,
        sample: Array,
        sample_weights: Array | None = None,
    ) -> Record:
        """The record of the run, with the rows that a report shows.

        Parameters
        ----------
        plan : RunPlan
        mean, standard_deviation : ndarray of shape (n_features,)
            Of the rows.
        sample : ndarray of shape (m, n_features)
            Of the rows, of which some are kept.
        sample_weights : ndarray of shape (m,), optional
        """
        dataset, picture = plan.dataset, plan.source.read_thumbnail()
        pass_bytes = dataset.n_rows * dataset.n_features * dataset.rows.dtype.itemsize
        few = subsample_stride(*sample.shape)
        return Record(
            stages=tuple(
                replace(stage, n_bytes=stage.n_passes * pass_bytes * (name in READ_ALL_ROWS))
                for name, stage in self._stages.items()
            ),
            seconds=self._clock() - self._began,
            is_resumed=self._is_resumed,
            warnings=tuple(self._warnings),
            mean=mean,
            standard_deviation=standard_deviation,
            sample=sample[few],
            sample_weights=None if sample_weights is None else sample_weights[few],
            picture=None if picture is None else picture.pixels,
            picture_shape=None if picture is None else picture.shape,
        )


class _Listener(logging.Handler):
    """A log handler that passes warnings on as text."""

    def __init__(self, handle: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._handle = handle

    def emit(self, record: logging.LogRecord) -> None:
        self._handle(record.getMessage())
