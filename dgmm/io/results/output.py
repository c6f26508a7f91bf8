"""An output: its runs, the published one, and the lock for writers."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dgmm.errors import InputNotFoundError, OutputError
from dgmm.io.results.checkpoint import runs_in_progress
from dgmm.io.results.layout import FORMAT, LATEST_POINTER, report_path, run_path
from dgmm.io.results.pointer import Pointer, read_pointer, write_pointer
from dgmm.io.storage.atomic_writes import make_directory, remove_tree
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.lock import write_lock
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    creation_failures,
    is_committed,
    storage_failures,
)


@dataclass(frozen=True, slots=True)
class Run:
    """The metadata of one run.

    Attributes
    ----------
    run_id : str
    path : Path or StorePath
    attributes : dict
        Those of the root; empty as long as the run is not complete.
    is_latest : bool
        Whether readers of the output see it.
    is_held_back : bool
        Whether it was too far from its predecessor and waits for approval. A published run, or one
        that a later run has started from, was accepted.
    """

    run_id: str
    path: AnyPath
    attributes: dict[str, Any]
    is_latest: bool
    is_held_back: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether its root metadata, written last, exist."""
        return bool(self.attributes)

    @property
    def created(self) -> str:
        """When it was completed, ISO 8601 in UTC; empty if it was not."""
        return str(self.attributes.get("created", ""))


@dataclass(frozen=True, slots=True)
class Output:
    """A directory of runs, or its equivalent in an object store; it need not exist.

    Attributes
    ----------
    place : Path or StorePath
    """

    place: AnyPath

    def lock(self) -> AbstractContextManager[Callable[[], None]]:
        """Be the only writer for the duration of a ``with`` (`dgmm.io.storage.lock.write_lock`)."""
        return write_lock(self.place)

    def run(self, run_id: str) -> Run:
        """The run of this name, which need not exist."""
        found = _run(run_path(self.place, run_id), self._try_read_pointer())
        if not found.attributes.get("held_back"):
            return found  # without listing the other runs
        return next(run for run in self.runs() if run.run_id == run_id)

    def runs(self) -> tuple[Run, ...]:
        """All runs, newest first; incomplete ones last.

        Times decide only between runs with the same number of publication.

        Raises
        ------
        InputNotFoundError
            If the directory is no output.
        StorageError
            If it cannot be read.
        """
        folder = self.place / "runs"
        if not folder.is_dir():
            raise InputNotFoundError(
                f"{self.place} holds no runs; expected the directory that runs are written to."
            )
        pointer = self._try_read_pointer()
        with storage_failures(folder):
            paths = sorted(path for path in folder.iterdir() if path.name.endswith(".zarr"))
            runs = sorted((_run(path, pointer) for path in paths), key=_age, reverse=True)
        accepted = {_predecessor(run) for run in runs}
        return tuple(
            replace(run, is_held_back=not run.is_latest and run.run_id not in accepted)
            if run.attributes.get("held_back")
            else run
            for run in runs
        )

    def find(self, name: str) -> Run:
        """One run, by its name or by a unique prefix of it.

        Raises
        ------
        InputNotFoundError
            If there is none of this name, or more than one.
        """
        runs = self.runs()
        found = [run for run in runs if run.run_id == name]
        found = found or [run for run in runs if name and run.run_id.startswith(name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(run.run_id for run in runs) or "none"
        what = f"{len(found)} runs" if found else "no run"
        raise InputNotFoundError(f"{self.place} has {what} {name!r}; there are {known}.")

    def latest(self) -> AnyPath | None:
        """The published run; None if there is none.

        Raises
        ------
        InputNotFoundError
            If it is gone.
        OutputError, StorageError
            If the pointer is damaged, or cannot be read.
        """
        pointer = read_pointer(self.place)
        if pointer is None:
            return None
        run = run_path(self.place, pointer.run_id)
        if not is_committed(run):
            what = f"{self.place / LATEST_POINTER} names {run}, which is gone."
            raise InputNotFoundError(f"{what} Open another run.")
        return run

    def start(self, run_id: str, *, resume: bool = False) -> AnyPath:
        """Create the place of a run, for :func:`dgmm.io.results.commit.commit_run`.

        Parameters
        ----------
        run_id : str
        resume : bool
            Whether files of an interrupted attempt stay; otherwise the place is emptied.

        Raises
        ------
        OutputError
            If the run is complete already, or if the directory cannot be created or written to.
        """
        run = run_path(self.place, run_id)
        if is_committed(run):
            raise OutputError(
                f"{run} is complete and never rewritten. Open it, or delete it first."
            )
        with creation_failures(run):
            if run.exists() and not resume:
                remove_tree(run)
            make_directory(run)
        return run

    def discard(self, run_ids: Sequence[str]) -> None:
        """Remove what interrupted attempts at some runs have left; complete runs stay.

        Raises
        ------
        StorageError
            If the file system refuses.
        """
        for run in (run_path(self.place, run_id) for run_id in run_ids):
            with storage_failures(run):
                if run.exists() and not is_committed(run):
                    remove_tree(run)

    def next_publication(self) -> int:
        """The number of the publication of a run that is committed now; an attribute of it."""
        pointer = self._try_read_pointer()
        return 1 if pointer is None else pointer.number + 1

    def is_superseded(self, run: Run) -> bool:
        """Whether another run has been published since this one was committed.

        One of an earlier version, which kept no number, may replace that which it started from.
        """
        pointer = self._try_read_pointer()
        if pointer is None or pointer.run_id == run.run_id:
            return False
        number: int | None = run.attributes.get("publication")
        return _predecessor(run) != pointer.run_id if number is None else number <= pointer.number

    def publish(self, run: Run) -> None:
        """Make this the published run, in one step.

        Raises
        ------
        OutputError
            If the run is not complete.
        StorageError
            If the file system refuses; the earlier run then stays published.
        """
        if not is_committed(run.path):
            raise OutputError(
                f"{run.path} is not complete and cannot be published. Run its command again first."
            )
        pointer = self._try_read_pointer()
        if pointer is None:  # or damaged, so that the numbers of runs are all that is known
            pointer = Pointer(run.run_id, run.attributes.get("publication", 1))
        write_pointer(self.place, pointer.follow(run.run_id))

    def prune(self, keep: int, grace: timedelta, *, only_say: bool = False) -> tuple[Run, ...]:
        """Remove complete runs beyond the newest ``keep``, and what is left of others.

        The one that readers see always stays, and so does one that an attempt goes on with.
        Without root metadata, any other was being removed, or its attempt is gone. Root metadata
        go first, so that readers see no group rather than one that lacks arrays.

        Parameters
        ----------
        keep : int
        grace : timedelta
            Runs that readers saw until less long ago stay: somebody may still be reading them. A
            time in the future counts by its distance too, for clocks may be wrong.
        only_say : bool, optional
            Whether nothing is removed.

        Raises
        ------
        OutputError
            If the pointer is damaged, so that the published run is unknown.
        StorageError
            If the file system refuses.
        """
        gone = tuple(self._prunable(keep, grace))
        for run in () if only_say else gone:
            with storage_failures(run.path):
                (run.path / ROOT_METADATA).unlink(missing_ok=True)
                report_path(self.place, run.run_id).unlink(missing_ok=True)
                remove_tree(run.path)
        return gone

    def _prunable(self, keep: int, grace: timedelta) -> Iterator[Run]:
        runs, pointer = self.runs(), read_pointer(self.place)
        superseded, now = {} if pointer is None else pointer.superseded, datetime.now(UTC)
        spared = {run_id for run_id, time in superseded.items() if abs(now - time) < grace}
        for run in [run for run in runs if run.is_complete][keep:]:
            if not run.is_latest and run.run_id not in spared:
                yield run
        begun = runs_in_progress(self.place / "attempts")
        for run in runs:
            if not is_committed(run.path) and run.run_id not in begun:
                yield run

    def _try_read_pointer(self) -> Pointer | None:
        """The pointer; None if it is missing or damaged, so that runs can still be listed."""
        with suppress(OutputError):
            return read_pointer(self.place)
        return None


def _run(path: AnyPath, pointer: Pointer | None) -> Run:
    run_id = path.name.removesuffix(".zarr")
    try:
        document = json.loads((path / ROOT_METADATA).read_bytes())
        attributes = dict(document["attributes"])
        attributes = attributes if attributes["format"] == FORMAT else {}
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        attributes = {}  # missing, or not written by dgmm
    return Run(run_id, path, attributes, pointer is not None and pointer.run_id == run_id)


def _age(run: Run) -> tuple[bool, int, str, bool]:
    return run.is_complete, run.attributes.get("publication", 0), run.created, run.is_latest


def _predecessor(run: Run) -> str | None:
    name: str | None = run.attributes.get("started_from", {}).get("run_id")
    return name
