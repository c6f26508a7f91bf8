"""Numbers by which many files say that there is no value, where nothing marks them as such."""

import numpy as np

from dgmm.mixture.types import Array

_USUAL = np.array(
    [
        *(-999.0, -9999.0, -99999.0, -999999.0, 9999.0, 99999.0, 999999.0),
        *(-32768.0, -32767.0, 32767.0, -2147483648.0, -2147483647.0, 2147483647.0),
        *(9.969209968386869e36, 1e20, float(np.float32(1e20)), 1e30, 1e35, 1e36, 1e37),
    ]
)
"""The defaults of netCDF for floats and integers, what models of the ocean write, and nines."""


def find_fill_values(
    minimum: Array, maximum: Array, sample: Array, names: tuple[str, ...]
) -> dict[str, float]:
    """Features whose least or largest value looks as if it meant that there is none.

    It is a usual fill value, and farther from all others than these are from each other.

    Parameters
    ----------
    minimum, maximum : ndarray of shape (n_features,)
        Of all rows.
    sample : ndarray of shape (m, n_features)
        Rows drawn from them.
    names : tuple of str
        Of the features.

    Returns
    -------
    dict of str to float
        The value of each of these features.
    """
    found = {}
    for name, extremes, values in zip(names, np.c_[minimum, maximum], sample.T, strict=True):
        others = values[~np.isin(values, _USUAL)]
        if len(others) == 0:
            continue
        least, largest = others.min(), others.max()
        for value in extremes[np.isin(extremes, _USUAL)]:
            if max(least - value, value - largest) > largest - least:
                found[name] = float(value)
    return found
