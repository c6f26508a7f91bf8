#!/bin/sh
# xarray packs a joined dataset with the scale and offset of its first file: 308 K become 271 K.
#
# Expected: ds = open_mfdataset([...]); ds.to_netcdf("all.nc") holds the values of ds, or an error says that
#   some do not fit.
# Found: where every file has its own scale_factor and add_offset, as files of reanalyses do, the result of
#   the join keeps those of the first file as its encoding. Values beyond the range of 16 bits in the
#   second file are stored modulo 65536: off by 37 K, and no longer in the order that they had. No error, no
#   warning, no missing value, in NetCDF and in Zarr. The documentation says that operations which change a
#   variable drop its encoding; a join keeps it. ds.drop_encoding() before writing mends it.
# Versions: xarray 2026.9.0, dask 2026.8.0, h5netcdf 1.8.2, zarr 3.1.6, numpy 2.4.6.
# Why it matters: to join many files into one store is the step before any work on them. Summer turns up
#   among the cold values, and as a cluster of its own.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 dask==2026.8.0 \
    h5netcdf==1.8.2 h5py==3.16.0 zarr==3.1.6 numpy==2.4.6 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" -W error -W ignore::UserWarning:zarr - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("xarray", "dask", "h5netcdf", "zarr", "numpy")))
random = np.random.default_rng(0)
for month, mean in enumerate((280, 300)):
    values = random.normal(mean, 3, (24, 10))
    low, high = values.min(), values.max()
    packing = {"scale_factor": (high - low) / 65532, "add_offset": (high + low) / 2}
    hours = {"time": np.arange(24) + 24 * month}
    dataset = xr.Dataset({"t2m": (("time", "x"), values)}, hours)
    encoding = {"t2m": {**packing, "dtype": "int16", "_FillValue": -32767}}
    dataset.to_netcdf(f"{month}.nc", engine="h5netcdf", encoding=encoding)
files = {"combine": "nested", "concat_dim": "time", "engine": "h5netcdf", "join": "exact"}
joined = xr.open_mfdataset(["0.nc", "1.nc"], **files)
joined.to_netcdf("all.nc", engine="h5netcdf")
joined.to_zarr("all.zarr", consolidated=False)
joined.drop_encoding().to_netcdf("dropped.nc", engine="h5netcdf")
found = {"joined": joined}
found["NetCDF"] = xr.open_dataset("all.nc", engine="h5netcdf")
found["Zarr"] = xr.open_zarr("all.zarr", consolidated=False)
found["drop_encoding"] = xr.open_dataset("dropped.nc", engine="h5netcdf")
for name, lazy in found.items():
    dataset = lazy.compute()
    mean = dataset.t2m.mean("x")[24:].mean().item()
    error = np.abs(dataset.t2m - joined.t2m.compute()).max().item()
    extent = f"{dataset.t2m.min().item():.1f} to {dataset.t2m.max().item():.1f}"
    print(f"{name:13}: {extent}, second month {mean:.1f}, largest difference {error:.2f}")
    assert dataset.t2m.notnull().all()
    wrong = name in ("NetCDF", "Zarr")
    assert (error > 30) == wrong, f"the behaviour has changed: {name}"
PYTHON
