#!/bin/sh
# DuckDB's sample of 1 % of a million rows holds about 5 of 100 days, and of 100,000 rows mostly none at all.
#
# Expected: USING SAMPLE 1% takes each row with a probability of 1 %, or 1 % of the rows.
# Found: by default a percentage takes blocks of 2,048 rows, each with that probability ("system" sampling). Rows
#   that lie together are taken together: of a table in order of time a few days, of one with a column of
#   clusters a few clusters, each nearly whole. Of 100,000 rows, 49 blocks, six of ten samples are empty. The
#   documentation says so and advises "bernoulli" below 10,000 rows; the rest holds for any size. A number of
#   rows, USING SAMPLE 10000 ROWS, is drawn by rows ("reservoir"), unlike a percentage.
# Versions: duckdb 2.0.1.
# Why it matters: mixtures of big tables are started from a sample, and scaled by its means. Clusters that
#   are not in it get no start, and the spread between days is missing. USING SAMPLE 1 PERCENT (bernoulli) takes rows.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
connection = duckdb.connect()
connection.execute("create table long as select range // 10000 as day from range(1000000)")
connection.execute("create table short as select range // 1000 as day from range(100000)")
connection.execute("copy long to 'long.parquet' (row_group_size 10000)")


def draw(table, how, times=40):
    """Rows and days of repeated samples of a table of 100 days."""
    query = f"select count(*), count(distinct day) from (select * from {table} using sample {how})"
    return [connection.execute(query).fetchone() for _ in range(times)]


found = {}
for table in ("long", "'long.parquet'", "short"):
    for how in ("1 percent", "1 percent (bernoulli)"):
        samples = found[table, how] = draw(table, how)
        rows, days = (sum(each) / len(samples) for each in zip(*samples, strict=True))
        empty = sum(n == 0 for n, _ in samples)
        print(f"{table:15} {how:22} rows {rows:7.0f}, days {days:5.1f} of 100, empty {empty} of 40")
for table in ("long", "'long.parquet'"):
    assert max(days for _, days in found[table, "1 percent"]) < 50, "the behaviour has changed"
    assert min(days for _, days in found[table, "1 percent (bernoulli)"]) > 90
assert sum(rows == 0 for rows, _ in found["short", "1 percent"]) > 10, "the behaviour has changed"
PYTHON
