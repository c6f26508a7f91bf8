#!/bin/sh
# A table of a DataTree's group has a row for every combination with coordinates of the groups above.
#
# One would expect: a group with three variables along `candidate`, ten of them, is a table of ten rows:
# tree["sweep"].to_dataset().to_dataframe().
# What happens: 490 rows. Index coordinates of the root, which none of the group's variables has, are
# inherited by `to_dataset()` (its default), and `to_dataframe()` takes the product of all dimensions of
# the data set, those of coordinates alone included; every row of the group comes 49 times.
# Why it matters: means and counts of such a table are wrong by a factor, or weighted, without a word. A
# writer of hierarchical files must not put coordinates above groups that do not use them.
# Versions: xarray 2026.9.0, pandas 3.1.1, Python 3.11 or later.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet xarray==2026.9.0 pandas==3.1.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import pandas as pd
import xarray as xr

print(f"xarray {xr.__version__}, pandas {pd.__version__}")
names = list("abcdefg")
root = xr.Dataset(coords={"feature": names, "feature_2": names})
sweep = xr.Dataset({"bic": ("candidate", np.arange(10.0))}, {"candidate": np.arange(10)})
tree = xr.DataTree.from_dict({"/": root, "/sweep": sweep})
inherited = tree["sweep"].to_dataset().to_dataframe()
own = tree["sweep"].to_dataset(inherit=False).to_dataframe()
print(f"rows: {len(inherited)} by default, {len(own)} with inherit=False, {sweep.sizes['candidate']} written")
sys.exit(0 if (len(inherited), len(own)) == (490, 10) else "the behaviour has changed")
PYTHON
