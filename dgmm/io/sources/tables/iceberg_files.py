"""Files of an Iceberg table, found and opened by the locations that its metadata give."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dgmm.errors import DataError
from dgmm.io.storage.location import AnyPath


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of a table, as pyiceberg's ``FileIO`` for reading.

    pyiceberg reaches stores by options and credentials of its own. Its metadata are small, so they
    are read as everything else is.

    Attributes
    ----------
    root : Path or StorePath
        The table.
    """

    root: AnyPath

    def key(self, location: str) -> str:
        """The path of a file, relative to the table.

        Raises
        ------
        DataError
            If it is elsewhere in an object store.
        """
        if isinstance(self.root, Path):
            return os.path.relpath(location.removeprefix("file://"), str(self.root))
        place = type(self.root)(location, **self.root.storage_options)
        key = os.path.relpath(place.path, self.root.path)
        if key.startswith("../"):
            raise DataError(
                f"{location} is not below the table {self.root}, as files of a table in an object "
                "store must be. Was the table moved? Write its rows to a new Parquet file."
            )
        return key

    def new_input(self, location: str) -> "_TableFile":
        """A file at this location."""
        return _TableFile(location, self.root / self.key(location))


@dataclass(frozen=True, slots=True)
class _TableFile:
    """A file, as pyiceberg's ``InputFile``."""

    location: str
    place: AnyPath

    def __len__(self) -> int:
        return int(self.place.stat().st_size)

    def exists(self) -> bool:
        """Whether it is there."""
        return bool(self.place.exists())

    def open(self, seekable: bool = True) -> BinaryIO:  # noqa: ARG002 - the signature of pyiceberg
        """Its content."""
        return io.BytesIO(self.place.read_bytes())
