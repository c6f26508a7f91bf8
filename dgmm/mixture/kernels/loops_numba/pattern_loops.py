"""Rows by which of their values are missing."""

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.loops_numba.compilation import compiled
from dgmm.mixture.types import Array, Indices

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, vol. 3, sec. 6.4)
_HALF = np.uint64(32)
_BITS = 64
_FEWEST_SLOTS = 1 << 10


@compiled(
    "int64(float64[:, ::1], int64[::1], int64[::1])",
    "int64(float32[:, ::1], int64[::1], int64[::1])",
)
def group_rows(rows: NDArray[np.floating], places: Indices, counts: Indices) -> int:
    """Sort rows by which values they lack, in the order of first rows; the number of groups.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, d)
        NaN marks what is missing.
    places : ndarray of shape (n_rows,)
        Set to the rows of the first group, of the second and so on, rising in each.
    counts : ndarray of shape (n_rows,)
        Set to the numbers of rows of the groups.
    """
    n_rows, d = rows.shape
    size = _FEWEST_SLOTS  # of the table that is in use; the rest has not been touched
    slots = np.empty(4 * n_rows + size, np.int32)
    keys = np.empty(n_rows, np.uint64)
    groups = np.empty(n_rows, np.int32)
    firsts = np.empty(n_rows, np.int32)
    n_groups = 0
    slots[:size] = -1
    for t in range(n_rows):
        key = np.uint64(0)  # of up to 64 features: different for different patterns
        for start in range(0, d, _BITS):
            word = np.uint64(0)
            for i in range(start, min(start + _BITS, d)):
                value = rows[t, i]
                word |= np.uint64(value != value) << np.uint64(i - start)
            key = (key ^ word) * _MULTIPLIER
            key ^= key >> _HALF
        slot = np.int64(key & np.uint64(size - 1))
        while True:
            group = slots[slot]
            if group < 0:
                break
            is_same = keys[group] == key
            if is_same and d > _BITS:
                for i in range(d):
                    a, b = rows[t, i], rows[firsts[group], i]
                    is_same &= (a != a) == (b != b)
            if is_same:
                break
            slot = (slot + 1) % size
        if group < 0:
            group = n_groups
            slots[slot], keys[group], firsts[group], counts[group] = group, key, t, 0
            n_groups += 1
            if 2 * n_groups > size:
                size *= 2
                slots[:size] = -1
                for g in range(n_groups):
                    slot = np.int64(keys[g] & np.uint64(size - 1))
                    while slots[slot] >= 0:
                        slot = (slot + 1) % size
                    slots[slot] = g
        groups[t] = group
        counts[group] += 1
    stop = 0
    for group in range(n_groups):
        firsts[group] = stop
        stop += counts[group]
    for t in range(n_rows):
        group = groups[t]
        places[firsts[group]] = t
        firsts[group] += 1
    return n_groups


@compiled(
    "void(float64[:, ::1], int64[::1], int64[::1], float64[:, ::1])",
    "void(float32[:, ::1], int64[::1], int64[::1], float64[:, ::1])",
)
def gather(rows: NDArray[np.floating], places: Indices, features: Indices, found: Array) -> None:
    """Copy some features of some rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, d)
    places : ndarray of shape (m,)
        Of the rows.
    features : ndarray of shape (n,)
    found : ndarray of shape (m, n)
        Set to the values.
    """
    for t in range(places.size):
        row, values = rows[places[t]], found[t]
        for j in range(features.size):
            values[j] = row[features[j]]


@compiled("void(float64[:, ::1], float64[::1], float64[:, ::1])")
def mask(x: Array, origin: Array, masked: Array) -> None:
    """Put zeros in place of missing values, and mark what is there.

    Parameters
    ----------
    x : ndarray of shape (n_rows, d)
    origin : ndarray of shape (d,)
        Subtracted from every row.
    masked : ndarray of shape (n_rows, 2d)
        Set to the rows, and then to 1 for values that are there and 0 for others.
    """
    d = origin.size
    for t in range(len(x)):
        row, found = x[t], masked[t]
        for i in range(d):
            value = row[i] - origin[i]
            is_there = value == value
            found[i] = value if is_there else 0.0
            found[d + i] = 1.0 if is_there else 0.0
