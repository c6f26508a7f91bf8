#!/bin/sh
# kerchunk joins packed files so that all but the first are unpacked by the wrong scale: 310 K become 280 K.
#
# Expected: references of several NetCDF files give the values that the files give, as open_mfdataset does, or
#   the join refuses files that cannot be joined so.
# Found: MultiZarrToZarr keeps scale_factor and add_offset of the first file for the whole variable. Each file
#   of a reanalysis has its own. Chunks of the others are unpacked by those of the first. No error and no
#   warning, when they are joined and when they are read.
# Versions: kerchunk 0.2.10, xarray 2026.9.0, zarr 3.1.6, h5netcdf 1.8.2, numpy 2.4.6.
# Why it matters: references are made because the files are too many to copy, so nobody compares. Months become
#   clusters of their own, or summer falls among the winters, as here. dgmm refuses such references, and joins the
#   files themselves by `concat_dim`, each with its own scale.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check kerchunk==0.2.10 xarray==2026.9.0 \
    zarr==3.1.6 h5netcdf==1.8.2 h5py==3.16.0 dask==2026.8.0 numpy==2.4.6 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from kerchunk.combine import MultiZarrToZarr
from kerchunk.hdf import SingleHdf5ToZarr

names = ("kerchunk", "xarray", "zarr", "h5netcdf", "numpy")
print(*(f"{name} {version(name)}" for name in names))
months = {"winter.nc": np.linspace(270, 280, 400), "summer.nc": np.linspace(290, 310, 400)}
for number, (name, kelvin) in enumerate(months.items()):
    least, most = kelvin.min(), kelvin.max()
    packing = {"scale_factor": (most - least) / 65_000, "add_offset": (most + least) / 2}
    packing |= {"dtype": "int16", "_FillValue": -32768}
    data = xr.Dataset({"t": ("time", kelvin)}, {"time": 400 * number + np.arange(400)})
    data.to_netcdf(name, engine="h5netcdf", encoding={"t": packing})
single = [SingleHdf5ToZarr(name).translate() for name in months]
joined = MultiZarrToZarr(single, concat_dims=["time"], remote_protocol="file").translate()
Path("all.json").write_text(json.dumps(joined))
with (
    xr.open_dataset("all.json", engine="kerchunk") as references,
    xr.open_mfdataset(list(months), engine="h5netcdf") as files,
):
    print("files:     ", files["t"].values[::133].round(1))
    print("references:", references["t"].values[::133].round(1))
    np.testing.assert_allclose(references["t"][:400], files["t"][:400], atol=1e-3)
    assert abs(references["t"][400:] - files["t"][400:]).min() > 10, "the behaviour has changed"
PYTHON
