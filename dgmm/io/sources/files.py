"""The files of a path: itself, those below it, or those that match it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dgmm.io.storage.location import AnyPath, is_pattern

if TYPE_CHECKING:
    from dgmm.io.storage.object_store import StorePath

_VERSIONS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "created")


@dataclass(frozen=True, slots=True, order=True)
class FileInfo:
    """One file that a dataset consists of.

    Attributes
    ----------
    key : str
        Path relative to the dataset.
    size : int
        Bytes.
    version : int or str
        Changes with the content: time of the last modification, nanoseconds since 1970; in an
        object store, the entity tag where there is one.
    """

    key: str
    size: int
    version: int | str


def find_root(path: AnyPath) -> AnyPath:
    """The directory to which the keys of `find_files` are relative."""
    if is_pattern(path):
        return next(parent for parent in path.parents if not is_pattern(parent))
    return path if path.is_dir() else path.parent


def find_files(path: AnyPath) -> tuple[FileInfo, ...]:
    """Every file at, below or matching a path, in the order of their keys.

    Raises
    ------
    OSError
        If a directory cannot be listed.
    """
    if not is_pattern(path):
        return list_files(path)
    root = find_root(path)
    found: set[FileInfo] = set()
    for match in root.glob(_below(root, path)):
        prefix = _below(root, match if match.is_dir() else match.parent)
        found |= {replace(f, key=f"{prefix}/{f.key}".lstrip("/")) for f in list_files(match)}
    return tuple(sorted(found))


def find_matches(path: AnyPath) -> tuple[str, ...]:
    """The keys of the files and folders that match a pattern, in their order."""
    root = find_root(path)
    return tuple(sorted(_below(root, match) for match in root.glob(_below(root, path))))


def _below(root: AnyPath, path: AnyPath) -> str:
    """The path of something below a directory, relative to it."""
    return str(path).removeprefix(str(root)).strip("/")


def list_files(path: AnyPath) -> tuple[FileInfo, ...]:
    """Every file at or below ``path``, in the order of their keys.

    Raises
    ------
    OSError
        If a directory cannot be listed.
    """
    if not isinstance(path, Path):
        return tuple(sorted(_list_objects(path)))
    if path.is_file():
        return (_stored_file(path.name, path.stat()),)
    return tuple(sorted(_walk(path, "")))


def _list_objects(place: "StorePath") -> Iterator[FileInfo]:
    """Every object at or below a path in a store, in one listing."""
    root = place.path.rstrip("/")
    for key, facts in place.objects().items():
        versions = (str(facts[name]) for name in _VERSIONS if facts.get(name) is not None)
        relative = key.removeprefix(root).lstrip("/") or place.name
        yield FileInfo(relative, facts["size"] or 0, next(versions, ""))


def _walk(directory: Path, prefix: str) -> list[FileInfo]:
    files: list[FileInfo] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                files += _walk(directory / entry.name, f"{prefix}{entry.name}/")
            else:
                files.append(_stored_file(prefix + entry.name, entry.stat()))
    return files


def _stored_file(key: str, status: os.stat_result) -> FileInfo:
    return FileInfo(key, status.st_size, status.st_mtime_ns)
