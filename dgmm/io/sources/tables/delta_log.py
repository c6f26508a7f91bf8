"""Where deltalake finds the log of a table: in its folder, or in a copy of a store's."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dgmm.io.sources.files import list_files
from dgmm.io.storage.location import AnyPath

if TYPE_CHECKING:
    from dgmm.io.storage.object_store import StorePath

LOG = "_delta_log"
_CHECKPOINT = re.compile(rf"{LOG}/(\d{{20}})\.checkpoint\..*")
_COMMIT = re.compile(rf"{LOG}/(\d{{20}})\..*")
_DELETION_VECTOR = re.compile(r"(.*/)?deletion_vector_[^/]*\.bin")
_FILES_AT_A_TIME = 16


@contextmanager
def table_on_disk(path: AnyPath, *, is_latest: bool) -> Iterator[Path]:
    """A folder with the log and the deletion vectors of a table.

    deltalake reaches stores by options and credentials of its own. The log is small, so it is read
    as everything else is, and copied to a temporary folder.

    Parameters
    ----------
    path : Path or StorePath
        The table.
    is_latest : bool
        Whether only its latest version is needed, for which the log from the last checkpoint on is
        enough.

    Raises
    ------
    StorageError
        If the store cannot be read.
    """
    if isinstance(path, Path):
        yield path
        return
    with TemporaryDirectory(prefix="dgmm-delta-") as folder:
        copy = partial(_copy, path, Path(folder), with_time=not is_latest)
        with ThreadPoolExecutor(_FILES_AT_A_TIME) as pool:
            list(pool.map(copy, _needed_keys(path, is_latest=is_latest)))
        yield Path(folder)


def _needed_keys(path: "StorePath", *, is_latest: bool) -> list[str]:
    """Keys below the table of what deltalake reads."""
    keys = [file.key for file in list_files(path)]
    checkpoints = [int(match[1]) for key in keys if (match := _CHECKPOINT.fullmatch(key))]
    first = max(checkpoints, default=0) if is_latest else 0

    def is_needed(key: str) -> bool:
        commit = _COMMIT.fullmatch(key)
        if commit:
            return int(commit[1]) >= first
        return key.startswith(f"{LOG}/") or _DELETION_VECTOR.fullmatch(key) is not None

    return [key for key in keys if is_needed(key)]


def _copy(path: "StorePath", folder: Path, key: str, *, with_time: bool) -> None:
    """Copy an object; with its time, by which deltalake finds versions."""
    source, target = path / key, folder / key
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    if with_time:
        seconds = source.fs.modified(source.path).timestamp()
        os.utime(target, (seconds, seconds))
