#!/bin/sh
# The mean of float16 ones is 1 in NumPy, 0.2 in xarray and np.nanmean, and 0.2, 0 or NaN in Dask.
#
# Expected: np.mean of float16 is safe, because NumPy documents that it uses float32 for the sums in
#   between; whatever is called mean on top of it is so too. The values here are all 1.
# Found: only np.mean does so. xarray (with its default skipna) and np.nanmean add up in float16, where
#   2048 + 1 is 2048: of 10 000 rows the mean is 0.2048. Dask adds up in float16 per chunk, and keeps the
#   number of rows in float16 as well, whose largest is 65504: with 100 000 rows the number is infinite
#   and the mean is 0 in one chunk of rows, NaN in chunks of 1000, where the sum is infinite too.
# Versions: numpy 2.4.6, xarray 2026.9.0, dask 2026.8.0.
# Why it matters: embeddings are stored as float16, and are centred before they are clustered. Nothing
#   warns as long as sums and numbers of rows stay below 65504; above, NumPy warns of an overflow in Dask.
#   `dtype="float64"` in mean and std mends it in Dask.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 xarray==2026.9.0 dask==2026.8.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import dask.array as da
import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("numpy", "xarray", "dask")))
found = {}
for rows in (10_000, 100_000):
    x = np.ones((rows, 2), "f2")
    means = {
        "NumPy": x.mean(axis=0),
        "nanmean": np.nanmean(x, axis=0),
        "xarray": xr.DataArray(x).mean("dim_0"),
        "Dask, one chunk": da.from_array(x, chunks=x.shape).mean(axis=0).compute(),
        "Dask, 1000 rows": da.from_array(x, chunks=(1000, 2)).mean(axis=0).compute(),
        "Dask, float64": da.from_array(x, chunks=x.shape).mean(axis=0, dtype="f8").compute(),
    }
    for name, mean in means.items():
        found[name, rows] = float(np.asarray(mean)[0])
        print(f"{rows:6} rows, {name:15} {found[name, rows]:.5f}")
expected = {
    "NumPy": (1, 1),
    "nanmean": (0.2048, 0.02048),
    "xarray": (0.2048, 0.02048),
    "Dask, one chunk": (0.2048, 0),
    "Dask, 1000 rows": (1, np.nan),
    "Dask, float64": (1, 1),
}
for name, means in expected.items():
    ours = [found[name, 10_000], found[name, 100_000]]
    np.testing.assert_allclose(ours, means, rtol=1e-3, err_msg=f"the behaviour has changed: {name}")
PYTHON
