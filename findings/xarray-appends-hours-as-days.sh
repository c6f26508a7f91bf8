#!/bin/sh
# xarray appends noon of 2 January 2020 to a daily Zarr store as 6 February.
#
# Expected: ds.to_zarr(store, append_dim="time") adds the times of ds, or refuses those that the units of the
#   store cannot express.
# Found: a store whose times are whole days has the units "days since 2020-01-01", in integers. Times with
#   hours are encoded as hours and appended, 36 for noon of the second day, and the store keeps its unit, days.
#   A warning says "Serializing with units 'hours since 2020-01-01' instead", as if the store had changed.
# Versions: xarray 2026.9.0, zarr 3.1.6, numpy 2.4.6, pandas 3.1.1; for Zarr v2 and v3.
# Why it matters: stores grow by a piece each night, and the first piece decides the units. Selections by time then
#   miss rows, or take others. Give the first piece encoding={"time": {"units": "seconds since 1970-01-01"}}.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("xarray", "zarr", "numpy", "pandas")))


def piece(*times):
    """Some values at these times."""
    return xr.Dataset({"t": ("time", np.arange(float(len(times))))}, {"time": np.array(times, "M8[ns]")})


first, second = ["2020-01-01", "2020-01-02"], ["2020-01-02T12", "2020-01-03T06"]
for zarr_format in (2, 3):
    found = {}
    for name, encoding in (("days", {}), ("seconds", {"units": "seconds since 1970-01-01"})):
        store = f"{name}{zarr_format}.zarr"
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            options = {"zarr_format": zarr_format, "consolidated": False}
            piece(*first).to_zarr(store, encoding={"time": encoding}, **options)
            piece(*second).to_zarr(store, append_dim="time", **options)
        found[name] = xr.open_zarr(store, consolidated=False)["time"].values.astype("M8[h]")
        print(f"Zarr v{zarr_format}, in {name}:", *found[name])
        print(*(f"    {warning.message}"[:110] for warning in said), sep="\n")
    np.testing.assert_array_equal(found["seconds"], np.array(first + second, "M8[h]"))
    assert found["days"][2] == np.datetime64("2020-02-06T00"), "the behaviour has changed"
PYTHON
