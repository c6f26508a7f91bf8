#!/bin/sh
# In pyiceberg a longer list after `not in` gives more rows, and delete leaves rows that scan shows.
#
# Expected: `region not in ('a', 'b')` gives no row that `region not in ('a')` does not give, and
#   table.delete(filter) removes the rows that table.scan(filter) shows. Missing values meet neither, as in SQL.
# Found: a list of one is `region != 'a'` and leaves out rows without a region; a list of two or more keeps
#   them: 2 and then 3 of the same 6 rows. delete() with the same filter removes 1 of the 3. The
#   comparison with NaN is alike: `not x < 5` shows a row with NaN, which is not deleted, and of which
#   `x >= 5` knows nothing. DuckDB and Polars leave missing values out of all of these. pyarrow and pandas
#   keep them for `not in`, also of one, and leave them out for `!=`.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0, pandas 3.1.1.
# Why it matters: `not in` is how one leaves out sites, samples or flags before a fit. Rows of no known site come
#   in with the second name on the list, and stay after they seem to be deleted.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'pyiceberg[sql-sqlite]==0.12.0' \
    pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

names = ("pyiceberg", "pyarrow", "duckdb", "polars", "pandas")
print(*(f"{name} {version(name)}" for name in names))
rows = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "region": ["a", "a", "b", None, None, "c"],
        "x": [1.0, float("nan"), 3.0, 4.0, None, 6.0],
    }
)
here = Path.cwd()
catalog = SqlCatalog("local", uri=f"sqlite:///{here}/c.db", warehouse=f"file://{here}")
catalog.create_namespace("n")


def scan_and_delete(number, condition):
    """The rows that a scan shows, and those that are gone after a deletion."""
    table = catalog.create_table(f"n.t{number}", rows.schema)
    table.append(rows)
    shown = table.scan(row_filter=condition).to_arrow()["id"].to_pylist()
    table.delete(condition)
    left = catalog.load_table(f"n.t{number}").scan().to_arrow()["id"].to_pylist()
    return sorted(shown), sorted(set(range(1, 7)) - set(left))


expected = {
    "region != 'a'": ([3, 6], [3, 6]),
    "region not in ('a')": ([3, 6], [3, 6]),
    "region not in ('a', 'b')": ([4, 5, 6], [6]),
    "x >= 5": ([6], [6]),
    "not x < 5": ([2, 6], [6]),
}
found = {}
for number, condition in enumerate(expected):
    found[condition] = shown, deleted = scan_and_delete(number, condition)
    print(f"pyiceberg {condition:24}: scan shows rows {shown}, delete removes {deleted}")
pq.write_table(rows, "rows.parquet")
frame = pl.read_parquet("rows.parquet")
lists = {"('a')": ["a"], "('a', 'b')": ["a", "b"]}
others = {}
for text, values in lists.items():
    query = f"select id from 'rows.parquet' where region not in {text}"
    filters = [("region", "not in", values)]
    others[text] = {
        "DuckDB": [row[0] for row in duckdb.sql(query).fetchall()],
        "Polars": frame.filter(~pl.col("region").is_in(values))["id"].to_list(),
        "pyarrow": pq.read_table("rows.parquet", filters=filters)["id"].to_pylist(),
        "pandas": pd.read_parquet("rows.parquet", filters=filters)["id"].tolist(),
    }
    print(f"region not in {text}:", *(f"{name} {ids}" for name, ids in others[text].items()))
assert others["('a')"]["DuckDB"] == others["('a')"]["Polars"] == [3, 6]
assert others["('a', 'b')"]["DuckDB"] == others["('a', 'b')"]["Polars"] == [6]
assert others["('a')"]["pyarrow"] == others["('a')"]["pandas"] == [3, 4, 5, 6]
assert found == expected, "the behaviour has changed"
PYTHON
