"""The files that a path stands for: itself, those below it, or those that match it."""

from dgmm.io.location import Place, is_pattern
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
    root, found = root_of(path), set()
    for match in root.glob(str(path.relative_to(root))):
        directory = match if match.is_dir() else match.parent
        prefix = directory.relative_to(root).as_posix()
        for file in list_files(match):
            key = file.key if prefix == "." else f"{prefix}/{file.key}"
            found.add(StoredFile(key, file.size, file.mtime_ns))
    return tuple(sorted(found))
