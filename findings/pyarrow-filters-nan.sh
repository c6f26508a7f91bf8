#!/bin/sh
# Whether pyarrow's filters keep rows with NaN depends on where row groups end.
#
# Expected: `filters=[("x", "!=", 3.0)]` gives the same rows however a file is cut into row groups.
#   NaN is not 3, so rows with NaN are kept, as they are by the same comparison in memory.
# Found: a row with NaN is lost where all other values of its row group are 3. The minimum and the
#   maximum in the statistics are both 3, and know nothing of NaN, so the row group is left out.
#   The same is true of "not in", and of pandas.read_parquet(..., filters=...), which passes it on.
# Versions: pyarrow 26.0.1, pandas 3.1.1.
# Why it matters: a file that is written again with other row groups, compacted for example, gives
#   another number of rows to the same query, without a word.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

print("pyarrow", pa.__version__, "pandas", pd.__version__)
nan = float("nan")
table = pa.table({"x": [3.0, 3.0, nan, 3.0, 1.0, nan], "row": [0, 1, 2, 3, 4, 5]})
in_memory = table.filter(pc.field("x") != 3.0)["row"].to_pylist()
print("in memory:", in_memory)
found = {}
for rows in (6, 4, 1):
    pq.write_table(table, "x.parquet", row_group_size=rows)
    for name, condition in (("!=", ("x", "!=", 3.0)), ("not in", ("x", "not in", [3.0]))):
        by_arrow = pq.read_table("x.parquet", filters=[condition])["row"].to_pylist()
        by_pandas = pd.read_parquet("x.parquet", filters=[condition])["row"].tolist()
        print(f"row groups of {rows}, {name}: pyarrow {by_arrow}, pandas {by_pandas}")
        assert by_arrow == by_pandas
        found[rows, name] = by_arrow
for name in ("!=", "not in"):
    assert found[6, name] == found[1, name] == in_memory == [2, 4, 5], "other rows than before"
    assert found[4, name] == [4, 5], "the behaviour has changed"
print("row 2 is kept in row groups of 6 and of 1, and lost in row groups of 4")
PYTHON
