#!/bin/sh
# What was never written to a NetCDF variable is missing for netCDF4-python and 1e37 or -32767 for xarray.
#
# Expected: all readers of NetCDF agree on which values are missing. The users' guide of NetCDF says
#   which values fill what was not written, and that such values are undefined or missing.
# Found: where a variable has no attribute _FillValue, netCDF4-python takes the default fill value for
#   missing; xarray gives the number, by every engine: 9.96921e36 in floats, -32767 in int16. The mean
#   temperature of 280 is 1e36, or -3190 in int16. The same is true of valid_range: netCDF4-python masks
#   values outside of it, xarray does not. No warning. (Issues 2374 and 2742 of xarray ask for it.)
# Versions: xarray 2026.9.0, netCDF4 1.7.5, h5netcdf 1.8.2, scipy 1.17.1, numpy 2.4.6.
# Why it matters: models and instruments leave rows unwritten where there is land or a gap. The
#   rows become a cluster of their own, and all others are standardised to nearly nothing.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 netCDF4==1.7.5.1.post1 \
    h5netcdf==1.8.2 h5py==3.16.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import netCDF4
import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("xarray", "netCDF4", "h5netcdf", "scipy", "numpy")))
values = np.random.default_rng(0).normal(280, 3, 895).round()
engines = {"NETCDF4": ("netcdf4", "h5netcdf"), "NETCDF3_CLASSIC": ("netcdf4", "scipy")}
for layout, names in engines.items():
    with netCDF4.Dataset("x.nc", "w", format=layout) as file:
        file.createDimension("row", 1000)
        for dtype in ("f4", "f8", "i2", "i4"):
            file.createVariable(dtype, dtype, ("row",))[:895] = values
        ranged = file.createVariable("valid_range", "i2", ("row",), fill_value=-32767)
        ranged.valid_range = np.array([0, 1000], "i2")
        ranged[:] = np.append(values, np.full(105, 9999))
    with netCDF4.Dataset("x.nc") as file:
        masked = {name: file[name][:] for name in file.variables}
    for name, column in masked.items():
        assert column.mask.sum() == 105 and abs(column.mean() - 280) < 1, f"netCDF4 has changed: {name}"
    for engine in names:
        with xr.open_dataset("x.nc", engine=engine) as dataset:
            for name, column in masked.items():
                found = dataset[name]
                missing, mean = int(found.isnull().sum()), found.astype("f8").mean().item()
                print(
                    f"{layout} {name:11} netCDF4: {column.mask.sum()} missing, mean {column.mean():.1f};"
                    f" xarray, {engine}: {missing} missing, mean {mean:.4g}"
                )
                assert missing == 0 and abs(mean - 280) > 100, "the behaviour has changed"
PYTHON
