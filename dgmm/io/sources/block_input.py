"""A block as it is read in a task, in a module that workers import without ``dask.array``."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dgmm.errors import DgmmError, InputChangedError, StorageError
from dgmm.io.grid import Grid, Region
from dgmm.io.sources.format import Read
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, Location, input_path, resolve_path
from dgmm.text import describe_error


@dataclass(frozen=True, slots=True)
class BlockInput:
    """The argument of all tasks of a dataset."""

    read: Read
    location: Location
    selection: Selection
    grid: Grid
    n_features: int


def load_block(place: tuple[int, int], given: BlockInput) -> NDArray[Any]:
    """Read one partition; runs in a task."""
    location, grid = given.location, given.grid
    region = grid.region(place[0])
    shape = math.prod(part.stop - part.start for part in region), given.n_features
    try:
        block = given.read(_resolve(location), given.selection, region)
    except DgmmError:
        raise
    except Exception as error:  # codecs and file systems raise errors of any type
        raise StorageError(
            f"{_where(grid, region)} of {location} cannot be read: "
            f"{describe_error(error)}. Is the file damaged or gone?"
        ) from error
    if block.shape != shape:
        raise InputChangedError(
            f"{_where(grid, region)} of {location} have shape {block.shape}, expected {shape}: "
            "it has been changed since it was opened."
        )
    return block


def load_column(place: tuple[int], given: BlockInput) -> NDArray[Any]:
    """Read the weights or labels of one partition; runs in a task."""
    return load_block((*place, 0), given)[:, 0]


def _resolve(location: Location) -> AnyPath:
    """The path of a location; in a store without asking whether it exists."""
    place = resolve_path(location)
    return input_path(location) if isinstance(place, Path) else place


def _where(grid: Grid, region: Region) -> str:
    """Text that describes a region."""
    if len(region) == 1:
        return f"Rows {region[0].start} to {region[0].stop - 1}"
    parts = zip(grid.dims, region, strict=True)
    return "Cells " + ", ".join(f"{dim} {part.start} to {part.stop - 1}" for dim, part in parts)
