"""Samples of tables, each written and read by a library of its format."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sample import NAMES, Rows, Sample


def _table(x: Rows) -> Any:
    import pyarrow as pa

    columns = dict(zip(NAMES, x.T, strict=True))
    return pa.table({"id": np.arange(len(x)), **columns})


def _values(table: Any) -> NDArray[Any]:
    """Features of a table of Arrow, in the order of the identifiers."""
    table = table.sort_by("id")
    return np.column_stack([table.column(name).to_numpy() for name in NAMES])


def _write_parquet(folder: Path, x: Rows) -> Path:
    import pyarrow.parquet as pq

    (folder / "table").mkdir()
    for part, (start, stop) in enumerate(pairwise((0, 500, 800, len(x)))):
        path = folder / "table" / f"part-{part}.parquet"
        pq.write_table(_table(x)[start:stop], path, row_group_size=170)
    return folder / "table"


def _read_parquet(path: Path) -> NDArray[Any]:
    import pyarrow.parquet as pq

    return _values(pq.read_table(path))


def _write_polars(folder: Path, x: Rows) -> Path:
    import polars as pl

    pl.from_arrow(_table(x)).write_parquet(folder / "x.parquet", row_group_size=170)
    return folder / "x.parquet"


def _read_polars(path: Path) -> NDArray[Any]:
    import polars as pl

    return pl.read_parquet(path).sort("id").select(NAMES).to_numpy()


def _write_duckdb(folder: Path, x: Rows) -> Path:
    import duckdb

    rows = _table(x)  # noqa: F841 - DuckDB finds it by its name
    duckdb.sql(f"COPY rows TO '{folder}/x.parquet' (ROW_GROUP_SIZE 170)")
    return folder / "x.parquet"


def _read_duckdb(path: Path) -> NDArray[Any]:
    import duckdb

    found = duckdb.sql(f"SELECT {', '.join(NAMES)} FROM '{path}' ORDER BY id").fetchnumpy()
    return np.column_stack([found[name] for name in NAMES])


def _write_delta(folder: Path, x: Rows) -> Path:
    """Appended, deleted from, compacted, and appended again."""
    import deltalake

    table, place = _table(x), str(folder / "table")
    deltalake.write_deltalake(place, table[:500])
    deltalake.write_deltalake(place, table[500:900], mode="append")
    deltalake.DeltaTable(place).delete("id % 7 = 0")
    deltalake.DeltaTable(place).optimize.compact()
    deltalake.write_deltalake(place, table[900:], mode="append")
    return folder / "table"


def _read_delta(path: Path) -> NDArray[Any]:
    import deltalake

    return _values(deltalake.DeltaTable(str(path)).to_pyarrow_table())


def _write_iceberg(folder: Path, x: Rows) -> Path:
    """Appended and deleted from."""
    from pyiceberg.catalog.memory import InMemoryCatalog

    table = _table(x)
    catalogue = InMemoryCatalog("samples", warehouse=f"file://{folder}")
    catalogue.create_namespace("of")
    made = catalogue.create_table("of.rows", table.schema)
    made.append(table[:500])
    made.append(table[500:])
    made.delete("id < 100")
    catalogue.close()
    return folder / "of" / "rows"


def _read_iceberg(path: Path) -> NDArray[Any]:
    from pyiceberg.table import StaticTable

    latest = max((path / "metadata").glob("*.metadata.json"))
    return _values(StaticTable.from_metadata(str(latest)).scan().to_arrow())


def _write_csv(folder: Path, x: Rows) -> Path:
    import pandas as pd

    pd.DataFrame(x, columns=list(NAMES)).to_csv(folder / "x.csv", index=False)
    return folder / "x.csv"


def _read_csv(path: Path) -> NDArray[Any]:
    import pandas as pd

    return pd.read_csv(path).to_numpy()


_KEYS = {"columns": list(NAMES), "id_columns": ["id"]}

SAMPLES = (
    Sample("Parquet", "pyarrow", _write_parquet, _read_parquet, _KEYS),
    Sample("Parquet", "polars", _write_polars, _read_polars, _KEYS),
    Sample("Parquet", "duckdb", _write_duckdb, _read_duckdb, _KEYS),
    Sample("Delta Lake", "deltalake", _write_delta, _read_delta, _KEYS),
    Sample("Iceberg", "pyiceberg", _write_iceberg, _read_iceberg, _KEYS),
    Sample("CSV, ingested", "pandas", _write_csv, _read_csv),
)
