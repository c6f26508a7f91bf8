#!/bin/sh
# ome-zarr's write_image drops the units of axes that are given as dictionaries.
#
# One would expect: axes=[{"name": "y", "type": "space", "unit": "micrometer"}, ...] is what the
# specification stores as "axes", and what write_image takes; so the unit is in the metadata.
# What happens: name and type are written, the unit is gone, without a warning. Only the separate argument
# axes_units={"y": "micrometer"} writes it.
# Why it matters: sizes of pixels are read as numbers without a unit, and viewers take them for pixels.
# Versions: ome-zarr 0.18.0, zarr 3.1.6, Python 3.11.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-zarr==0.18.0 zarr==3.1.6 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import zarr
from ome_zarr.writer import write_image

print(f"ome-zarr {version('ome-zarr')}, zarr {zarr.__version__}")
axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
units = {}
for case, more in (("axes", {}), ("axes_units", {"axes_units": {"y": "micrometer", "x": "micrometer"}})):
    path = f"{sys.argv[1]}/{case}.zarr"
    write_image(np.zeros((64, 48), "u2"), path, axes=axes, **more)
    written = dict(zarr.open_group(path, mode="r").attrs)["ome"]["multiscales"][0]["axes"]
    units[case] = [axis.get("unit") for axis in written]
    print(f"units given by {case}: {units[case]}")
expected = {"axes": [None, None], "axes_units": ["micrometer", "micrometer"]}
sys.exit(0 if units == expected else f"the behaviour has changed: {units}")
PYTHON
