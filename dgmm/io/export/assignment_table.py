"""The assignments of a result as a table, block by block in bounded memory."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import OutputError
from dgmm.io.grid import Grid, Region
from dgmm.io.results.result import Result
from dgmm.io.storage.zarr_arrays import storage_failures

ROW = "row"
LABEL, PROBABILITY, NOISE = "label", "probability", "noise"
_NAMES = {"labels": LABEL}  # of one value, a column is called in the singular

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentTable:
    """A row for each sample: its number, its coordinates, and what was assigned to it.

    Columns are ``row``, the place of the sample in the input, counted in C order from 0; the
    coordinates of the samples, or their places in dimensions that have none, if there are several
    dimensions; ``label``, ``probability`` (of that label, where responsibilities or uncertainty
    were stored) and whatever else was assigned.

    Attributes
    ----------
    result : Result
    grid : Grid
        Of the samples, in the blocks that are stored together.
    """

    result: Result
    grid: Grid

    @classmethod
    def of(cls, result: Result) -> Self:
        """The table of a result.

        Raises
        ------
        OutputError
            If nothing was assigned to rows.
        """
        if not result.assignments:
            raise OutputError(f"{result.path} has no assignments: none were asked for.")
        arrays = result.assignments.values()
        n_dims = min(array.ndim for array in arrays)
        array = next(array for array in arrays if array.ndim == n_dims)
        dims = dimensions(array)
        if "labels" not in result.assignments and dims[-1] in ("component", "rank"):
            n_dims -= 1  # responsibilities alone
        return cls(result, Grid(dims[:n_dims], array.shape[:n_dims], array.chunks[:n_dims]))

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """Type of each column, those of coordinates first; text is ``StringDType``."""
        return {name: values.dtype for name, values in self.read(self._nothing()).items()}

    @property
    def widths(self) -> dict[str, int]:
        """Values in each row of the columns that have several."""
        read = self.read(self._nothing())
        return {name: values.shape[1] for name, values in read.items() if values.ndim > 1}

    def blocks(self) -> Iterator[Columns]:
        """The rows of each block in turn."""
        for number in range(math.prod(self.grid.counts)):
            yield self.read(self.grid.region(number))

    def read(self, region: Region) -> Columns:
        """The rows of a region, in C order.

        Raises
        ------
        StorageError
            If a chunk is missing or damaged.
        """
        shape = tuple(part.stop - part.start for part in region)
        columns = {ROW: self._numbers(region)}
        for name, array in self.result.coordinates.items():
            columns[name] = self._spread(array, region, shape)
        if len(self.grid.dims) > 1:
            for axis, name in enumerate(self.grid.dims):
                places = np.arange(region[axis].start, region[axis].stop)
                if name not in columns:
                    columns[name] = _broadcast(places, (axis,), shape)
        for name, array in self.result.assignments.items():
            with storage_failures(self.result.path):
                values = np.asarray(array[region])
            columns[_NAMES.get(name, name)] = values.reshape(-1, *values.shape[len(shape) :])
        return _with_probability(columns)

    def _numbers(self, region: Region) -> NDArray[np.int64]:
        strides = np.cumprod((1, *self.grid.shape[:0:-1]))[::-1]
        total = np.zeros(tuple(part.stop - part.start for part in region), np.int64)
        for axis, (part, stride) in enumerate(zip(region, strides, strict=True)):
            places = np.arange(part.start, part.stop, dtype=np.int64) * stride
            total += places.reshape([-1 if i == axis else 1 for i in range(total.ndim)])
        return total.ravel()

    def _spread(
        self, array: zarr.Array[Any], region: Region, shape: tuple[int, ...]
    ) -> NDArray[Any]:
        axes = tuple(self.grid.dims.index(dim) for dim in dimensions(array))
        with storage_failures(self.result.path):
            values = np.asarray(array[tuple(region[axis] for axis in axes)])
        return _broadcast(values, axes, shape)

    def _nothing(self) -> Region:
        return tuple(slice(0, 0) for _ in self.grid.dims)


def dimensions(array: zarr.Array[Any]) -> tuple[str, ...]:
    """Names of the dimensions of a stored array."""
    return tuple(map(str, getattr(array.metadata, "dimension_names", None) or ()))


def _broadcast(values: NDArray[Any], axes: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Values along some axes of a grid, for each of its samples in C order."""
    order = np.argsort(axes)
    lying = [1] * len(shape)
    for axis in axes:
        lying[axis] = shape[axis]
    return np.broadcast_to(np.transpose(values, order).reshape(lying), shape).ravel()


def _with_probability(columns: Columns) -> Columns:
    """The probability of the label behind it, of what says it."""
    if "responsibilities" in columns:
        probability = columns["responsibilities"].max(axis=1, initial=-np.inf)
        if NOISE in columns:
            probability = np.maximum(probability, columns[NOISE])
    elif "uncertainty" in columns:
        probability = 1 - columns["uncertainty"]
    else:
        return columns
    found: Columns = {}
    for name, values in columns.items():
        found[name] = values
        if name == LABEL:
            found[PROBABILITY] = probability
    return found if PROBABILITY in found else {**columns, PROBABILITY: probability}
