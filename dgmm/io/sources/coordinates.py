"""Coordinates of a grid of samples, which results on the same grid carry along."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dgmm.io.grid import Coordinate, Grid, Region
from dgmm.io.partition import chunk_shape
from dgmm.io.storage.location import Place
from dgmm.io.storage.zarr_arrays import create_array, storage_failures
from dgmm.io.wanted import RESERVED

if TYPE_CHECKING:  # it is optional
    import xarray

# what names other variables, which are not carried along, and what xarray does not take for text
_LEFT_OUT = {"bounds", "climatology", "coordinates", "formula_terms", "grid_mapping", "_FillValue"}
_KINDS = "biufUSOT"
_CHUNK_VALUES = 1 << 20


def coordinates_of(dataset: "xarray.Dataset", dims: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """Those coordinates of a dataset that have no other dimensions than these."""
    return tuple(_coordinates(dataset, set(dims)))


def _coordinates(dataset: "xarray.Dataset", dims: set[str]) -> Iterator[Coordinate]:
    for name in sorted(map(str, dataset.coords)):
        variable = dataset.variables[name]
        found = tuple(map(str, variable.dims))
        usable = name not in RESERVED and " " not in name and variable.dtype.kind in _KINDS
        if found and dims.issuperset(found) and usable:
            dtype = "str" if variable.dtype.kind in "USOT" else variable.dtype.name
            yield Coordinate(name, found, variable.shape, dtype, _attributes(variable.attrs))


def _attributes(attributes: Mapping[Any, Any]) -> tuple[tuple[str, Any], ...]:
    """What JSON can hold of the attributes of a variable."""
    plain = ((str(name), _plain(value)) for name, value in attributes.items())
    return tuple(
        (name, value) for name, value in plain if name not in _LEFT_OUT and value is not None
    )


def _plain(value: Any) -> Any:
    """Text, a finite number or a list of them; None for what is none."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return None if any(item is None for item in items) else items
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else None


def write_coordinate(
    run: Place, coordinate: Coordinate, read: Callable[[Region], NDArray[Any]]
) -> None:
    """Write a coordinate beside the assignments of a run, a chunk at a time.

    Parameters
    ----------
    run : Path or StorePath
    coordinate : Coordinate
    read : callable
        ``read(region) -> ndarray`` of the region's shape.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    path, is_text = run / "assignments" / coordinate.name, coordinate.dtype == "str"
    chunks = chunk_shape(coordinate.shape, coordinate.shape, _CHUNK_VALUES)
    grid = Grid(coordinate.dims, coordinate.shape, chunks)
    with storage_failures(path):
        array = create_array(
            path,
            shape=coordinate.shape,
            chunks=chunks,
            dtype=str if is_text else coordinate.dtype,
            dimensions=coordinate.dims,
            fill_value="" if is_text else 0,
            attributes=dict(coordinate.attributes),
        )
        for number in range(math.prod(grid.counts)):
            region = grid.region(number)
            array[region] = read(region)
