"""The files that a path stands for: itself, those below it, or those that match it."""

from dataclasses import replace

from dgmm.io.storage.location import Place, is_pattern
from dgmm.io.stored import StoredFile, list_files


def root_of(path: Place) -> Place:
    """What the keys of `files_at` are relative to, a directory."""
    if is_pattern(path):
        return next(parent for parent in path.parents if not is_pattern(parent))
    return path if path.is_dir() else path.parent


def files_at(path: Place) -> tuple[StoredFile, ...]:
    """Every file at, below or matching a path, in the order of their keys.

    Raises
    ------
    OSError
        If a directory cannot be listed.
    """
    if not is_pattern(path):
        return list_files(path)
    root = root_of(path)
    found: set[StoredFile] = set()
    for match in root.glob(_below(root, path)):
        prefix = _below(root, match if match.is_dir() else match.parent)
        found |= {replace(f, key=f"{prefix}/{f.key}".lstrip("/")) for f in list_files(match)}
    return tuple(sorted(found))


def _below(root: Place, path: Place) -> str:
    """The path of something below a directory, relative to it."""
    return str(path).removeprefix(str(root)).strip("/")
