"""Temporary directories that are removed even after their process is killed."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

_LOCK = ".lock"
_NO_LOCKS = (OSError, NotImplementedError)  # held by another process, or unknown to a file system


@contextmanager
def scratch_directory(parent: str | os.PathLike[str], prefix: str) -> Iterator[Path]:
    """A directory that only this user may read, removed afterwards.

    Directories of the same kind that killed processes of this host left are removed first. They are
    recognised by the lock beside each, which the operating system releases.

    Parameters
    ----------
    parent : path
        Where it is made.
    prefix : str
        What its name begins with.

    Yields
    ------
    Path

    Raises
    ------
    OSError
        If it cannot be made.
    """
    place = Path(os.path.abspath(parent))
    place.stat()  # fails if it does not exist; the lock would create it
    kind = f"{prefix}{socket.gethostname()}-"  # locks may hold on this host only
    for left in place.glob(f"{kind}*{_LOCK}"):
        with suppress(*_NO_LOCKS), FileLock(left, timeout=0):
            _remove(left)
    new = place / f"{kind}{uuid4().hex}"
    path = new.with_name(f"{new.name}{_LOCK}")
    lock = FileLock(path)
    with suppress(*_NO_LOCKS):
        lock.acquire()
    try:
        new.mkdir(mode=0o700)
        yield new
    finally:
        _remove(path)
        lock.release()


def _remove(lock: Path) -> None:
    """Remove a directory and its lock; leave both if its files are in use."""
    directory = lock.with_name(lock.name.removesuffix(_LOCK))
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        with suppress(OSError):
            lock.unlink()
