#!/bin/sh
# HDF5's scale-offset filter turns NaN into the smallest value of its chunk.
#
# Expected: scaleoffset=2 keeps two digits behind the point, "lossy for floating-point data" as h5py's
#   documentation says. A missing value stays missing.
# Found: NaN is read back as the minimum of the other values of its chunk, another number in each
#   chunk. No error and no warning: h5py passes the values on, and the filter of the HDF5 library stores
#   the integers of (value - minimum) * 100, among which there is none for NaN.
# Versions: h5py 3.16.0 (HDF5 of its wheel), numpy 2.4.6.
# Why it matters: incomplete rows become complete ones that sit on the lower edge of the data: a cluster of
#   its own, or the left tail of one. Nothing in the file tells which they were.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.16.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
import h5py
import numpy as np

print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version)
nan = np.nan
values = np.array([[21.5, nan, 20.25, 22.0], [7.0, 6.75, nan, nan], [-3.0, nan, 8.5, 2.0]])
found = {}
with h5py.File("x.h5", "w") as file:
    for dtype in ("f4", "f8"):
        for name, options in (("plain", {}), ("scaleoffset", {"scaleoffset": 2})):
            data = file.create_dataset(f"{dtype}-{name}", values.shape, dtype, chunks=(1, 4), **options)
            data[...] = values
with h5py.File("x.h5") as file:
    for name, data in file.items():
        found[name] = data[...]
        print(name, *found[name].tolist())
for dtype in ("f4", "f8"):
    np.testing.assert_array_equal(found[f"{dtype}-plain"], values)
    smallest = np.where(np.isnan(values), np.nanmin(values, axis=1, keepdims=True), values)
    message = "the behaviour has changed"
    np.testing.assert_allclose(found[f"{dtype}-scaleoffset"], smallest, atol=0.01, err_msg=message)
PYTHON
