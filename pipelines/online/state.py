"""The state between calls: a mixture and its statistics, stored in one step.

Both are Zarr groups that appear whole: ``N.facts.zarr``, and after it ``N.mixture.zarr``, by which
they become the state. A call that ends before that leaves the state of the one before.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dgmm import GaussianMixture
from dgmm.errors import OutputError
from dgmm.run import Variable, read_group, write_group
from pipelines.online.refit_rule import OnlineStatistics

FORMAT = "dgmm-online"
FORMAT_VERSION = 1

_PLAIN = ("run", "n_folds", "n_rows", "checksum", "fingerprint")
_KEPT = 2  # readers that have just followed the link still find the old state


@dataclass(frozen=True, slots=True)
class StoredState:
    """A mixture and what is known of it."""

    mixture: GaussianMixture
    statistics: OnlineStatistics


@dataclass(frozen=True, slots=True)
class Store:
    """A directory of states, of which the highest number counts; for one writer."""

    folder: Path

    @property
    def latest(self) -> Path:
        """A link to the mixture of the state."""
        return self.folder / "latest.zarr"

    def load(self) -> StoredState | None:
        """The state; None if there is none.

        Raises
        ------
        OutputError, StorageError
            If it cannot be read.
        """
        numbers = self._numbers()
        if not numbers:
            return None
        mixture = self._path(numbers[-1], "mixture")
        arrays, attributes = read_group(self._path(numbers[-1], "facts"))
        found = (attributes["format"], attributes.get("format_version"))
        if found != (FORMAT, FORMAT_VERSION):
            raise OutputError(
                f"{self.folder} has format {found[0]} {found[1]}, expected {FORMAT} "
                f"{FORMAT_VERSION}. Remove it to start again."
            )
        plain = {name: attributes[name] for name in _PLAIN}
        log_densities = tuple(arrays["log_densities"].tolist())
        statistics = OnlineStatistics(log_densities, **plain)
        if not self.latest.is_symlink() or self.latest.readlink() != Path(mixture.name):
            self._link(mixture)  # as the killed call would have done
        return StoredState(GaussianMixture.from_zarr(mixture), statistics)

    def save(self, state: StoredState) -> None:
        """Store a new state, and remove old ones.

        Raises
        ------
        OutputError, StorageError
            If it cannot be written; the state is then what it was.
        """
        numbers = self._numbers()
        number = numbers[-1] + 1 if numbers else 1
        plain = {name: getattr(state.statistics, name) for name in _PLAIN}
        attributes = {"format": FORMAT, "format_version": FORMAT_VERSION, **plain}
        log_densities = np.asarray(state.statistics.log_densities, np.float64)
        variables = {"log_densities": Variable(("call",), log_densities)}
        write_group(self._path(number, "facts"), variables, attributes, overwrite=True)
        mixture = self._path(number, "mixture")
        state.mixture.to_zarr(mixture)
        self._link(mixture)
        self._clean(number - _KEPT)

    def _numbers(self) -> list[int]:
        return sorted(_number(path) for path in self.folder.glob("[0-9]*.mixture.zarr"))

    def _path(self, number: int, kind: str) -> Path:
        return self.folder / f"{number:06}.{kind}.zarr"

    def _link(self, mixture: Path) -> None:
        """Point the link to a mixture, in one step."""
        new = self.folder / ".latest.zarr"
        new.unlink(missing_ok=True)
        new.symlink_to(mixture.name)
        os.replace(new, self.latest)

    def _clean(self, number: int) -> None:
        """Remove states up to this number, and files that killed calls left."""
        old = [path for path in self.folder.glob("[0-9]*.zarr") if _number(path) <= number]
        # the mixture before its statistics, without which the state cannot be read
        for path in (*sorted(old, reverse=True), *self.folder.glob(".[0-9]*.zarr.*")):
            shutil.rmtree(path, ignore_errors=True)


def _number(path: Path) -> int:
    return int(path.name.split(".")[0])
