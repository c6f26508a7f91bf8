#!/bin/sh
# The mean of a float32 column depends on the memory order of the array, and in Dask on its chunks.
#
# Expected: NumPy sums pairwise, so the mean of float32 is good to six digits or so however many rows.
#   The standard deviation of a column whose values are all the same is zero.
# Found: pairwise sums are made along contiguous memory only. Over the rows of a table in C order, the
#   usual one, NumPy adds row by row to one float32: of two million rows of 300.1 the mean is 297.6 and
#   the standard deviation 2.5; of the same array in Fortran order 300.1 and 0. xarray gives what NumPy
#   gives, skipna or not. Dask adds up chunks, so the result changes with their size. pandas sums
#   float32 in float64 and is right.
# Versions: numpy 2.4.6, xarray 2026.9.0, dask 2026.8.0, pandas 3.1.1.
# Why it matters: features are centred and scaled by these numbers before they are clustered, and big
#   data is float32. `dtype="float64"` of mean and std mends it, without a copy of the data.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 xarray==2026.9.0 dask==2026.8.0 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("numpy", "xarray", "dask", "pandas")))
rows = 2_000_000
x = np.full((rows, 2), 300.1, "f4")
frame = pd.DataFrame(x)
ways = {
    "NumPy, C order": (x.mean(axis=0), x.std(axis=0)),
    "NumPy, Fortran order": (np.asfortranarray(x).mean(axis=0), np.asfortranarray(x).std(axis=0)),
    "NumPy, dtype float64": (x.mean(axis=0, dtype="f8"), x.std(axis=0, dtype="f8")),
    "xarray": (xr.DataArray(x).mean("dim_0"), xr.DataArray(x).std("dim_0")),
    "pandas": (frame.mean(), frame.std()),
}
for chunk in (1_000_000, 100_000, 1_000):
    chunks = da.from_array(x, chunks=(chunk, 2))
    ways[f"Dask, {chunk} rows"] = (chunks.mean(axis=0).compute(), chunks.std(axis=0).compute())
found = {}
for name, numbers in ways.items():
    found[name] = mean, deviation = [float(np.asarray(number)[0]) for number in numbers]
    print(f"{name:21} mean {mean:.5f} standard deviation {deviation:.5f}")
wrong, right = found["NumPy, C order"], [float(x[0, 0]), 0.0]
assert abs(wrong[0] - right[0]) > 2 and wrong[1] > 2, "the behaviour has changed: C order is right"
assert found["xarray"] == wrong, "the behaviour has changed: xarray and NumPy differ"
for name in ("NumPy, Fortran order", "NumPy, dtype float64", "pandas", "Dask, 1000 rows"):
    np.testing.assert_allclose(found[name], right, rtol=0, atol=0.01)
large, small = (abs(found[f"Dask, {chunk} rows"][0] - right[0]) for chunk in (1_000_000, 100_000))
assert large > 5 * small > 0.05, "the behaviour has changed: chunks do not matter any more"
PYTHON
