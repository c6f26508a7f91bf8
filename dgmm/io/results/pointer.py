"""The pointer of an output: which run is published, and which ones were before."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from dgmm.errors import OutputError
from dgmm.io.results.layout import FORMAT, FORMAT_VERSION, LATEST_LINK, LATEST_POINTER, run_path
from dgmm.io.storage.atomic_writes import remove_temporary, replace_file, replace_link
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import storage_failures

_MOST_SUPERSEDED = 100

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The content of ``latest.json``.

    Attributes
    ----------
    run_id : str
        Of the run that readers see.
    number : int
        How many publications there were until this one; 0 if an earlier version made it.
    superseded : mapping of str to datetime
        Runs that were published before, the last 100 of them, and when they were replaced.
    """

    run_id: str
    number: int = 0
    superseded: Mapping[str, datetime] = field(default_factory=dict)

    def follow(self, run_id: str) -> Self:
        """The pointer after a run is published now."""
        if run_id == self.run_id:
            return self
        before = {known: time for known, time in self.superseded.items() if known != run_id}
        before[self.run_id] = datetime.now(UTC)
        last = dict([*before.items()][-_MOST_SUPERSEDED:])
        return type(self)(run_id, self.number + 1, last)


def read_pointer(output: AnyPath) -> Pointer | None:
    """The pointer of an output; None if nothing has been published there.

    Raises
    ------
    OutputError
        If it is not what dgmm wrote.
    StorageError
        If it cannot be read.
    """
    place = output / LATEST_POINTER
    try:
        with storage_failures(place):
            try:
                content = place.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        document = json.loads(content)
        superseded = {
            run_id: datetime.fromisoformat(time).astimezone(UTC)
            for run_id, time in document.get("superseded", {}).items()
        }
        return Pointer(str(document["run_id"]), int(document.get("number", 0)), superseded)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{place} does not say which run is the latest: {error!r}. Publish that run again."
        ) from error


def write_pointer(output: AnyPath, pointer: Pointer) -> None:
    """Replace the pointer of an output in one step, and update the link.

    Raises
    ------
    StorageError
        If the file system refuses; the pointer is then what it was.
    """
    place = output / LATEST_POINTER
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "run_id": pointer.run_id,
        "number": pointer.number,
        "superseded": {
            run_id: time.isoformat(timespec="seconds")
            for run_id, time in pointer.superseded.items()
        },
    }
    with storage_failures(place):
        for name in (LATEST_POINTER, LATEST_LINK):
            remove_temporary(output / name)
        replace_file(place, json.dumps(document, indent=2).encode() + b"\n")
    if isinstance(output, Path):  # stores have no links
        _link(output, run_path(output, pointer.run_id))


def _link(output: Path, run: AnyPath) -> None:
    """Update the symbolic link, for programs that do not read the pointer."""
    try:
        replace_link(output / LATEST_LINK, Path(run.parent.name, run.name))
    except OSError as error:  # a convenience that not every file system has
        _logger.warning("%s could not be linked: %s", output / LATEST_LINK, error)
