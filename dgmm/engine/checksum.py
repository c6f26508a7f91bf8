"""Checksums by which changes of the input are detected."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray


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
            crc = google_crc32c.extend(crc, octets)
    return crc
