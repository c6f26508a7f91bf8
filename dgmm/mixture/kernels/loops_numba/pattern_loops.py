"""Rows by which of their values are missing."""

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.loops_numba.compilation import compiled
from dgmm.mixture.kernels.loops_numba.expanded_loops import add
from dgmm.mixture.types import Array, Indices

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, vol. 3, sec. 6.4)
_HALF = np.uint64(32)
_BITS = 64
_FEWEST_SLOTS = 1 << 10
CACHED_ROWS = 1 << 14
"""Rows of a block that are worked on at a time: a megabyte of 8 features."""


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
    "void(float64[:, ::1], float64[::1], float64[::1], int64[::1], int64[:, ::1], int64[::1],"
    " float64[::1], int64[::1], int64[::1], float64[::1], float64[:, :, ::1], float64[:, :, ::1],"
    " float64[::1])"
)
def add_patterns(
    x: Array,
    origin: Array,
    weights: Array,
    places: Indices,
    table: Indices,
    features: Indices,
    thetas: Array,
    factors: Indices,
    stops: Indices,
    sums: Array,
    scores: Array,
    scatters: Array,
    scratch: Array,
) -> None:
    """Add rows of several patterns to the sums of the expanded kernel, each to those of its own.

    Rows are taken in the order of the block, so many at a time that they stay in the cache.

    Parameters
    ----------
    x : ndarray of shape (n_rows, d)
    origin : ndarray of shape (d,)
        Subtracted from every row.
    weights : ndarray of shape (n_rows,), or (0,)
        Ones, if there are none.
    places : ndarray of shape (m,)
        The rows of the first pattern, of the second and so on, rising in each.
    table : ndarray of shape (n_patterns, 6)
        Of each pattern: where its rows end in ``places``, observed features, entries p of their
        feature map, and a :class:`dgmm.mixture.kernels.tiling.TileShape`.
    features, thetas, factors, sums : ndarray
        One after the other: observed features, and arguments of
        :func:`dgmm.mixture.kernels.loops_numba.add` of shapes (C, p), (2, p) and (p, C).
    stops : ndarray of shape (n_models,)
        Where each model's components end.
    scores : ndarray of shape (n_patterns, 2, n_models)
        As for :func:`dgmm.mixture.kernels.loops_numba.add`, added to in place.
    scatters : ndarray of shape (n_patterns, d, d), or (0, d, d)
        Weighted outer products of observed values are added to the first rows and columns.
    scratch : ndarray
        The largest that a shape needs; overwritten.
    """
    n_rows, n_components = len(x), stops[-1]
    about = np.zeros(origin.size)
    values, scaled = np.empty(CACHED_ROWS * origin.size), np.empty(CACHED_ROWS * origin.size)
    shares, shifts = np.ones(CACHED_ROWS), np.empty(origin.size)
    posterior, densities = np.empty((n_components, 0)), np.empty((stops.size, 0))
    cursors = np.zeros(len(table), np.int64)
    cursors[1:] = table[:-1, 0]
    for limit in range(CACHED_ROWS, n_rows + CACHED_ROWS, CACHED_ROWS):
        first_feature, first_entry = 0, 0
        for p in range(len(table)):
            n, length = table[p, 1], table[p, 2]
            start = cursors[p]
            stop = start
            while stop < table[p, 0] and places[stop] < limit:
                stop += 1
            cursors[p] = stop
            observed = features[first_feature : first_feature + n]
            entries = slice(first_entry * n_components, (first_entry + length) * n_components)
            of_map = factors[2 * first_entry : 2 * (first_entry + length)].reshape((2, length))
            first_feature += n
            first_entry += length
            if stop == start:
                continue
            rows = values[: (stop - start) * n].reshape((stop - start, n))
            for j in range(n):
                shifts[j] = origin[observed[j]]
            for t in range(stop - start):
                place = places[start + t]
                for j in range(n):
                    rows[t, j] = x[place, observed[j]] - shifts[j]
            for t in range(stop - start if weights.size > 0 else 0):
                shares[t] = weights[places[start + t]]
            add(
                rows,
                about[:n],
                shares[: stop - start],
                thetas[entries].reshape((n_components, length)),
                stops,
                of_map,
                table[p, 3],
                table[p, 4],
                table[p, 5] != 0,
                sums[entries].reshape((length, n_components)),
                scores[p],
                scratch,
                posterior,
                densities,
            )
            if len(scatters) > 0:
                others = scaled[: (stop - start) * n].reshape((stop - start, n))
                for t in range(stop - start):
                    for j in range(n):
                        others[t, j] = rows[t, j] * shares[t]
                scatters[p, :n, :n] += np.dot(rows.T, others)


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
