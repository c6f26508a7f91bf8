"""The checkpoint of a run, from which it resumes: the profile once, the states after a pass.

Files that are damaged, truncated or foreign are ignored with a warning: their content is lost in
any case, and a run that starts again ends in the same bits.
"""

import logging
import time
from collections.abc import Callable

from dgmm.engine.arithmetic.processes import Processes
from dgmm.engine.events import FIT, PROFILE, READ_ALL_ROWS, REPAIR, SAMPLE
from dgmm.engine.fit_progress import FitProgress
from dgmm.errors import ConfigurationError, InputChangedError, Remedy
from dgmm.io.results.checkpoint_files import (
    CLASSES,
    Assigning,
    Begun,
    ComputedBy,
    Reached,
    RunFingerprint,
    Runs,
    read_file,
)
from dgmm.io.storage.atomic_writes import make_directory, remove_if_empty, remove_tree
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.value_file import write_value
from dgmm.io.storage.zarr_arrays import creation_failures, storage_failures

_STAGES = (SAMPLE, FIT, REPAIR)  # whose states are kept
SECONDS_BETWEEN_SAMPLE_STATES = 10.0  # passes over the sample cost less than keeping them

_logger = logging.getLogger(__name__)


class Checkpoint:
    """The directory in which a run saves its progress until it is complete.

    Parameters
    ----------
    directory : Path or StorePath
    facts : RunFingerprint
        Of the run as it is now.
    clock : callable
        Seconds since any moment.
    confirm : callable
        Called before anything is written: raises if the output is not held any more.
    mixes : bool
        Whether to continue what other kinds of process have computed.
    """

    def __init__(
        self,
        directory: AnyPath,
        facts: RunFingerprint,
        clock: Callable[[], float] = time.monotonic,
        confirm: Callable[[], None] = lambda: None,
        *,
        mixes: bool = False,
    ) -> None:
        self.confirm = confirm
        self._mixes = mixes
        self._directory = directory
        self._facts = facts
        self._clock = clock
        self._due = clock()
        self._profile: int | None = None

    def runs(self) -> tuple[str, ...]:
        """Names under which this run was started: a new one each time its input was touched."""
        found, _ = read_file(self._directory, "runs", Runs)
        return () if found is None else found.run_ids

    def begin(self) -> None:
        """Record the name under which the run now continues.

        Raises
        ------
        StorageError
            If the file system refuses.
        """
        before = self.runs()
        if self._facts.run_id not in before:
            self._write("runs", Runs((*before, self._facts.run_id)))

    def processes(self) -> Processes:
        """Who has computed the content of the directory, as far as it is known."""
        found, _ = read_file(self._directory, "processes", ComputedBy)
        return Processes() if found is None else found.processes

    def check(self, now: Processes) -> None:
        """Refuse to continue a fit that other kinds of process have computed.

        Assignments of others are removed, and so is everything if its processes are unknown.

        Parameters
        ----------
        now : Processes
            That are to continue it; workers may still be unknown.

        Raises
        ------
        ConfigurationError
            Unless arithmetic is to be mixed.
        StorageError
            If the file system refuses.
        """
        is_fit, is_score = (
            (self._directory / name).exists() for name in ("profile", "assignments")
        )
        before = self.processes()
        if not (is_fit or is_score):
            return
        others = before.news(now) if before.drivers else ["another version of dgmm"]
        if others and before.drivers and self._mixes:
            _logger.warning("the run continues what was computed by others: %s", "; ".join(others))
        elif others and before.drivers and is_fit:
            raise ConfigurationError(
                f"The interrupted run was computed by others: {'; '.join(others)}. Its last bits "
                "would be neither theirs nor those of here.",
                remedy=Remedy.MIX_ARITHMETIC,
            )
        elif others:
            _logger.warning(
                "the interrupted run in %s was computed by others, and starts again: %s",
                self._directory,
                "; ".join(others),
            )
            begun = self.runs()
            self._clear()
            self._write("runs", Runs(begun))

    def admit(self, now: Processes) -> None:
        """Record that processes compute, if they may; raises as `check` does."""
        self.check(now)
        self.note(now)

    def note(self, now: Processes) -> None:
        """Record that these processes have computed, too."""
        before = self.processes()
        if before | now != before:
            self._write("processes", ComputedBy(before | now))

    def load(self) -> FitProgress | None:
        """The progress of an interrupted run; None, and an empty directory, if there was none.

        The progress of a run that started from another result does not count.

        Raises
        ------
        InputChangedError
            If the input has another shape or other blocks than the interrupted run found.
        OutputError
            If the directory cannot be created.
        StorageError
            If the file system fails.
        """
        begun, checksum = read_file(self._directory, "profile", Begun)
        if begun is not None and begun.facts.started_from != self._facts.started_from:
            _logger.warning(
                "the interrupted run had started from %s; it starts again from %s",
                begun.facts.started_from or "no result",
                self._facts.started_from or "no result",
            )
            begun = None
        if begun is None:
            self._clear()
            return None
        self._check(begun.facts)
        reached, _ = read_file(self._directory, "states", Reached)
        if reached is not None and reached.stage not in _STAGES:
            _logger.warning(
                "the interrupted run in %s had reached a stage, %s, that this version of dgmm does "
                "not have; it starts again",
                self._directory,
                reached.stage,
            )
            self._clear()
            return None
        self._profile = checksum
        if reached is None or reached.profile != checksum:
            return FitProgress(begun.profile, PROFILE, 1, ())
        return FitProgress(
            begun.profile, reached.stage, reached.n_passes, reached.states, reached.variational
        )

    def _clear(self) -> None:
        """Empty the directory."""
        with creation_failures(self._directory):
            if self._directory.exists():
                remove_tree(self._directory)
            make_directory(self._directory)

    def save(self, progress: FitProgress) -> None:
        """Write the progress to disk; of passes over the sample only now and then.

        Raises
        ------
        StorageError
            If the file system refuses; the earlier file is then unchanged.
        """
        is_stage = progress.n_passes == 0 or progress.stage in READ_ALL_ROWS
        if not is_stage and self._clock() < self._due:
            return
        if self._profile is None:
            self._profile = self._write("profile", Begun(self._facts, progress.profile))
        if progress.stage != PROFILE:
            reached = Reached(
                self._profile,
                progress.stage,
                progress.n_passes,
                progress.states,
                progress.variational,
            )
            self._write("states", reached)
        self._due = self._clock() + SECONDS_BETWEEN_SAMPLE_STATES

    def has_assignments(self, model: str) -> bool:
        """Whether this run started to write assignments by this model, named by its digest."""
        found, _ = read_file(self._directory, "assignments", Assigning)
        return found == Assigning(self._facts.run_id, model)

    def save_assignments(self, model: str) -> None:
        """Record that assignments by this model are being written.

        Raises
        ------
        StorageError
            If the file system refuses.
        """
        self._write("assignments", Assigning(self._facts.run_id, model))

    def discard(self) -> None:
        """Remove the directory.

        Raises
        ------
        StorageError
            If the file system refuses.
        """
        with storage_failures(self._directory):
            if self._directory.exists():
                remove_tree(self._directory)
            remove_if_empty(self._directory.parent)

    def _write(self, name: str, value: object) -> int:
        path = self._directory / name
        self.confirm()
        with storage_failures(path):
            return write_value(path, value, CLASSES)

    def _check(self, before: RunFingerprint) -> None:
        now = self._facts
        if _shape(before) == _shape(now):
            return
        first, last = sorted((before.n_rows, now.n_rows))
        rows = f"Rows {first} to {last - 1} are {'new' if last == now.n_rows else 'gone'}. "
        raise InputChangedError(
            f"The input has {_shape(now)}; the interrupted run that this one resumes began "
            f"with {_shape(before)}. {rows if first < last else ''}"
            "Put the input back as it was.",
            remedy=Remedy.START_AGAIN,
        )


def runs_in_progress(attempts: AnyPath) -> frozenset[str]:
    """Names of the runs that the attempts in this directory work on."""
    with storage_failures(attempts):
        folders = [*attempts.iterdir()] if attempts.is_dir() else []
    found = (read_file(folder, "runs", Runs)[0] for folder in folders)
    return frozenset(run_id for runs in found if runs is not None for run_id in runs.run_ids)


def _shape(facts: RunFingerprint) -> str:
    return f"{facts.n_rows:,} rows of {facts.n_features} features in blocks of {facts.block_rows:,}"
