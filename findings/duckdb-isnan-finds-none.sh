#!/bin/sh
# DuckDB finds no NaN in a Parquet file that holds some: `where isnan(x)` gives no rows.
#
# Expected: a query gives the same rows of a Parquet file as of the same table in memory. In DuckDB NaN
#   equals NaN and is greater than all numbers, so isnan(x), x > 5 and max(x) all see it.
# Found: `where isnan(x)` gives no rows, `where not isnan(x)` all of them with NaN too, max(x) is 3.0
#   instead of NaN, and x > 2 loses rows with NaN or not, as row groups happen to end; avg(x) is NaN.
#   DuckDB takes the minimum and maximum of a row group in the file as bounds of all its values, where the
#   format leaves NaN out of them and says that who looks for NaN has to ignore them (parquet.thrift).
#   It is a trade for speed: read_parquet(..., can_have_nan=true) gives the right answers, but the default
#   is false. Files without statistics are right as well.
# Versions: duckdb 2.0.1, pyarrow 26.0.1 (which writes the file).
# Why it matters: `isnan` is how one makes sure that features are complete before a fit, or drops the rows
#   that are not. NaN then reaches the means, and one row with NaN makes every parameter NaN.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

print("duckdb", duckdb.__version__, "pyarrow", pa.__version__)
nan = float("nan")
events = pa.table({"x": [3.0, 3.0, nan, 3.0, 1.0, nan], "id": [0, 1, 2, 3, 4, 5]})
connection = duckdb.connect()
conditions = ("isnan(x)", "not isnan(x)", "x = 'nan'::double", "x > 5", "x > 2")


def ask(source):
    """The rows that meet each condition, the maximum and the mean."""
    found = {}
    for condition in conditions:
        query = f"select id from {source} where {condition} order by id"
        found[condition] = [number for (number,) in connection.execute(query).fetchall()]
    for name in ("max", "avg"):
        found[name] = repr(connection.execute(f"select {name}(x) from {source}").fetchone()[0])
    return found


def ask_file(rows, statistics):
    pq.write_table(events, "x.parquet", row_group_size=rows, write_statistics=statistics)
    return ask("'x.parquet'")


in_memory = ask("events")
files = {rows: ask_file(rows, True) for rows in (6, 4)}
print("in memory:      ", in_memory)
for rows, found in files.items():
    print(f"row groups of {rows}:", found)
assert in_memory["isnan(x)"] == [2, 5] and in_memory["max"] == "nan"
assert ask("read_parquet('x.parquet', can_have_nan=true)") == in_memory
assert ask_file(6, False) == in_memory, "the behaviour without statistics has changed"
for found in files.values():
    assert found["avg"] == "nan"
    for condition in ("isnan(x)", "x = 'nan'::double", "x > 5"):
        assert found[condition] == [], "the behaviour has changed"
    assert found["not isnan(x)"] == [0, 1, 2, 3, 4, 5], "the behaviour has changed"
    assert found["max"] == "3.0", "the behaviour has changed"
assert files[6]["x > 2"] == in_memory["x > 2"] == [0, 1, 2, 3, 5]
assert files[4]["x > 2"] == [0, 1, 2, 3], "the behaviour has changed"
PYTHON
