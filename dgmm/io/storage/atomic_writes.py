"""Replace a file, a link or a directory in one step, and flush a tree to disk.

An object store has neither directories nor links nor renames; what is written there in one request
appears in one step, and is safe once the request is answered.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dgmm.io.storage.location import AnyPath

Buffer = bytes | memoryview

_SYNC_THREADS = 8


def replace_file(path: AnyPath, *content: Buffer) -> None:
    """Write a file so that readers, even after a crash, see the old or the new content.

    Parameters
    ----------
    path : Path or StorePath
    *content : bytes or memoryview
        One after the other.

    Raises
    ------
    OSError
        If the file system refuses; the old file is then untouched.
    """
    if not isinstance(path, Path):
        path.fs.pipe_file(path.path, b"".join(content))
        return
    with _beside(path) as new:
        with new.open("xb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    _sync(path.parent)


def replace_link(path: Path, target: Path) -> None:
    """Make ``path`` a symbolic link to ``target``, in one step.

    Raises
    ------
    OSError
        If the file system refuses or knows no links.
    """
    with _beside(path) as new:
        new.symlink_to(target)
        new.replace(path)


def link_or_copy(source: AnyPath, target: AnyPath) -> bool:
    """Make an immutable file available at another path too, in one step.

    On a file system both are then one file, which stays until neither place needs it; an object is
    copied within its store.

    Returns
    -------
    bool
        Whether it is there. Where places can have no file in common it has to be written, which
        then tells what else may be wrong.
    """
    if isinstance(source, Path) and isinstance(target, Path):
        return _link(source, target)
    if isinstance(source, Path) or isinstance(target, Path) or source.fs != target.fs:
        return False
    try:
        source.fs.cp_file(source.path, target.path)
    except Exception:  # clients of stores raise errors of any type
        return False
    return True


def _link(source: Path, target: Path) -> bool:
    new = target.with_name(f"{target.name}.{uuid.uuid4().hex}.partial")  # as Zarr calls its own
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new.hardlink_to(source)
        new.replace(target)
    except OSError:
        return False
    finally:
        new.unlink(missing_ok=True)  # which is there still if both had been the same file
    return True


@contextmanager
def new_directory(path: Path, *, replace: bool) -> Iterator[Path]:
    """A directory to fill, which is moved to ``path`` when the block ends without an error.

    With ``replace`` an existing directory is moved away and then removed: file systems cannot
    exchange two directories in one step, so for an instant a reader may find neither.

    Raises
    ------
    OSError
        If the file system refuses; what was there is then there still.
    """
    new, old = (path.with_name(f".{path.name}.{uuid.uuid4().hex}") for _ in range(2))
    try:
        new.mkdir()
        yield new
        if replace and path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        _sync(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def new_file(path: AnyPath) -> Iterator[Path]:
    """A file of this machine to fill, which is at ``path`` when the block ends without an error.

    Raises
    ------
    OSError
        If the file system refuses; what was there is then there still.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory() as directory:
            new = Path(directory) / path.name
            yield new
            path.fs.put_file(str(new), path.path)
        return
    make_directory(path.parent)
    with _beside(path) as new:
        yield new
        _sync(new)
        new.replace(path)
    _sync(path.parent)


def make_directory(directory: AnyPath) -> None:
    """Make a directory and its parents; stores need none.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    if isinstance(directory, Path):
        directory.mkdir(parents=True, exist_ok=True)


def remove_tree(directory: AnyPath) -> None:
    """Remove a directory and everything below it.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    if isinstance(directory, Path):
        shutil.rmtree(directory)
    else:
        directory.fs.rm(directory.path, recursive=True)


def remove_if_empty(directory: AnyPath) -> None:
    """Remove an empty directory; stores have none.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    if isinstance(directory, Path) and directory.exists() and not any(directory.iterdir()):
        directory.rmdir()


def sync_tree(directory: AnyPath) -> None:
    """Flush every file below a directory to disk; Zarr leaves that to the operating system.

    Threads do it, because a file system writes what several wait for at once.

    Raises
    ------
    OSError
        If the file system refuses; a full or failing disk may show only here.
    """
    if not isinstance(directory, Path):
        return
    with ThreadPoolExecutor(_SYNC_THREADS) as threads:
        for _ in threads.map(_sync, (directory, *directory.rglob("*"))):
            pass


def remove_temporary(path: AnyPath) -> None:
    """Remove files that killed processes left beside ``path``.

    For the only writer, when no other process is replacing it.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    if not isinstance(path, Path):
        return
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary name in the same directory, removed at the end."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
