#!/bin/sh
# Standard deviations of groups in dask.dataframe are 0 for columns of int16, and wrong for int32.
#
# Expected: frame.groupby("label").value.std() gives what pandas gives, for columns of any numbers.
# Found: groups of 16-bit channels with a deviation of 50 have one of 0.0 by std(), NaN by agg("std"), and a
#   variance of -250617 by cov(). The groups add up squares in the dtype of the column, where they
#   overflow, and subtract the square of the sum. So int32 around 100,000 has 37559 for 106, and
#   float64 of seconds since 1970 has 0.0, 0.0 and 31.7 for 1.0. std() gives no warning, and is right
#   without groups.
# Versions: dask 2026.8.0, pandas 3.1.1, numpy 2.4.6.
# Why it matters: mean and deviation of each cluster is the table that one looks at first, and pixels, ADC
#   channels and counts come as small integers. The mean next to it is right.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    'dask[dataframe]==2026.8.0' pandas==3.1.1 numpy==2.4.6 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" -W ignore::RuntimeWarning - <<'PYTHON'
from importlib.metadata import version

import dask.dataframe as dd
import numpy as np
import pandas as pd

print(*(f"{name} {version(name)}" for name in ("dask", "pandas", "numpy")))
random = np.random.default_rng(0)
labels = random.integers(0, 3, 3000)
columns = {
    "int16 channels": random.normal(500, 50, 3000).astype("i2"),
    "uint16 pixels": random.normal(3000, 200, 3000).astype("u2"),
    "int32 counts": random.normal(1e5, 100, 3000).astype("i4"),
    "float64 seconds": 1.7e9 + random.normal(size=3000),
    "float64 channels": random.normal(500, 50, 3000),
}
for name, values in columns.items():
    frame = pd.DataFrame({"label": labels, "value": values})
    parts = dd.from_pandas(frame, npartitions=4)
    groups = parts.groupby("label")
    right = frame.groupby("label").value.std().to_numpy()
    found = {
        "std": groups.value.std().compute(),
        "agg": groups.agg({"value": "std"}).compute().value,
        "cov": groups[["value"]].cov().compute().value.droplevel(1),
        "mean": groups.value.mean().compute(),
    }
    found = {way: series.sort_index().to_numpy() for way, series in found.items()}
    print(f"{name}: pandas {right.round(1)}", *(f"{way} {x.round(1)}" for way, x in found.items()))
    np.testing.assert_allclose(parts.value.std().compute(), frame.value.std(), rtol=1e-6)
    np.testing.assert_allclose(found["mean"], frame.groupby("label").value.mean())
    wrong = not np.allclose(found["std"], right, rtol=0.5)
    assert wrong == (name != "float64 channels"), f"the behaviour has changed for {name}"
    if name == "int16 channels":
        assert (found["std"] == 0).all() and (found["cov"] < 0).all(), "the behaviour has changed"
PYTHON
