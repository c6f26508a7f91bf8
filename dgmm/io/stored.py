"""What an input format says of a dataset before any of its values are read."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError

Read = Callable[[Path, str | None, int, int], NDArray[Any]]


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One file that a dataset consists of.

    Attributes
    ----------
    key : str
        Path relative to the dataset.
    size : int
        Bytes.
    mtime_ns : int
        Time of the last modification, nanoseconds since 1970.
    """

    key: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A dataset as its metadata describe it; nothing in here is checked yet.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    storage_rows : int
        Rows that are stored, and therefore read, together.
    files : tuple of StoredFile
        Everything that would be read, in the order of the keys.
    description : str
        For a person: the format and how it is laid out.
    feature_names : tuple of str, optional
        None if the format has no names for columns.
    variable : str, optional
        The array inside the dataset that was chosen; None if there is only one to choose.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    storage_rows: int
    files: tuple[StoredFile, ...]
    description: str
    feature_names: tuple[str, ...] | None = None
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """An input format: a few functions. A new format is one module with one of these.

    Attributes
    ----------
    name : str
        As in the configuration.
    matches : callable
        ``matches(path) -> bool``: does this look like the format?
    describe : callable
        ``describe(path, variable) -> Stored``, from metadata alone.
    read : callable
        ``read(path, variable, start, stop) -> ndarray`` of shape (stop - start, n_features), for
        the variable that ``describe`` chose; runs in tasks, so it is importable and opens what it
        reads.
    read_filling : callable, optional
        The same where parts that are missing mean the fill value; None if nothing can be missing.
    refuse_missing : callable, optional
        ``refuse_missing(path, stored)`` raises if there are fewer files than parts, so that much
        that is declared and not there is refused before any of it is read.
    """

    name: str
    matches: Callable[[Path], bool]
    describe: Callable[[Path, str | None], Stored]
    read: Read
    read_filling: Read | None = None
    refuse_missing: Callable[[Path, Stored], None] | None = None


def list_files(path: Path) -> tuple[StoredFile, ...]:
    """Every file at or below ``path``, in the order of their keys.

    Raises
    ------
    OSError
        If a directory cannot be listed.
    """
    if path.is_file():
        return (_stored_file(path.name, path.stat()),)
    return tuple(sorted(_walk(path, "")))


def _walk(directory: Path, prefix: str) -> list[StoredFile]:
    files: list[StoredFile] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                files += _walk(directory / entry.name, f"{prefix}{entry.name}/")
            else:
                files.append(_stored_file(prefix + entry.name, entry.stat()))
    return files


def _stored_file(key: str, status: os.stat_result) -> StoredFile:
    return StoredFile(key, status.st_size, status.st_mtime_ns)


def refuse_variable(path: Path, variable: str | None) -> None:
    """Raise ConfigurationError if a variable is named where a file holds one array only."""
    if variable is not None:
        raise ConfigurationError(
            f"{path} holds one array, but the variable {variable!r} was asked for. "
            "Remove `variable`; it names an array inside a Zarr group."
        )
