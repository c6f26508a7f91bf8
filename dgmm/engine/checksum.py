"""Checksums by which a changed input is noticed."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_SLICE_BYTES = 1 << 20


def checksum(block: NDArray[np.generic]) -> int:
    """CRC-32C of a block's values in C order, as stored.

    Parameters
    ----------
    block : ndarray of any shape and dtype

    Returns
    -------
    int
        Unsigned, 32 bits.
    """
    octets = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
    crc = 0
    for start in range(0, octets.size, _SLICE_BYTES):  # slices, so that no second block is held
        crc = google_crc32c.extend(crc, octets[start : start + _SLICE_BYTES].tobytes())
    return crc
