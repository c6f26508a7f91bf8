"""Which dimensions of a labelled dataset are samples, and which are features."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain, product
from typing import TYPE_CHECKING, Any

from dgmm.errors import ConfigurationError, DataError, Remedy
from dgmm.io.grid import FeatureAxis, FeatureGroup
from dgmm.io.sources.format import MOST_FEATURES
from dgmm.io.sources.labelled.coordinates import plain_attributes
from dgmm.io.sources.packing import refuse_times
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names

if TYPE_CHECKING:  # it is optional
    import xarray


def sample_dims(dataset: "xarray.Dataset", path: AnyPath, selection: Selection) -> tuple[str, ...]:
    """The dimensions of the samples, which must be named and exist."""
    dims = selection.sample_dims
    if not dims:
        raise ConfigurationError(
            f"{path} has the dimensions {sizes(dataset, dataset.sizes)}. Say which of them "
            "together are the samples; all others will be features.",
            remedy=Remedy.CHOOSE_SAMPLE_DIMS,
        )
    unknown = [dim for dim in dims if dim not in dataset.sizes]
    if unknown:
        raise ConfigurationError(
            f"{path} has no dimension {', '.join(map(repr, unknown))} for the samples. "
            f"It has {sizes(dataset, dataset.sizes)}.",
            remedy=Remedy.CHOOSE_SAMPLE_DIMS,
        )
    return dims


def select_variables(
    dataset: "xarray.Dataset", path: AnyPath, selection: Selection, dims: tuple[str, ...]
) -> tuple[str, ...]:
    """The variables that are asked for, or the only one that has all dimensions of samples."""
    candidates = [
        str(name) for name, array in dataset.data_vars.items() if set(dims) <= set(array.dims)
    ]
    names = selection.variables or tuple(candidates)
    unknown = [name for name in names if name not in dataset.variables]
    if unknown or not names or (not selection.variables and len(names) > 1):
        wish = (
            f"no variable {', '.join(map(repr, unknown))}"
            if unknown
            else (f"{len(candidates)} variables with the dimensions {', '.join(dims)}")
        )
        there = (
            join_names(candidates) or f"those with all of the dimensions {', '.join(dims)}: none"
        )
        raise ConfigurationError(
            f"{path} has {wish}. There are: {there}.", remedy=Remedy.CHOOSE_VARIABLES
        )
    for name in names:
        _refuse_no_number(path, name, dataset.variables[name])
    return names


def _refuse_no_number(path: AnyPath, name: str, variable: "xarray.Variable") -> None:
    refuse_times(path, name, {**variable.encoding, **variable.attrs})
    if variable.dtype.kind not in "biuf":
        raise DataError(
            f"The variable {name} of {path} is of dtype {variable.dtype}, expected real numbers. "
            "Choose others."
        )


def feature_dims(variable: "xarray.Variable", dims: tuple[str, ...]) -> tuple[str, ...]:
    """The dimensions that are not those of the samples, as they are stored."""
    return tuple(str(dim) for dim in variable.dims if dim not in dims)


def feature_names(
    dataset: "xarray.Dataset", names: Sequence[str], dims: tuple[str, ...]
) -> tuple[str, ...]:
    """The variables, with their place in the dimensions of the features."""
    variables = {name: dataset.variables[name] for name in names}
    lying = {name: feature_dims(variable, dims) for name, variable in variables.items()}
    n_features = sum(math.prod(dataset.sizes[dim] for dim in lying[name]) for name in names)
    if n_features > MOST_FEATURES:
        raise DataError(
            f"{', '.join(names)} have {n_features} values for each sample; at most "
            f"{MOST_FEATURES} features can be fitted. Are all dimensions of samples named?"
        )
    labels = {dim: _labels(dataset, dim) for dim in dict.fromkeys(chain(*lying.values()))}
    return tuple(
        f"{name}[{', '.join(place)}]" if place else name
        for name in names
        for place in product(*(labels[dim] for dim in lying[name]))
    )


def feature_groups(
    dataset: "xarray.Dataset", names: Sequence[str], dims: tuple[str, ...]
) -> tuple[FeatureGroup, ...]:
    """The variables, with the dimensions that are not those of the samples."""
    return tuple(
        FeatureGroup(
            name,
            tuple(_axis(dataset, dim) for dim in feature_dims(dataset.variables[name], dims)),
            plain_attributes(dataset.variables[name].attrs),
        )
        for name in names
    )


def _axis(dataset: "xarray.Dataset", dim: str) -> FeatureAxis:
    coordinate = dataset.variables.get(dim)
    if coordinate is None or coordinate.dims != (dim,):
        return FeatureAxis(dim, tuple(map(float, range(dataset.sizes[dim]))))
    attributes = plain_attributes(coordinate.attrs)
    if coordinate.dtype.kind in "iuf":
        return FeatureAxis(dim, tuple(map(float, coordinate.to_numpy())), attributes)
    return FeatureAxis(dim, _labels(dataset, dim), attributes)


def _labels(dataset: "xarray.Dataset", dim: str) -> tuple[str, ...]:
    """The labels of a dimension: its coordinate, or else numbers."""
    coordinate = dataset.variables.get(dim)
    if coordinate is None or coordinate.dims != (dim,):
        return tuple(map(str, range(dataset.sizes[dim])))
    values = coordinate.to_numpy()
    return tuple(
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in values
    )


def storage_chunks(
    dataset: "xarray.Dataset", names: Sequence[str], dims: tuple[str, ...]
) -> tuple[int, ...]:
    """The largest chunk extents of any variable; 1 where they are unknown."""
    extents = dict.fromkeys(dims, 1)
    for name in names:
        variable = dataset.variables[name]
        sizes = variable.encoding.get("shards") or variable.encoding.get("chunksizes") or ()
        sizes = sizes or variable.encoding.get("chunks") or ()
        for dim, size in zip(variable.dims, sizes, strict=False):
            if dim in extents:
                extents[str(dim)] = max(extents[str(dim)], int(size))
    return tuple(extents.values())


def sizes(dataset: "xarray.Dataset", dims: Iterable[Any]) -> str:
    """Dimensions with their extents, as text."""
    return ", ".join(f"{dim} {dataset.sizes[dim]}" for dim in dims) or "(none)"
