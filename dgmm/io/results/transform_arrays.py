"""A feature transform as arrays on disk: ``prepare/``."""

from dgmm.io.results.sweep_arrays import write_feature_names
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_small, write_small
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.transform import FeatureTransform

_INPUT = ("input_feature",)
_FUNCTION, _PARAMETER = "function", "function_parameter"
_DIMENSIONS = {
    "mean": _INPUT,
    "scale": _INPUT,
    "axes": ("feature", "input_feature"),
    "variances": ("feature",),
}


def write_preparation(
    run: AnyPath, transform: FeatureTransform, input_names: tuple[str, ...]
) -> None:
    """Write a feature transform and the names of its features; no group metadata.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group = run / "prepare"
    write_feature_names(group, input_names, _INPUT)
    if transform.axes is not None:
        write_feature_names(group, transform.feature_names(input_names), ("feature",))
    for name, dimensions in _DIMENSIONS.items():
        values = getattr(transform, name)
        if values is not None:
            write_small(group / name, values, dimensions)
    if transform.functions is not None:
        kinds, parameters = transform.functions.table
        write_small(group / _FUNCTION, kinds, _INPUT)
        write_small(group / _PARAMETER, parameters, (*_INPUT, "parameter"))


def read_preparation(run: AnyPath) -> tuple[FeatureTransform | None, tuple[str, ...]]:
    """What `write_preparation` wrote; None and no names if there was no transform.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    group = run / "prepare"
    if not group.is_dir():
        return None, ()
    values = {name: read_small(group / name) for name in _DIMENSIONS if (group / name).is_dir()}
    names = tuple(str(name) for name in read_small(group / "input_feature"))
    return FeatureTransform(**values, functions=_read_functions(group, names)), names


def _read_functions(group: AnyPath, names: tuple[str, ...]) -> ColumnFunctions | None:
    if not (group / _FUNCTION).is_dir():
        return None
    kinds, parameters = read_small(group / _FUNCTION), read_small(group / _PARAMETER)
    return ColumnFunctions.from_table(kinds, parameters, names)
