"""Paths in object stores; imported only where there is one, since stores are optional."""

from collections.abc import Iterator
from typing import Self

from upath.extensions import ProxyUPath


class StorePath(ProxyUPath):
    """A path of universal_pathlib that tells a store that fails from one that holds nothing.

    fsspec answers "no" to whether there is a file when it could not ask; a complete run would then
    count as one that is not there.
    """

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - stores have no links
        """Whether there is an object here, or any below it."""
        return self._kind() is not None

    def is_file(self) -> bool:
        """Whether there is an object here."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Whether there are objects below this path."""
        return self._kind() == "directory"

    def iterdir(self) -> Iterator[Self]:
        """What lies directly below this path.

        Raises
        ------
        FileNotFoundError
            If nothing does.
        """
        here = self.path.rstrip("/")
        for key in self.fs.ls(self.path, detail=False):
            if key.rstrip("/") != here:  # some stores have objects that stand for directories
                yield self / key.rstrip("/").rpartition("/")[2]

    def _kind(self) -> str | None:
        try:
            return str(self.fs.info(self.path)["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None
