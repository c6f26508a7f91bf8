"""Simulated data that drift: the rows of two weeks of nights, and their true components."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray
from pyarrow import parquet

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

BIRTH, DEATH, BAD = 5, 9, 11
"""The nights on which a component appears, one has gone, and what arrives is damaged."""

_NEWBORN, _DYING = 4, 3
_WEIGHTS = np.array([0.26, 0.21, 0.17, 0.14, 0.12, 0.10])

WINDOW = 3
DATA = ("drop", "window", "growing")
CORRUPTIONS = ("units", "zeroed", "shuffled", "repeated", "noise")


@dataclass(frozen=True)
class World:
    """Components that move a little every night; one appears, one vanishes.

    Attributes
    ----------
    n_features : int
    apart : float
        Distance of the two nearest means on night 0, in standard deviations.
    speed : float
        Of the means, in standard deviations a night, each in a direction of its own.
    seed : int
    """

    n_features: int = 3
    apart: float = 7.0
    speed: float = 0.04
    seed: int = 0

    @cached_property
    def _shape(self) -> tuple[Array, Array, Array]:
        rng = np.random.default_rng([self.seed, 0])
        k, d = len(_WEIGHTS), self.n_features
        means = rng.normal(size=(k, d))
        distances = np.linalg.norm(means[:, None] - means, axis=2) + 1e9 * np.eye(k)
        factors = np.eye(d) + 0.25 * rng.normal(size=(k, d, d))
        ways = rng.normal(size=(k, d))
        return (
            means * self.apart / distances.min(),
            factors,
            ways / np.linalg.norm(ways, axis=1, keepdims=True),
        )

    def weights(self, night: int) -> Array:
        """Weights of all components, shape (6,); 0 for those absent that night."""
        waves = np.sin(night / 4.0 + np.arange(len(_WEIGHTS)))
        weights = _WEIGHTS * (1 + 0.1 * waves)
        weights[_NEWBORN] *= night >= BIRTH
        weights[_DYING] *= night < DEATH
        return weights / weights.sum()

    def rows(self, night: int, n_rows: int) -> tuple[Array, Labels]:
        """The rows of a night, shape (n_rows, n_features), and the component of each."""
        means, factors, ways = self._shape
        rng = np.random.default_rng([self.seed, 1, night])
        truth = rng.choice(len(_WEIGHTS), n_rows, p=self.weights(night))
        noise = rng.normal(size=(n_rows, self.n_features))
        moved = means + night * self.speed * ways
        return moved[truth] + np.einsum("nij,nj->ni", factors[truth], noise), truth


def corrupt(rows: Array, corruption: str) -> Array:
    """Possible damage to a night's rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    corruption : str
        ``"units"`` (the first feature is a thousand times as large), ``"zeroed"`` (the first
        feature is zero in half of the rows), ``"shuffled"`` (the columns stand in another order),
        ``"repeated"`` (a hundredth of the rows, a hundred times each), or ``"noise"`` (every column
        is shuffled by itself).
    """
    rng = np.random.default_rng(11)
    rows = rows.copy()
    match corruption:
        case "units":
            rows[:, 0] *= 1000.0
        case "zeroed":
            rows[rng.random(len(rows)) < 0.5, 0] = 0.0
        case "shuffled":
            rows = np.roll(rows, 1, axis=1)
        case "repeated":
            rows = np.repeat(rows[: -(-len(rows) // 100)], 100, axis=0)[: len(rows)]
        case "noise":
            rows = rng.permuted(rows, axis=0)
        case _:
            raise ValueError(f"found {corruption!r}, expected one of {', '.join(CORRUPTIONS)}")
    return rows


@dataclass
class Upstream:
    """Delivers the data into a folder, night by night.

    Attributes
    ----------
    folder : Path
    world : World
    data : str
        ``"drop"``, ``"window"`` or ``"growing"``.
    n_rows : int
        Of each night.
    corruption : str
        Of the bad night.
    """

    folder: Path
    world: World
    data: str
    n_rows: int
    corruption: str
    _truths: dict[int, Labels] = field(default_factory=dict)

    def deliver(self, night: int) -> None:
        """Write a night's rows; those of the bad night are repaired when the next one comes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if night == BAD + 1 and self.data != "drop":
            self._write(BAD, self.world.rows(BAD, self.n_rows)[0])
        rows, self._truths[night] = self.world.rows(night, self.n_rows)
        self._write(night, corrupt(rows, self.corruption) if night == BAD else rows)

    def path(self, night: int) -> str:
        """The path of a night's input."""
        names = {"drop": f"{night:02}.zarr", "window": "*.parquet", "growing": "all.zarr"}
        return str(self.folder / names[self.data])

    def truth(self, night: int) -> Labels:
        """The component of each row that is fitted on a night."""
        first = {"drop": night, "window": max(1, night - WINDOW + 1), "growing": 1}[self.data]
        return np.concatenate([self._truths[n] for n in range(first, night + 1)])

    def _write(self, night: int, rows: Array) -> None:
        if self.data == "window":
            table = pa.table({f"x{j}": column for j, column in enumerate(rows.T)})
            parquet.write_table(table, self.folder / f"{night:02}.parquet")
            (self.folder / f"{night - WINDOW:02}.parquet").unlink(missing_ok=True)
            return
        chunks = (-(-self.n_rows // 4), rows.shape[1])
        first = 1 if self.data == "growing" else night
        path, start = Path(self.path(night)), (night - first) * self.n_rows
        if night == first:
            array = zarr.create_array(path, shape=rows.shape, dtype=rows.dtype, chunks=chunks)
        else:
            array = zarr.open_array(path, mode="r+")
            array.resize((max(array.shape[0], start + self.n_rows), rows.shape[1]))
        array[start : start + self.n_rows] = rows
