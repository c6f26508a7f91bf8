#!/bin/sh
# deltalake gives a renamed column of a Delta table as nothing but missing values.
#
# Expected: to_pyarrow_table() and to_pandas() give the rows of a table with column mapping by name,
#   or refuse it, as they do where the protocol is version 3 and names the feature.
# Found: where the table has reader version 2, the first that allows column mapping, all values of a
#   renamed column are null, without a warning. QueryBuilder of the same package gives the right
#   values of the same table.
# Versions: deltalake 1.6.6, pyarrow 26.0.1.
# Why it matters: a column that somebody renames with Spark turns into missing values downstream.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
from pathlib import Path

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

print("deltalake", deltalake.__version__, "pyarrow", pa.__version__)
write_deltalake("t", pa.table({"depth": [1.0, 2.0, 3.0], "heat": [10.0, 20.0, 30.0]}))
log = Path("t/_delta_log")
actions = map(json.loads, (log / f"{0:020}.json").read_text().splitlines())
metadata = next(action for action in actions if "metaData" in action)


def rename(number, protocol):
    """The commit of a writer that enables column mapping and renames depth to z."""
    columns = (("z", "depth"), ("heat", "heat"))
    fields = [
        {
            "name": name,
            "type": "double",
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": i,
                "delta.columnMapping.physicalName": physical,
            },
        }
        for i, (name, physical) in enumerate(columns, 1)
    ]
    metadata["metaData"]["schemaString"] = json.dumps({"type": "struct", "fields": fields})
    metadata["metaData"]["configuration"] = {
        "delta.columnMapping.mode": "name",
        "delta.columnMapping.maxColumnId": "2",
    }
    commit = [json.dumps({"protocol": protocol}), json.dumps(metadata)]
    (log / f"{number:020}.json").write_text("\n".join(commit) + "\n")


rename(1, {"minReaderVersion": 2, "minWriterVersion": 5})
table = DeltaTable("t")
by_arrow = table.to_pyarrow_table().to_pydict()
by_query = pa.table(QueryBuilder().register("t", table).execute("select * from t")).to_pydict()
print("reader version 2:", by_arrow)
print("by QueryBuilder: ", by_query, "rows:", table.count())
assert by_query["z"] == [1.0, 2.0, 3.0]
assert by_arrow["z"] == [None] * 3, "the behaviour has changed"
features = ["columnMapping"]
protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
rename(2, {**protocol, "readerFeatures": features, "writerFeatures": features})
try:
    DeltaTable("t").to_pyarrow_table()
except deltalake.exceptions.DeltaProtocolError as error:
    print("reader version 3: refused:", error)
else:
    raise SystemExit("the behaviour has changed: version 3 is not refused any more")
PYTHON
