"""One writer for an output: a lock of the file system, or a lease in an object store."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from dgmm.errors import TemporaryError
from dgmm.io.storage.atomic_writes import remove_temporary, replace_file
from dgmm.io.storage.lease import hold_lease
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import creation_failures, storage_failures

_LOCK = ".lock"
_OWNER = ".owner.json"


@contextmanager
def write_lock(output: AnyPath) -> Iterator[Callable[[], None]]:
    """Hold the lock of an output, which is created if needed, for the duration of a ``with``.

    On a file system the operating system releases the lock when its process dies, so there are no
    stale locks. The lock file stays; that of the owner is removed. For object stores see
    `dgmm.io.storage.lease`.

    Yields
    ------
    callable
        To be called before anything important is written: raises if the lock is lost, which in a
        store may happen to a process that was suspended.

    Raises
    ------
    TemporaryError
        If another process holds it, with its host, process and time.
    OutputError
        If the output cannot be created or written to.
    StorageError
        If the file system fails.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dgmm.run import write_lock
    >>> with write_lock(Path("results")) as confirm:
    ...     confirm()
    ...     _ = Path("results/note.txt").write_text("Nobody else writes here now.")
    """
    if isinstance(output, Path):
        with _hold_file_lock(output):
            yield lambda: None
    else:
        with hold_lease(output) as confirm:
            yield confirm


@contextmanager
def _hold_file_lock(output: Path) -> Iterator[None]:
    lock = FileLock(output / _LOCK, timeout=0)
    with creation_failures(output):
        output.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise TemporaryError(
                f"{output} is being written to by {_owner(output)}. "
                "Wait until that run ends, or choose another output, and run it again."
            ) from error
    try:
        with storage_failures(output / _OWNER):
            _write_owner(output)
        yield
    finally:
        with suppress(OSError):  # the next owner overwrites it
            (output / _OWNER).unlink(missing_ok=True)
        lock.release()


def _write_owner(output: Path) -> None:
    """Record who holds the lock, for the error message of other processes."""
    remove_temporary(output / _OWNER)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
    replace_file(output / _OWNER, json.dumps(owner).encode() + b"\n")


def _owner(output: Path) -> str:
    try:
        owner = json.loads((output / _OWNER).read_bytes())
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which has only just begun
