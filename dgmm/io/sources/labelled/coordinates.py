"""Coordinates of a grid of samples, which results on the same grid copy."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dgmm.io.grid import Coordinate

if TYPE_CHECKING:  # it is optional
    import xarray

# names of other variables, which are not copied, and what xarray does not read as text
_LEFT_OUT = {"bounds", "climatology", "coordinates", "formula_terms", "grid_mapping", "_FillValue"}
_KINDS = "biufUSOT"


def find_coordinates(dataset: "xarray.Dataset", dims: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """Coordinates of a dataset that have no dimensions but these."""
    return tuple(_coordinates(dataset, set(dims)))


def _coordinates(dataset: "xarray.Dataset", dims: set[str]) -> Iterator[Coordinate]:
    for name in sorted(map(str, dataset.coords)):
        variable = dataset.variables[name]
        found = tuple(map(str, variable.dims))
        usable = " " not in name and variable.dtype.kind in _KINDS
        if found and dims.issuperset(found) and usable:
            dtype = "str" if variable.dtype.kind in "USOT" else variable.dtype.name
            yield Coordinate(name, found, variable.shape, dtype, plain_attributes(variable.attrs))


def plain_attributes(attributes: Mapping[Any, Any]) -> tuple[tuple[str, Any], ...]:
    """The attributes of a variable that JSON can represent."""
    plain = ((str(name), _plain(value)) for name, value in attributes.items())
    return tuple(
        (name, value) for name, value in plain if name not in _LEFT_OUT and value is not None
    )


def _plain(value: Any) -> Any:
    """Text, a finite number or a list of them; None for anything else."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return None if any(item is None for item in items) else items
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else None
