"""The runs of an output: found, listed and removed; and the pointer to the latest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dgmm.errors import InputNotFoundError, OutputError
from dgmm.io.results.checkpoint import runs_in_progress
from dgmm.io.results.layout import FORMAT, LATEST_POINTER, report_path, run_path
from dgmm.io.storage.atomic_writes import remove_tree
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    is_committed,
    storage_failures,
)


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of one run without opening its arrays.

    Attributes
    ----------
    run_id : str
    path : AnyPath
    attributes : dict
        Those of the root; empty as long as the run is not complete.
    is_latest : bool
        Whether the output's pointer names it.
    """

    run_id: str
    path: AnyPath
    attributes: dict[str, Any]
    is_latest: bool

    @property
    def is_complete(self) -> bool:
        """Whether its root metadata, written last, are there."""
        return bool(self.attributes)

    @property
    def created(self) -> str:
        """When it was completed, ISO 8601 in UTC; empty if it was not."""
        return str(self.attributes.get("created", ""))


def list_runs(output: AnyPath) -> tuple[Run, ...]:
    """The runs of an output, newest first, those that are not complete at the end.

    Raises
    ------
    InputNotFoundError
        If the directory is no output.
    StorageError
        If it cannot be read.
    """
    folder = output / "runs"
    if not folder.is_dir():
        raise InputNotFoundError(
            f"{output} holds no runs; expected the directory that runs are written to."
        )
    latest = _latest(output)
    with storage_failures(folder):
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(".zarr"))
        runs = [_run(path, latest) for path in paths]
    return tuple(sorted(runs, key=lambda run: (run.created, run.is_latest), reverse=True))


def find_run(output: AnyPath, run_id: str) -> Run:
    """One run of an output, by its name or by as much of its beginning as no other shares.

    Raises
    ------
    InputNotFoundError
        If there is none of this name, or more than one.
    """
    runs = list_runs(output)
    found = [run for run in runs if run.run_id == run_id]
    found = found or [run for run in runs if run.run_id.startswith(run_id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(run.run_id for run in runs) or "none"
    what = f"{len(found)} runs" if found else "no run"
    raise InputNotFoundError(f"{output} has {what} {run_id!r}; there are {known}.")


def held_back(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Those of an output's runs that were too far from their predecessors, and wait for a word.

    One that the pointer names, or that a later run has started from, was accepted.
    """
    accepted = {run.attributes.get("started_from", {}).get("run_id") for run in runs}
    waiting = (run for run in runs if run.attributes.get("held_back") and not run.is_latest)
    return tuple(run for run in waiting if run.run_id not in accepted)


def is_held_back(output: AnyPath, run_id: str) -> bool:
    """Whether a complete run is one of those (:func:`held_back`)."""
    if not _attributes(run_path(output, run_id)).get("held_back"):
        return False  # which saves a look at all others
    return any(run.run_id == run_id for run in held_back(list_runs(output)))


def is_superseded(output: AnyPath, run_id: str) -> bool:
    """Whether the pointer names a run that was completed later than this one."""
    latest = _latest(output)
    if latest is None:
        return False
    of_this, of_latest = (_run(run_path(output, name), latest) for name in (run_id, latest))
    return of_this.created < of_latest.created


def prunable_runs(output: AnyPath, keep: int) -> tuple[Run, ...]:
    """What nobody needs: complete runs beyond the newest ``keep``, and what is left of others.

    The one that the pointer names always stays, and so does one that an attempt goes on with.
    Without root metadata, any other was being removed, or its attempt is gone.

    Raises
    ------
    OutputError
        If the pointer cannot be read, so that nobody knows which run must stay.
    """
    runs = list_runs(output)
    if (output / LATEST_POINTER).exists() and _latest(output) is None:
        raise OutputError(
            f"{output / LATEST_POINTER} does not say which run is the latest. Publish that run "
            "again."
        )
    complete = [run for run in runs if run.is_complete]
    begun = runs_in_progress(output / "attempts")
    left = (run for run in runs if not is_committed(run.path) and run.run_id not in begun)
    return (*(run for run in complete[keep:] if not run.is_latest), *left)


def remove_run(output: AnyPath, run: Run) -> None:
    """Remove a run that the pointer does not name, and its report; root metadata first.

    Readers then see no group, rather than one that lacks arrays. Its name is free again.

    Raises
    ------
    OutputError
        If the pointer names it.
    StorageError
        If the file system refuses.
    """
    if _latest(output) == run.run_id:
        raise OutputError(f"{run.path} is the latest result of {output} and stays.")
    path = run_path(output, run.run_id)
    with storage_failures(path):
        (path / ROOT_METADATA).unlink(missing_ok=True)
        report_path(output, run.run_id).unlink(missing_ok=True)
        remove_tree(path)


def _run(path: AnyPath, latest: str | None) -> Run:
    run_id = path.name.removesuffix(".zarr")
    return Run(run_id, path, _attributes(path), run_id == latest)


def _attributes(path: AnyPath) -> dict[str, Any]:
    """Those of the root; none if it is not there, or is not what dgmm writes."""
    try:
        document = json.loads((path / ROOT_METADATA).read_bytes())
        attributes = document["attributes"]
        return dict(attributes) if attributes["format"] == FORMAT else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _latest(output: AnyPath) -> str | None:
    try:
        return str(json.loads((output / LATEST_POINTER).read_bytes())["run_id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def resolve_run(path: AnyPath) -> AnyPath:
    """The run that a path means."""
    if not path.exists():
        raise InputNotFoundError(f"There is nothing at {path}. Check the path of the result.")
    if is_committed(path):
        return path
    if (path / LATEST_POINTER).is_file():
        return _read_pointer(path)
    if path.suffix == ".zarr" and path.parent.name == "runs":
        raise InputNotFoundError(
            f"{path} is a run that has not finished: its root metadata, written last, are not "
            "there. Wait for it, or start the same command again."
        )
    raise InputNotFoundError(
        f"{path} holds no complete run: neither {LATEST_POINTER} nor root metadata are there."
    )


def _read_pointer(output: AnyPath) -> AnyPath:
    pointer = output / LATEST_POINTER
    try:
        run = run_path(output, json.loads(pointer.read_bytes())["run_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{pointer} is not what dgmm wrote: {error!r}. Open a run itself."
        ) from error
    if not is_committed(run):
        raise InputNotFoundError(f"{pointer} names {run}, which is gone. Open another run.")
    return run
