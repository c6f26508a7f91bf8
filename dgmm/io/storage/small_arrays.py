"""Arrays of one chunk and attributes of groups, in Zarr's format and as its library writes them.

A result has about a hundred of them. The library, which is made for large arrays, hands each step
to threads and event loops, which takes ten times as long as the work itself.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import VLenUTF8, Zstd
from numpy.typing import NDArray

from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    create_array,
    missing_chunk,
    open_for_reading,
    storage_failures,
)

_ZSTD = {"level": 1, "checksum": True}
_TEXT = "string"
_INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_DATA_TYPES = (_TEXT, "bool", *_INTEGERS, "float16", "float32", "float64")
"""Others, such as times, are left to the library."""


def write_small(
    path: AnyPath,
    values: NDArray[Any],
    dimensions: tuple[str, ...],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write an array that fits in memory, in one chunk; strings as ``StringDType``.

    Metadata are written last: until they are there it is no array.
    """
    data_type = _TEXT if values.dtype.kind == "T" else values.dtype.name
    if data_type not in _DATA_TYPES:
        chunks, dtype = _chunk_shape(values.shape), values.dtype
        array = create_array(
            path, values.shape, chunks, dtype, dimensions, 0, attributes=attributes
        )
        array[...] = values
        return
    if values.size:
        _write(path / _chunk_key(values.ndim), Zstd(**_ZSTD).encode(_encode(values)))
    _write_metadata(
        path, _describe_array(data_type, values.shape, dimensions, dict(attributes or {}))
    )


def read_small(path: AnyPath) -> NDArray[Any]:
    """Read an array whole.

    Raises
    ------
    StorageError
        If a chunk of it is missing or damaged.
    """
    with storage_failures(path):
        found = _read_metadata(path)
        data_type, shape = found["data_type"], found["shape"]
        names, attributes = found.get("dimension_names", ()), found.get("attributes", {})
        if data_type not in _DATA_TYPES or found != _describe_array(
            data_type, shape, names, attributes
        ):
            return np.asarray(open_for_reading(path)[...])  # written by another program, or version
        content = Zstd().decode(_read_chunk(path, len(shape))) if 0 not in shape else b""
        return _decode(content, data_type).reshape(shape)


def write_group_metadata(group: AnyPath, attributes: Mapping[str, Any] | None = None) -> None:
    """Make a directory a group.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    _write_metadata(group, describe_group(attributes or {}))


def read_attributes(group: AnyPath) -> dict[str, Any]:
    """Attributes of a group or an array.

    Raises
    ------
    StorageError
        If they cannot be read.
    """
    with storage_failures(group):
        return dict(_read_metadata(group)["attributes"])


def describe_group(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a group."""
    return {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}


def _describe_array(
    data_type: str, shape: Sequence[int], dimensions: Sequence[str], attributes: dict[str, Any]
) -> dict[str, Any]:
    """Metadata of an array of one chunk."""
    if data_type == _TEXT:
        fill, serializer = "", {"name": "vlen-utf8", "configuration": {}}
    else:
        dtype = np.dtype(data_type)
        fill, serializer = dtype.type(0).item(), {"name": "bytes"}
        if dtype.itemsize > 1:
            serializer["configuration"] = {"endian": "little"}
    return {
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": list(_chunk_shape(shape))},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [serializer, {"name": "zstd", "configuration": _ZSTD}],
        "attributes": attributes,
        **({"dimension_names": list(dimensions)} if dimensions else {}),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }


def _encode(values: NDArray[Any]) -> Any:
    if values.dtype.kind == "T":
        return VLenUTF8().encode(values.astype(object).ravel())
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


def _decode(content: bytes, data_type: str) -> NDArray[Any]:
    if data_type == _TEXT:
        words = VLenUTF8().decode(content) if content else np.empty(0, object)
        return np.asarray(words, np.dtypes.StringDType())
    dtype = np.dtype(data_type)
    return np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)


def _chunk_shape(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(max(1, extent) for extent in shape)


def _chunk_key(n_dims: int) -> str:
    return "/".join(["c", *["0"] * n_dims])


def _read_chunk(path: AnyPath, n_dims: int) -> bytes:
    key = _chunk_key(n_dims)
    try:
        return (path / key).read_bytes()
    except FileNotFoundError:
        raise missing_chunk(path, key) from None


def _read_metadata(node: AnyPath) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((node / ROOT_METADATA).read_bytes())
    return found


def _write_metadata(node: AnyPath, document: Mapping[str, Any]) -> None:
    _write(node / ROOT_METADATA, json.dumps(document).encode())


def _write(path: AnyPath, content: bytes) -> None:
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        path.fs.pipe_file(path.path, content)
