#!/bin/sh
# In pandas with Arrow the mean of whole decimals is whole: shares of 0.19, 0.53 and 0.80 become 0, 1 and 1.
#
# Expected: frame.groupby("label").flag.mean() is the share of rows with the flag in each group, whatever the
#   dtype of the column. The mean of 0 and 1 is 0.5.
# Found: where pandas has columns of Arrow (dtype_backend="pyarrow"), the mean of decimals, of all rows and of
#   groups, is a decimal too, rounded to the scale of the column. Databases write whole numbers as
#   decimals of scale 0, such as NUMBER(38, 0), so a mean of 0.51 is 1. It is Arrow's function "mean" that
#   returns the type of its argument. No warning. The standard deviation of the same column is right, and so are
#   means of the same file by pandas without Arrow, DuckDB and Polars.
# Versions: pandas 3.1.1, pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0.
# Why it matters: features are centred by their mean and clusters compared by theirs. Shares come
#   out as 0 or 1, and look like a perfect separation.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pandas==3.1.1 pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

print(*(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "duckdb", "polars")))
random = np.random.default_rng(0)
label = np.repeat([0, 1, 2], 1000)
flag = (random.random(3000) < np.array([0.2, 0.5, 0.8])[label]).astype(int)
right = [flag[label == k].mean() for k in range(3)]
numbers = pa.array(flag).cast(pa.decimal128(38, 0))
pq.write_table(pa.table({"label": label, "flag": numbers}), "rows.parquet")
arrow = pd.read_parquet("rows.parquet", dtype_backend="pyarrow")
plain = pd.read_parquet("rows.parquet")
query = "select avg(flag) from 'rows.parquet' group by label order by label"
polars = pl.read_parquet("rows.parquet").group_by("label").agg(pl.col("flag").mean())
means = {
    "NumPy": right,
    "pandas": plain.groupby("label").flag.mean(),
    "DuckDB": [row[0] for row in duckdb.sql(query).fetchall()],
    "Polars": polars.sort("label")["flag"],
    "pandas with Arrow": arrow.groupby("label").flag.mean(),
}
means = {name: np.array([float(x) for x in values]) for name, values in means.items()}
for name, values in means.items():
    print(f"{name:17}: means of groups {values.round(3)}")
print(f"pandas with Arrow: mean {arrow.flag.mean()!r}, std {arrow.flag.std():.3f}; NumPy {flag.mean():.3f}")
for name in ("pandas", "DuckDB", "Polars"):
    np.testing.assert_allclose(means[name], right)
np.testing.assert_allclose(arrow.flag.std(), flag.std(ddof=1))
assert set(means["pandas with Arrow"]) <= {0.0, 1.0}, "the behaviour has changed"
assert float(arrow.flag.mean()) in (0.0, 1.0), "the behaviour has changed"
PYTHON
