"""The checkpoint of a run, from which it resumes: the profile once, the states after a pass.

Files that are damaged, truncated or foreign are ignored with a warning: their content is lost in
any case, and a run that starts again ends in the same bits.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dgmm.engine.events import READ_ALL_ROWS
from dgmm.engine.fit_progress import FitProgress
from dgmm.engine.profile import Profile
from dgmm.engine.stages import FIT, PROFILE, REPAIR, SAMPLE
from dgmm.errors import InputChangedError, Remedy, StorageError
from dgmm.io.storage.atomic_writes import make_directory, remove_if_empty, remove_tree
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.value_file import DamagedError, read_value, write_value
from dgmm.io.storage.zarr_arrays import creation_failures, storage_failures
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.em.quasi_newton import Iterate, QuasiNewtonState
from dgmm.mixture.identifiers import RisingIntegers
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.sample_size import WeightTotals

_STAGES = (SAMPLE, FIT, REPAIR)  # whose states are kept
SECONDS_BETWEEN_SAMPLE_STATES = 10.0  # passes over the sample cost less than keeping them

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunFingerprint:
    """What must not change between the start of a run and its resumption.

    Attributes
    ----------
    run_id : str
    n_rows, n_features, block_rows : int
        Of the input.
    versions : tuple of str
        Of what computes, such as ``"numpy 2.3.0"``.
    started_from : str
        The name of the run whose mixtures are starts; empty if there is none.
    """

    run_id: str
    n_rows: int
    n_features: int
    block_rows: int
    versions: tuple[str, ...]
    started_from: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    facts: RunFingerprint
    profile: Profile


@dataclass(frozen=True, slots=True, eq=False)
class _Reached:
    profile: int  # the checksum of the file that holds it
    stage: str
    n_passes: int
    states: tuple[FitState, ...]


@dataclass(frozen=True, slots=True)
class _Runs:
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Assigning:
    run_id: str
    model: str


_CLASSES: dict[str, type] = {  # by the names in files, which stay
    "_Begun": _Begun,
    "_Reached": _Reached,
    "_Runs": _Runs,
    "_Assigning": _Assigning,
    "Facts": RunFingerprint,
    "Profile": Profile,
    "RisingIntegers": RisingIntegers,
    "FitState": FitState,
    "Candidate": Candidate,
    "Search": QuasiNewtonState,
    "Visit": Iterate,
    "Parameters": Parameters,
    "WeightTotals": WeightTotals,
    "Status": Status,
}
_File = TypeVar("_File", _Begun, _Reached, _Runs, _Assigning)


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
    """

    def __init__(
        self,
        directory: AnyPath,
        facts: RunFingerprint,
        clock: Callable[[], float] = time.monotonic,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self.confirm = confirm
        self._directory = directory
        self._facts = facts
        self._clock = clock
        self._due = clock()
        self._profile: int | None = None

    def runs(self) -> tuple[str, ...]:
        """Names under which this run was started: a new one each time its input was touched."""
        found, _ = _read(self._directory, "runs", _Runs)
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
            self._write("runs", _Runs((*before, self._facts.run_id)))

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
        begun, checksum = _read(self._directory, "profile", _Begun)
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
        reached, _ = _read(self._directory, "states", _Reached)
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
        return FitProgress(begun.profile, reached.stage, reached.n_passes, reached.states)

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
            self._profile = self._write("profile", _Begun(self._facts, progress.profile))
        if progress.states:
            reached = _Reached(self._profile, progress.stage, progress.n_passes, progress.states)
            self._write("states", reached)
        self._due = self._clock() + SECONDS_BETWEEN_SAMPLE_STATES

    def has_assignments(self, model: str) -> bool:
        """Whether this run started to write assignments by this model, named by its digest."""
        found, _ = _read(self._directory, "assignments", _Assigning)
        return found == _Assigning(self._facts.run_id, model)

    def save_assignments(self, model: str) -> None:
        """Record that assignments by this model are being written.

        Raises
        ------
        StorageError
            If the file system refuses.
        """
        self._write("assignments", _Assigning(self._facts.run_id, model))

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
            return write_value(path, value, _CLASSES)

    def _check(self, before: RunFingerprint) -> None:
        now = self._facts
        if before.versions != now.versions:
            _logger.warning(
                "this run began with %s and goes on with %s; its last bits may differ from those "
                "of a run with either alone",
                ", ".join(before.versions),
                ", ".join(now.versions),
            )
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
    found = (_read(folder, "runs", _Runs)[0] for folder in folders)
    return frozenset(run_id for runs in found if runs is not None for run_id in runs.run_ids)


def _read(directory: AnyPath, name: str, kind: type[_File]) -> tuple[_File | None, int]:
    """The content of a file and its checksum; None if it is missing or unusable."""
    path = directory / name
    try:
        value, checksum = read_value(path, _CLASSES)
    except (FileNotFoundError, NotADirectoryError):
        return None, 0
    except DamagedError as error:
        _logger.warning("%s is ignored: %s; its content is computed again", path, error)
        if path.is_dir():  # a file cannot replace a directory
            with storage_failures(path):
                remove_tree(path)
        return None, 0
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}.") from error
    if not isinstance(value, kind):
        _logger.warning("%s is ignored: it holds something else", path)
        return None, 0
    return value, checksum


def _shape(facts: RunFingerprint) -> str:
    return f"{facts.n_rows:,} rows of {facts.n_features} features in blocks of {facts.block_rows:,}"
