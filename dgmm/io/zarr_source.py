"""Zarr v2 and v3: an array, or an array inside a group."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.stored import Format, Stored, list_files

_METADATA = ("zarr.json", ".zarray", ".zgroup")
_LISTED_AT_MOST = 20


def _matches(path: Path) -> bool:
    return path.suffix == ".zarr" or any((path / name).is_file() for name in _METADATA)


def _describe(path: Path, variable: str | None) -> Stored:
    array = _choose(path, variable)
    chunks = array.shards or array.chunks
    return Stored(
        shape=array.shape,
        dtype=np.dtype(array.dtype),
        storage_rows=chunks[0] if chunks else 1,
        files=list_files(path / array.path),
        description=f"Zarr v{array.metadata.zarr_format} in chunks of {chunks}",
        variable=array.path or None,
    )


def _read(path: Path, variable: str | None, start: int, stop: int) -> NDArray[Any]:
    array = zarr.open_array(str(path), path=variable or "", mode="r")
    return np.asarray(array[start:stop])


def _choose(path: Path, variable: str | None) -> zarr.Array[Any]:
    if not any((path / name).is_file() for name in _METADATA):
        raise DataError(
            f"{path} is not a Zarr array or group: it has no {', '.join(_METADATA)}. "
            "If it is being written, wait until it is complete."
        )
    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Group):
        return _choose_member(node, path, variable)
    if variable is not None:
        raise ConfigurationError(
            f"{path} is a Zarr array, but its variable {variable!r} was asked for. "
            "Remove `variable`; it names an array inside a group."
        )
    return node


def _choose_member(group: zarr.Group, path: Path, variable: str | None) -> zarr.Array[Any]:
    members = group.members(max_depth=None)
    arrays = {name: member for name, member in members if isinstance(member, zarr.Array)}
    tables = sorted(name for name, array in arrays.items() if array.ndim == 2)
    if variable is None and len(tables) == 1:
        return arrays[tables[0]]
    if variable is not None and variable.strip("/") in arrays:
        return arrays[variable.strip("/")]
    wish = "and `variable` is not set" if variable is None else f"but no array {variable!r}"
    listed = ", ".join(f"{name} {arrays[name].shape}" for name in tables[:_LISTED_AT_MOST])
    raise ConfigurationError(
        f"{path} is a Zarr group with {len(tables)} two-dimensional arrays, {wish}. "
        f"Set `variable` to one of: {listed or '(none: nothing here can be fitted)'}."
    )


FORMAT = Format("zarr", _matches, _describe, _read)
