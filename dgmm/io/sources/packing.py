"""Packed numbers by the CF conventions: fill values, a scale, an offset and a sign.

https://cfconventions.org/cf-conventions/cf-conventions.html#packed-data, and for ``_Unsigned`` the
NetCDF User's Guide, Appendix A. Results are those of xarray's decoding, dtype included.
"""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.storage.location import AnyPath

_MISSING = ("_FillValue", "missing_value")


@dataclass(frozen=True, slots=True)
class Packing:
    """How stored numbers are decoded.

    Attributes
    ----------
    signed : numpy.dtype
        As what stored values are to be seen before anything else.
    dtype : numpy.dtype
        Of the numbers that are meant.
    missing : ndarray of dtype ``signed``
        Values that stand for none; NaN needs no mention.
    scale, offset : float, or None
        They are multiplied by the one, and the other is added.
    """

    signed: np.dtype[Any]
    dtype: np.dtype[Any]
    missing: NDArray[Any]
    scale: np.generic | None
    offset: np.generic | None

    @property
    def is_plain(self) -> bool:
        """Whether stored numbers need no decoding."""
        return not self.missing.size and self.scale is None and self.offset is None

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """The decoded numbers; NaN for missing ones."""
        seen = values.view(self.signed) if values.dtype != self.signed else values
        if self.is_plain:
            return seen
        absent = np.isin(seen, self.missing) if self.missing.size else None
        decoded = seen.astype(self.dtype)
        if self.scale is not None:
            decoded *= self.scale
        if self.offset is not None:
            decoded += self.offset
        if absent is not None:
            decoded[absent] = np.nan
        return decoded

    def is_missing(self, stored: Any) -> bool:
        """Whether a stored value marks a missing one."""
        value = np.array([stored]).astype(self.signed)
        return bool(self.decode(value).dtype.kind == "f" and np.isnan(self.decode(value)[0]))


def read_packing(
    dtype: np.dtype[Any], attributes: Mapping[str, Any], fill_value: Any = None
) -> Packing:
    """The packing that the attributes of an array describe.

    Parameters
    ----------
    dtype : numpy.dtype
        As stored.
    attributes : mapping
        Of which `_FillValue`, `missing_value`, `scale_factor`, `add_offset`, `_Unsigned` count.
    fill_value : scalar, optional
        Of the storage, where it too means that a value is missing.
    """
    if dtype.kind not in "buif":
        return Packing(dtype, dtype, np.empty(0, dtype), None, None)
    signed = _apply_unsigned(dtype, to_text(attributes.get("_Unsigned", "")))
    named = [fill_value, *(attributes.get(name) for name in _MISSING)]
    missing = [value for each in named for value in _stored_values(each, dtype, signed)]
    scale, offset = (_scalar(attributes.get(name)) for name in ("scale_factor", "add_offset"))
    is_plain = not missing and scale is None and offset is None
    return Packing(
        signed,
        signed if is_plain else _decoded_dtype(signed, scale, offset),
        np.array(missing, dtype).view(signed),
        scale,
        offset,
    )


def _apply_unsigned(dtype: np.dtype[Any], unsigned: str) -> np.dtype[Any]:
    kinds = {("i", "true"): "u", ("u", "false"): "i"}
    kind = kinds.get((dtype.kind, unsigned.lower()))
    return dtype if kind is None else np.dtype(f"{dtype.byteorder}{kind}{dtype.itemsize}")


def _decoded_dtype(
    stored: np.dtype[Any], scale: np.generic | None, offset: np.generic | None
) -> np.dtype[Any]:
    """The float dtype of decoded numbers, chosen as in xarray.

    That of scale and offset if they have one, unless integers of 32 bits or more would lose
    digits; with an offset alone float64; without both the smallest that holds what is stored.
    """
    if scale is None and offset is None:
        return np.result_type(stored, np.float32)
    types = {value.dtype for value in (scale, offset) if value is not None}
    if offset is not None and (scale is None or len(types) > 1):
        return np.dtype(np.float64)
    is_wide = stored.kind in "iu" and stored.itemsize >= 4 and offset is not None
    return np.dtype(np.float64) if is_wide else np.result_type(np.float32, *types)


def _stored_values(named: Any, dtype: np.dtype[Any], signed: np.dtype[Any]) -> list[Any]:
    """Values of an attribute as the array holds them; none for NaN and what it cannot hold."""
    if named is None:
        return []
    numbers = (_number(value) for value in np.ravel(named).tolist())
    found = [value for value in numbers if value is not None and not np.isnan(value)]
    if dtype.kind == "f":  # the 1e20 of a float64 attribute is another number in float32
        with np.errstate(over="ignore"):
            return [np.asarray(value).astype(dtype)[()] for value in found]
    held = {limit for each in (dtype, signed) for limit in _limits(each)}
    whole = [int(v) for v in found if min(held) <= v <= max(held) and v == int(v)]
    low, high = _limits(dtype)
    return [(value - low) % (high - low + 1) + low for value in whole]  # the same bits


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _number(value: Any) -> float | int | None:
    """A number, which Zarr v3 writes as base64 of a little-endian float64."""
    if not isinstance(value, str | bytes):
        return value if isinstance(value, int | float) else None
    text = to_text(value)
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(struct.unpack("<d", base64.b64decode(text, validate=True))[0])
    except (ValueError, struct.error):
        return None


def _scalar(value: Any) -> np.generic | None:
    """The number of an attribute, in its own dtype."""
    if value is None:
        return None
    found = np.ravel(np.asarray(value))
    if found.size != 1 or found.dtype.kind not in "iuf":
        raise ValueError(f"a scale or an offset is {value!r}, expected one number")
    return found[0]


def to_text(value: Any) -> str:
    """An attribute as text, whichever type wrote it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.item() if value.size == 1 else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def refuse_times(path: AnyPath, name: str, attributes: Mapping[str, Any]) -> None:
    """Refuse integers that are times by their units, or by what xarray notes of their dtype.

    Raises
    ------
    DataError
    """
    units, noted = to_text(attributes.get("units", "")), to_text(attributes.get("dtype", ""))
    if " since " in units or noted.startswith(("datetime64", "timedelta64")):
        raise DataError(
            f"The variable {name} of {path} is times ({units or noted}), expected real numbers. "
            "Choose others."
        )
