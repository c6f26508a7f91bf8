#!/bin/sh
# dask.array.unique lists NaN among the values and counts it zero times.
#
# Expected: da.unique(x, return_counts=True) gives what np.unique gives; the counts add up to the rows.
# Found: the count of NaN is 0 however many there are, in one chunk or in several. The counts of the
#   chunks are added up where `values == value`, which is never true of NaN. No error, no warning; the
#   values themselves are right, with one NaN, as in NumPy.
# Versions: dask 2026.8.0, numpy 2.4.6.
# Why it matters: labels of clusters are floating point where rows without data are NaN (rasters, tables
#   that were joined). Sizes of clusters are right, and the rows that were left out seem to be none.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import dask
import dask.array as da
import numpy as np

print(*(f"{name} {version(name)}" for name in ("dask", "numpy")))
labels = np.array([0.0, np.nan, 1.0, 1.0, np.nan, 0.0, 1.0, np.nan])
values, counts = np.unique(labels, return_counts=True)
print("NumPy:               ", values, counts)
assert counts.tolist() == [2, 3, 3]
for chunk in (8, 4, 1):
    by_chunk = da.unique(da.from_array(labels, chunks=chunk), return_counts=True)
    found, found_counts = dask.compute(*by_chunk)
    print(f"Dask, chunks of {chunk} rows:", found, found_counts)
    np.testing.assert_array_equal(found, values)
    assert found_counts.tolist() == [2, 3, 0], "the behaviour has changed"
PYTHON
