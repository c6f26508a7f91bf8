#!/bin/sh
# netCDF4-python stores NaN as a good value: as add_offset, in the middle of the data.
#
# Expected: NaN that is written to a packed variable which declares _FillValue is read back as missing. Masked
#   values are, and xarray writes NaN so.
# Found: only masked values are replaced by the fill value. NaN is scaled and cast to an integer, which gives
#   0, and 0 is unpacked to add_offset: 273.15 K for every missing temperature. The reader masks nothing. NumPy warns of
#   an "invalid value encountered in cast", without the name of the variable, and gives another integer on other
#   processors. np.ma.masked_invalid(values) mends it.
# Versions: netCDF4 1.7.5, numpy 2.4.6; the integer is that of x86-64.
# Why it matters: pandas and most of NumPy mark gaps by NaN. Gaps become a cluster without any width, between the
#   others, where no check of extremes finds it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    netCDF4==1.7.5.1.post1 numpy==2.4.6 xarray==2026.9.0 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" -W ignore::RuntimeWarning - <<'PYTHON'
from importlib.metadata import version

import netCDF4
import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("netCDF4", "xarray", "numpy")))
kelvin = np.array([250.0, np.nan, 290.0, np.nan, 300.0])
packing = {"scale_factor": 0.01, "add_offset": 273.15}


def write(path, values):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", len(values))
        variable = file.createVariable("t", "i2", ("time",), fill_value=-32768)
        variable.setncatts(packing)
        variable[:] = values


write("nan.nc", kelvin)
write("masked.nc", np.ma.masked_invalid(kelvin))
encoding = {"t": packing | {"dtype": "i2", "_FillValue": -32768}}
xr.Dataset({"t": ("time", kelvin)}).to_netcdf("xarray.nc", engine="netcdf4", encoding=encoding)
found = {}
for name in ("nan", "masked", "xarray"):
    with netCDF4.Dataset(f"{name}.nc") as file:
        found[name] = file["t"][:]
    print(f"{name + '.nc:':10}", found[name].filled(np.nan).round(2), "mean", round(found[name].mean(), 2))
np.testing.assert_allclose(found["masked"].filled(np.nan), kelvin)
np.testing.assert_allclose(found["xarray"].filled(np.nan), kelvin)
assert not np.ma.getmaskarray(found["nan"]).any(), "the behaviour has changed"
np.testing.assert_allclose(found["nan"][[1, 3]], packing["add_offset"])
PYTHON
