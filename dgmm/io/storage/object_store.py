"""Paths in object stores; imported only when needed, because they are optional."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from upath.extensions import ProxyUPath

from dgmm.errors import StorageError
from dgmm.text import describe_error


class StorePath(ProxyUPath):
    """A path of universal_pathlib that distinguishes a failing store from a missing object.

    fsspec reports a file as missing when the store does not answer; a complete run would then seem
    missing. Here any error of a store's client becomes a StorageError.
    """

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - stores have no links
        """Whether there is an object at or below this path."""
        return self._kind() is not None

    def is_file(self) -> bool:
        """Whether there is an object here."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Whether there are objects below this path."""
        return self._kind() == "directory"

    def iterdir(self) -> Iterator[Self]:
        """Paths directly below this one.

        Raises
        ------
        FileNotFoundError
            If nothing does.
        """
        here = self.path.rstrip("/")
        with self._translate_errors():
            keys = self.fs.ls(self.path, detail=False)
        for key in keys:
            if key.rstrip("/") != here:  # some stores have objects that stand for directories
                yield self / key.rstrip("/").rpartition("/")[2]

    def objects(self) -> dict[str, dict[str, Any]]:
        """All objects at or below this path, in one listing, with the store's metadata."""
        with self._translate_errors():
            return dict(self.fs.find(self.path.rstrip("/"), detail=True))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object.

        Raises
        ------
        FileNotFoundError
            If there is none, unless that is right too.
        """
        try:
            with self._translate_errors():
                self.fs.rm_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def read_bytes(self) -> bytes:
        """The content of the object."""
        with self._translate_errors():
            return bytes(self.fs.cat_file(self.path))

    def _kind(self) -> str | None:
        try:
            with self._translate_errors():
                return str(self.fs.info(self.path)["type"])
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except Exception as error:
            raise StorageError(
                f"{self} cannot be reached: {describe_error(error)}. Check credentials and "
                "permissions, the network, and storage_options."
            ) from error
