"""Summaries of components on the dimensions of a labelled input's variables: ``variables/``.

``components/`` has all features in a row. Here each variable is a group of its own, and its
features lie along its dimensions, so that a mean is a profile.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.io.grid import FeatureAxis, FeatureGroup
from dgmm.io.results.label_arrays import write_labels
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_attributes, read_small, write_small, zarr_store
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.mixture.types import Array

_DIMENSIONS = {
    "mean": ("component",),
    "standard_deviation": ("component",),
    "quantiles": ("component", "quantile"),
}

_TAKEN = {*_DIMENSIONS, "component", "quantile"}


@dataclass(frozen=True, slots=True, eq=False)
class VariableSummary:
    """What the rows of each component are like in one variable, on its dimensions.

    Attributes
    ----------
    group : FeatureGroup
    mean, standard_deviation : ndarray of shape (n_components, *group.shape)
    quantiles : ndarray of shape (n_components, n_quantiles, *group.shape)
    """

    group: FeatureGroup
    mean: Array
    standard_deviation: Array
    quantiles: Array


def write_variables(
    run: AnyPath,
    components: ComponentSummary,
    groups: tuple[FeatureGroup, ...],
    labels: tuple[int, ...],
) -> None:
    """Write a group for each variable, with its metadata, and coordinates of all beside them.

    Nothing is written if no variable has dimensions of its own, or a name is taken.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    root = run / "variables"
    dims_of_all = {axis.name for group in groups for axis in group.axes}
    names = {group.name for group in groups} | dims_of_all
    if not dims_of_all or names & _TAKEN or any("/" in name for name in names):
        return
    write_labels(root, labels)
    write_small(root / "quantile", components.quantile, ("quantile",))
    for found in _split(components, groups):
        place, group = root / found.group.name, found.group
        dims = tuple(axis.name for axis in group.axes)
        for axis in group.axes:
            is_text = isinstance(axis.values[0], str)
            values: NDArray[Any] = np.asarray(
                axis.values, np.dtypes.StringDType() if is_text else np.float64
            )
            write_small(place / axis.name, values, (axis.name,), dict(axis.attributes))
        for name, dimensions in _DIMENSIONS.items():
            write_small(place / name, getattr(found, name), (*dimensions, *dims))
        attributes = {**dict(group.attributes), "dimensions": list(dims)}
        zarr.create_group(zarr_store(place), attributes=attributes)
    order = [group.name for group in groups]
    zarr.create_group(zarr_store(root), attributes={"variables": order})


def read_variables(run: AnyPath) -> tuple[VariableSummary, ...]:
    """What `write_variables` wrote; empty if the features were no variables.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    root = run / "variables"
    if not root.is_dir():
        return ()
    return tuple(_read(root / name, name) for name in read_attributes(root)["variables"])


def _read(place: AnyPath, name: str) -> VariableSummary:
    attributes = read_attributes(place)
    axes = []
    for dim in attributes.pop("dimensions"):
        with_units = zarr.open_array(zarr_store(place / dim), mode="r").attrs
        values = tuple(read_small(place / dim).tolist())
        axes.append(FeatureAxis(dim, values, tuple(dict(with_units).items())))
    group = FeatureGroup(name, tuple(axes), tuple(attributes.items()))
    return VariableSummary(group, **{array: read_small(place / array) for array in _DIMENSIONS})


def _split(
    components: ComponentSummary, groups: tuple[FeatureGroup, ...]
) -> Iterator[VariableSummary]:
    first = 0
    for group in groups:
        part = slice(first, first + math.prod(group.shape))
        first = part.stop
        arrays = {name: getattr(components, name)[..., part] for name in _DIMENSIONS}
        shaped = {
            name: np.ascontiguousarray(values.reshape(*values.shape[:-1], *group.shape))
            for name, values in arrays.items()
        }
        yield VariableSummary(group, **shaped)
