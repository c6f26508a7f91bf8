#!/bin/sh
# One NaN in a Zarr chunk with the Delta filter turns all values after it into NaN.
#
# Expected: a filter without loss gives back what was written. Delta is described as "codec to encode data
#   as the difference between adjacent values" and takes dtype="f8"; its own example does.
# Found: after a NaN all values of the chunk are read as NaN, and after one large number (1e17) the digits of
#   all others are lost: 3.0, 4.5 come back as 0.0, 1.5. The decoder adds up the differences, in which NaN
#   and rounding stay. No error at writing or reading. How many rows are lost depends on the chunks.
#   FixedScaleOffset to integers stores NaN as 0.0, which is a temperature, with a RuntimeWarning of NumPy.
# Versions: numcodecs 0.16.6, zarr 3.1.6, numpy 2.4.6.
# Why it matters: one missing value costs its row by plan, and here the rest of a chunk. The rows are gone
#   in the store, and fits that drop incomplete rows go on with what is left.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numcodecs==0.16.6 zarr==3.1.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
import zarr
from numcodecs import Delta, FixedScaleOffset

print(*(f"{name} {version(name)}" for name in ("numcodecs", "zarr", "numpy")))


def round_trip(values, chunk, codec):
    options = {"chunks": (chunk,), "zarr_format": 2, "filters": [codec], "compressors": None}
    array = zarr.create_array({}, shape=values.shape, dtype=values.dtype, **options)
    array[:] = values
    return array[:]


def delta(values, chunk):
    with warnings.catch_warnings(action="error"):
        return round_trip(values, chunk, Delta(dtype=values.dtype.str))


values = np.arange(1.0, 13.0)
np.testing.assert_array_equal(delta(values, 12), values)
values[2] = np.nan
for chunk, lost in ((12, 9), (6, 3), (3, 0)):
    found = delta(values, chunk)
    print(f"chunks of {chunk:2}:", found, f"{lost} values lost")
    assert np.isnan(found).sum() == 1 + lost, "the behaviour has changed"
large = np.array([1.0, 1e17, 3.0, 4.5])
print(large, "is read as", delta(large, 4))
assert delta(large, 4)[2:].tolist() == [0, 1.5], "the behaviour has changed"
with warnings.catch_warnings(action="ignore"):
    fixed = round_trip(values, 12, FixedScaleOffset(offset=0, scale=100, dtype="f8", astype="i2"))
print("FixedScaleOffset:", fixed)
assert fixed[2] == 0, "the behaviour of FixedScaleOffset has changed"
PYTHON
