"""Paths in object stores; imported only where there is one, since stores are optional."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from upath.extensions import ProxyUPath

from dgmm.errors import StorageError


class StorePath(ProxyUPath):
    """A path of universal_pathlib that tells a store that fails from one that holds nothing.

    fsspec answers "no" to whether there is a file when it could not ask; a complete run would then
    count as one that is not there. What a store's client raises, which may be anything, becomes a
    StorageError here.
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
        with self._asking():
            keys = self.fs.ls(self.path, detail=False)
        for key in keys:
            if key.rstrip("/") != here:  # some stores have objects that stand for directories
                yield self / key.rstrip("/").rpartition("/")[2]

    def objects(self) -> dict[str, dict[str, Any]]:
        """All that is at or below this path, in one listing: what the store says of each key."""
        with self._asking():
            return dict(self.fs.find(self.path.rstrip("/"), detail=True))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object.

        Raises
        ------
        FileNotFoundError
            If there is none, unless that is right too.
        """
        try:
            with self._asking():
                self.fs.rm_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def read_bytes(self) -> bytes:
        """What the object holds."""
        with self._asking():
            return bytes(self.fs.cat_file(self.path))

    def _kind(self) -> str | None:
        try:
            with self._asking():
                return str(self.fs.info(self.path)["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except Exception as error:
            raise StorageError(
                f"{self} cannot be reached: {type(error).__name__}: {error}. Check credentials and "
                "permissions, the network, and storage_options."
            ) from error
