"""Things that a configuration chooses by name, and that other packages may add to."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Protocol, TypeVar


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """What chooses it."""


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T]):
    """Values by name: dgmm's own, those of installed packages, those that were added.

    A package adds its values in every process, the workers' included, by entry points: in its
    ``pyproject.toml``, for a structure, ::

        [project.entry-points."dgmm.structures"]
        homoscedastic = "its_package.its_module:HOMOSCEDASTIC"

    What :meth:`add` adds is known to this process alone: to fits in memory and to runs with
    ``cluster.kind: threads``. Workers that are processes know it if they import the module that
    adds it, as by Dask's ``distributed.worker.preload``.

    Parameters
    ----------
    group : str
        The group of entry points.
    values : iterable
        dgmm's own.
    """

    def __init__(self, group: str, values: Iterable[T]) -> None:
        self.group = group
        self._own = tuple(values)

    @cached_property
    def _values(self) -> dict[str, T]:
        installed = (entry.load() for entry in entry_points(group=self.group))
        return {value.name: value for value in (*self._own, *installed)}

    def __getitem__(self, name: str) -> T:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: T) -> T:
        """Add a value; returned as it is.

        Raises
        ------
        ValueError
            If there is one of this name.
        """
        if value.name in self._values:
            message = f"{value.name!r} is in {self.group} already; expected a new name."
            raise ValueError(message)
        return self._values.setdefault(value.name, value)

    def remove(self, name: str) -> None:
        """Take back what was added.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        del self._values[name]
