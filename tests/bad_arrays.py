"""Arrays that people bring: which are fitted, to the bits of which others, and which are refused.

One table for the command and the estimator; ``docs/bad_data.md`` tells the rules.
"""

import numpy as np

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(60, 3)) + 6 * _RNG.integers(0, 2, (60, 1))


def _with(value, where):
    rows = X.copy()
    rows[where] = value
    return rows


def _unaligned(rows):
    buffer = np.empty(rows.nbytes + 1, np.uint8)
    odd = buffer[1:].view(rows.dtype).reshape(rows.shape)
    odd[...] = rows
    assert not odd.flags.aligned
    return odd


def _read_only(rows):
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


FITTED = {
    "a constant column": _with(7.0, np.s_[:, 1]),
    "a constant column that float64 cannot hold": _with(0.1, np.s_[:, 1]),
    "all rows equal": np.full((30, 3), 3.3),
    "all rows zero": np.zeros((30, 3)),
    "fewer distinct rows than components": np.repeat(X[:2], 15, axis=0),
    "as many rows as components": X[:3],
    "more features than rows": _RNG.normal(size=(8, 20)),
    "one feature": X[:, :1],
    "1e8 +- 1e-3": 1e8 + 1e-3 * X,
    "scale 1e-138": X * 1e-138,
    "scale 1e138": X * 1e138,
    "scales 1e-50 to 1e60": X * [1e-50, 1.0, 1e60],
    "one row far away": _with(1e100, np.s_[5]),
    "integers beyond 2^53": (X * 1e17).astype(np.int64),
    "the largest unsigned integers": (np.abs(X) * 1e18).astype(np.uint64),
    "the largest half precision": np.where(X > 3, np.float16(65504), np.float16(-65504)),
}
"""Data that end in numbers, none of them NaN."""

SAME_BITS = {
    "bool": X > 3,
    "uint8": (40 * np.abs(X)).astype(np.uint8).clip(0, 255),
    "int16": (1000 * X).astype(np.int16),
    "int64": (1000 * X).astype(np.int64),
    "float16": X.astype(np.float16),
    "float32": X.astype(np.float32),
    "big-endian float64": X.astype(">f8"),
    "big-endian float32": X.astype(">f4"),
    "big-endian int16": (1000 * X).astype(">i2"),
    "Fortran order": np.asfortranarray(X),
    "every second row and column backwards": np.repeat(np.repeat(X, 2, 0), 2, 1)[::-2, ::-2],
    "read-only": _read_only(X),
    "unaligned": _unaligned(X),
}
"""Data that give what the same values in float64, aligned and in C order, give."""

NOT_NUMBERS = {
    "object": X.astype(object),
    "str": X.astype("U5"),
    "bytes": X.astype("S5"),
    "datetime64[s]": (X * 1000).astype("M8[s]"),
    "timedelta64[s]": (X * 1000).astype("m8[s]"),
    "complex128": X.astype(np.complex128),
    "structured": np.zeros((30, 3), [("a", "i4"), ("b", "f4")]),
}
"""Data whose dtype is refused by its name."""

REFUSED = {
    "NaN": (_with(np.nan, np.s_[7, 1]), r"row 7 column 'x1' \(nan\)"),
    "inf": (_with(np.inf, np.s_[7, 1]), r"row 7 column 'x1' \(inf\)"),
    "-inf in half precision": (
        _with(-np.inf, np.s_[59, 2]).astype(np.float16),
        r"row 59 column 'x2' \(-inf\)",
    ),
    "all NaN": (np.full((30, 3), np.nan), r"90 values that are NaN or infinite"),
    "scale 1e-150": (X * 1e-150, r"expected at most 1e\+140 and at least 1e-140"),
    "scale 1e150": (X * 1e150, r"expected at most 1e\+140 and at least 1e-140"),
    "scales 1e-150 to 1e150": (X * [1e-150, 1.0, 1e150], r"expected at most 1e\+140 and at least"),
    "scales 1e-130 to 1": (X * [1e-130, 1.0, 1.0], r"at most a factor of 1e\+120 between them"),
    "subnormal": (X * 5e-324, r"expected at most 1e\+140 and at least 1e-140"),
    "the end of float64": (X * 1e307, r"expected at most 1e\+140 and at least 1e-140"),
    "fewer rows than components": (X[:2], r"n_samples = 2.*n_components = 3"),
    "no rows": (X[:0], r"empty|0 sample|expected at least one row"),
    "no columns": (X[:, :0], r"empty|0 feature|expected at least one row"),
    "one dimension": (X[:, 0], r"one-dimensional|2D array"),
    "three dimensions": (X.reshape(5, 12, 3), r"expected two dimensions|dim 3|3 dimension"),
    "no dimension": (np.array(3.0), r"expected two dimensions|2D array"),
}
"""Data that are refused, and what the message says."""


def plain(rows):
    """The same values in float64, aligned, in C order."""
    return np.array(rows, dtype=np.float64, order="C")
