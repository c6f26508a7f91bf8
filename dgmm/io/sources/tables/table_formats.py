"""Table formats whose own log tells which of their Parquet files are live."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dgmm.errors import DataError
from dgmm.io.sources.files import FileInfo
from dgmm.io.storage.location import AnyPath, is_pattern


@dataclass(frozen=True, slots=True)
class _TableFormat:
    """How to recognise a table format, and which program reads it.

    Attributes
    ----------
    name : str
    log : str
        What its log is called, below the table.
    file : regular expression
        A file of the log, relative to the table.
    format : str
        The input format that reads it; empty if there is none.
    """

    name: str
    log: str
    file: re.Pattern[str]
    format: str


_TABLE_FORMATS = (
    _TableFormat(
        "a Delta Lake table",
        "_delta_log",
        re.compile(r"_delta_log/"),
        "delta",
    ),
    _TableFormat(
        "an Apache Iceberg table",
        "metadata",
        re.compile(
            r"metadata/([^/]*\.metadata\.json(\.gz)?|[^/]*\.gz\.metadata\.json|version-hint\.text)$"
        ),
        "iceberg",
    ),
    _TableFormat(
        "an Apache Hudi table",
        ".hoodie",
        re.compile(r"\.hoodie/"),
        "",
    ),
    _TableFormat(
        "an Apache Paimon table",
        "snapshot",
        re.compile(r"snapshot/snapshot-\d+$"),
        "",
    ),
)


def refuse_table_formats(path: AnyPath, files: Sequence[FileInfo]) -> None:
    """Refuse Parquet files that belong to a table of another format.

    Such a table keeps files that were deleted, overwritten or compacted. Only its log says which
    of them are live: read as plain Parquet, rows that are gone would count, and others twice.

    Parameters
    ----------
    path : Path or StorePath
        A file, a directory or a pattern.
    files : sequence of FileInfo
        All files at it, hidden ones too.

    Raises
    ------
    DataError
        If the path is such a table, holds one, or lies inside one.
    """
    for kind in _TABLE_FORMATS:
        below = next((file.key for file in files if _is_log(kind, file.key)), None)
        above = None if below else next((p for p in path.parents if _has_log(kind, p)), None)
        if below or above:
            where = f"{path} is" if below else f"{path} lies in {above},"
            remedy = "Write the rows to a new Parquet file with what wrote the table."
            if kind.format:
                remedy = (
                    f"Give the path of the table itself, which is then read as {kind.format}, or "
                    "write its rows to a new Parquet file."
                )
            raise DataError(
                f"{where} {kind.name} (it has {kind.log}): files that were deleted or replaced "
                f"are still there, and only its log says which. {remedy}"
            )


def _is_log(kind: _TableFormat, key: str) -> bool:
    return any(
        kind.file.match(key, start) is not None
        for start in (0, *(i + 1 for i, sign in enumerate(key) if sign == "/"))
    )


def _has_log(kind: _TableFormat, directory: AnyPath) -> bool:
    """Whether a directory is a table of this format; patterns never are."""
    if is_pattern(directory) or directory.name == "":
        return False
    if directory.name == kind.log and kind.log.startswith(("_", ".")):
        return True
    log = directory / kind.log
    with suppress(OSError):  # readers of the files may lack permission to list their directory
        if log.is_dir():
            return any(kind.file.match(f"{kind.log}/{entry.name}") for entry in log.iterdir())
    return False
