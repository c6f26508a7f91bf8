"""Write a few small arrays as one Zarr group, completely or not at all."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from dgmm.errors import InputNotFoundError, OutputError, Remedy
from dgmm.io.storage.atomic_writes import new_directory, replace_file, sync_tree
from dgmm.io.storage.consolidated_metadata import consolidate_metadata
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    is_committed,
    read_attributes,
    read_small,
    storage_failures,
    write_small,
)


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """An array with a name for each of its axes; text as ``StringDType``.

    Examples
    --------
    >>> import numpy as np
    >>> from dgmm.run import Variable
    >>> Variable(("cluster",), np.array([120, 30])).dimensions
    ('cluster',)
    """

    dimensions: tuple[str, ...]
    values: NDArray[Any]


def write_group(
    path: str | os.PathLike[str],
    variables: Mapping[str, Variable],
    attributes: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a group beside its place, and move it there in one step.

    Parameters
    ----------
    path : str or path
        Directories above it are made.
    variables : mapping of str to Variable
    attributes : mapping
        JSON-able, finite numbers only; ``format`` says what kind of group it is.
    overwrite : bool
        Whether a group of the same format may be replaced; nothing else ever is.

    Raises
    ------
    OutputError
        If something is there that must not be replaced, or the directory cannot be created.
    StorageError
        If the file system refuses; what was there before is then untouched.
    ValueError, TypeError
        If the attributes are no JSON.

    Examples
    --------
    >>> import numpy as np
    >>> from dgmm.run import Variable, read_group, write_group
    >>> sizes = Variable(("cluster",), np.array([120, 30]))
    >>> write_group("sizes.zarr", {"size": sizes}, {"format": "sizes"})
    >>> import zarr
    >>> zarr.open_group("sizes.zarr", mode="r")["size"][:]
    array([120,  30])
    """
    json.dumps(attributes, allow_nan=False)
    if "://" in os.fspath(path):
        raise OutputError(
            f"{path} is in an object store, where a group of several objects cannot be replaced in "
            "one step. Write it to a file system, and copy it."
        )
    target = Path(path).resolve()
    _check_replaceable(target, attributes["format"], overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{target.parent} cannot be created: {error}. Choose a place that can be written to."
        ) from error
    with storage_failures(target), new_directory(target, replace=overwrite) as new:
        for name, variable in variables.items():
            write_small(new / name, variable.values, variable.dimensions)
        sync_tree(new)
        replace_file(new / ROOT_METADATA, consolidate_metadata(new, attributes))


def _check_replaceable(target: Path, kind: str, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if not overwrite:
        raise OutputError(f"{target} exists already. Choose another path.", remedy=Remedy.OVERWRITE)
    found = read_attributes(target).get("format") if is_committed(target) else None
    if found != kind:
        raise OutputError(
            f"{target} holds format {found}, expected {kind}: nothing else is overwritten. "
            "Choose another path."
        )


def read_group(
    path: str | os.PathLike[str],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the attributes that `write_group` wrote.

    Raises
    ------
    InputNotFoundError
        If there is no group.
    StorageError
        If an array is missing or damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from dgmm.run import Variable, read_group, write_group
    >>> sizes = Variable(("cluster",), np.array([120, 30]))
    >>> write_group("sizes.zarr", {"size": sizes}, {"format": "sizes"})
    >>> read_group("sizes.zarr")
    ({'size': array([120,  30])}, {'format': 'sizes'})
    """
    place = Path(path).resolve()
    if not is_committed(place):
        raise InputNotFoundError(f"There is no Zarr group at {place}. Check the path.")
    with storage_failures(place):
        names = sorted(zarr.open_group(str(place), mode="r").array_keys())
    return {name: read_small(place / name) for name in names}, read_attributes(place)
