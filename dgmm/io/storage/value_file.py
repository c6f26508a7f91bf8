"""A value in one file: its structure as JSON, then its arrays, all under one checksum.

Such a file names no code: it may hold a closed list of dataclasses and enumerations, each under a
name of its own that stays when the class is renamed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.checksum import checksum
from dgmm.io.storage.atomic_writes import replace_file
from dgmm.io.storage.location import AnyPath

_MAGIC = b"dgmm sealed 1"
_HEAD_BYTES = len(_MAGIC) + 44  # a checksum and two lengths in hexadecimal follow, a line feed ends
_NUMBERS = "biuf"


class DamagedError(ValueError):
    """A file was damaged, or was not written by `write_value`."""


def write_value(path: AnyPath, value: object, classes: Mapping[str, type]) -> int:
    """Replace a file by one that holds ``value``, in one step.

    Parameters
    ----------
    path : Path or StorePath
    value : object
        Made of None, booleans, numbers, text, tuples, numeric arrays in C order, members of
        enumerations, and dataclasses of all these.
    classes : mapping of str to type
        The dataclasses and enumerations that may be in it, by the names that stand for them.

    Returns
    -------
    int
        The checksum under which it is sealed, CRC-32C.

    Raises
    ------
    OSError
        If the file system refuses; the old file is then untouched.
    """
    arrays: list[NDArray[Any]] = []
    names = {cls: name for name, cls in classes.items()}
    structure = json.dumps(_plain(value, arrays, names), separators=(",", ":")).encode()
    crc = checksum(np.frombuffer(structure, np.uint8), *arrays)
    n_bytes = len(structure) + sum(array.nbytes for array in arrays)
    head = _head(crc, len(structure), n_bytes)
    replace_file(path, head, structure, *(np.ascontiguousarray(array).data for array in arrays))
    return crc


def _plain(value: object, arrays: list[NDArray[Any]], names: Mapping[type, str]) -> Any:
    """The value as JSON; arrays are appended to ``arrays``."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return [_plain(item, arrays, names) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
        arrays.append(value)
        return {"array": [value.dtype.str, *value.shape]}
    name = names.get(type(value))
    if name is not None and isinstance(value, Enum):
        return {name: value.value}
    if name is not None and is_dataclass(value):
        return {
            name: {f.name: _plain(getattr(value, f.name), arrays, names) for f in fields(value)}
        }
    raise TypeError(
        f"A {type(value).__name__} cannot be kept in a file; see write_value for what can."
    )


def read_value(path: AnyPath, classes: Mapping[str, type]) -> tuple[Any, int]:
    """The value that `write_value` wrote, and its checksum.

    Parameters
    ----------
    path : Path or StorePath
    classes : mapping of str to type
        The dataclasses and enumerations that may be in it, by their names there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedError
        If it is not a complete and unchanged file of `write_value`.
    OSError
        If the file system refuses.
    """
    if path.exists() and not path.is_file():
        raise DamagedError("it is no file")
    with path.open("rb") as file:
        crc, n_structure, n_bytes = _read_head(file.read(_HEAD_BYTES))
        if path.stat().st_size != _HEAD_BYTES + n_bytes:  # before so much memory is asked for
            raise DamagedError(f"expected {_HEAD_BYTES + n_bytes} bytes in it")
        body = np.frombuffer(file.read(n_bytes), np.uint8)
    if checksum(body) != crc:
        raise DamagedError("its checksum is wrong")
    try:
        reader = _Reader(body[n_structure:], classes)
        return reader.value(json.loads(body[:n_structure].tobytes())), crc
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError("another version of dgmm wrote it") from error


def _head(crc: int, n_structure: int, n_bytes: int) -> bytes:
    """The first bytes of a file: checksum, length of the structure, length of the rest."""
    return b"%s %08x %016x %016x\n" % (_MAGIC, crc, n_structure, n_bytes)


def _read_head(head: bytes) -> tuple[int, int, int]:
    """The three numbers of a head."""
    if not head.startswith(_MAGIC):
        raise DamagedError(f"it does not begin as {_MAGIC.decode()}")
    try:
        crc, n_structure, n_bytes = (int(word, 16) for word in head[len(_MAGIC) :].split())
    except ValueError as error:
        raise DamagedError("its head is damaged") from error
    if head != _head(crc, n_structure, n_bytes) or n_structure > n_bytes:
        raise DamagedError("its head is damaged")
    return crc, n_structure, n_bytes


class _Reader:
    """Turns structures into values, taking arrays in the order in which they were written."""

    def __init__(self, octets: NDArray[np.uint8], classes: Mapping[str, type]) -> None:
        self._octets = octets
        self._classes = classes

    def value(self, structure: Any) -> Any:
        if isinstance(structure, list):
            return tuple(self.value(item) for item in structure)
        if not isinstance(structure, dict):
            return structure
        ((name, content),) = structure.items()
        if name == "array":
            return self._array(*content)
        cls = self._classes[name]
        if issubclass(cls, Enum):
            return cls(content)
        return cls(**{key: self.value(member) for key, member in content.items()})

    def _array(self, dtype_name: str, *shape: int) -> NDArray[Any]:
        dtype = np.dtype(dtype_name)
        if dtype.kind not in _NUMBERS:
            raise ValueError(f"found an array of dtype {dtype}, expected numbers")
        octets = self._octets[: math.prod(shape) * dtype.itemsize]
        self._octets = self._octets[octets.size :]
        return octets.view(dtype).reshape(shape).copy()  # aligned, as what was written had been
