"""Checksums by which a changed input is noticed."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_SLICE_BYTES = 1 << 20


def checksum(*arrays: NDArray[np.generic] | None) -> int:
    """CRC-32C of the values of a block's arrays in C order, as stored.

    Parameters
    ----------
    *arrays : ndarray of any shape and dtype, or None
        None adds nothing.

    Returns
    -------
    int
        Unsigned, 32 bits.
    """
    crc = 0
    for array in arrays:
        if array is not None:
            octets = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for start in range(0, octets.size, _SLICE_BYTES):  # so that no second block is held
                crc = google_crc32c.extend(crc, octets[start : start + _SLICE_BYTES].tobytes())
    return crc
