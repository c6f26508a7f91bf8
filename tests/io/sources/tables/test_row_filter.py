"""Conditions on columns: the same rows in the same order, however a table is laid out."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Condition, Selection, Weights
from dgmm.io.sources.source import open_source

N = 300


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    number = np.arange(N)
    return pa.table(
        {
            "row": number.astype(float),
            "x": np.where(number % 7 == 0, np.nan, np.round(rng.normal(size=N), 1)),
            "n": pa.array([None if i % 11 == 0 else i // 30 for i in number], pa.int32()),
            "site": pa.array(
                [None if i % 13 == 0 else "abc"[i % 3] for i in number]
            ).dictionary_encode(),
            "day": [dt.date(2026, 1, 1) + dt.timedelta(int(i) // 100) for i in number],
            "price": pa.array([Decimal(int(i)) / 4 for i in number], pa.decimal128(9, 2)),
            "is_wet": [i % 2 == 0 for i in number],
        }
    )


def expected(table, column, operator, value):
    """Rows that meet a condition, by Python alone."""
    compare = {
        "=": lambda a: a == value,
        "!=": lambda a: a != value,
        "<": lambda a: a < value,
        ">=": lambda a: a >= value,
        "in": lambda a: a in value,
        "not in": lambda a: a not in value,
    }[operator]
    found = table.column(column).to_pylist()
    return [i for i, each in enumerate(found) if each is not None and compare(each)]


def rows_of(path, *conditions, partition_size=800):
    selection = Selection(columns=("row",), where=tuple(Condition(*each) for each in conditions))
    source = open_source(path, selection=selection, partition_size=partition_size)
    return source.blocks.compute(scheduler="synchronous")[:, 0].tolist()


CONDITIONS = [
    ("x", "!=", 0.3),
    ("x", ">=", 0.25),
    ("x", "not in", (0.3, -0.1)),
    ("n", "=", 4),
    ("n", "<", 2.5),
    ("n", "not in", (4, 5)),
    ("site", "in", ("a", "c")),
    ("site", "!=", "b"),
    ("price", "<", 10),
    ("is_wet", "=", True),
]


@settings(max_examples=25)
@given(
    condition=st.sampled_from(CONDITIONS),
    files=st.integers(1, 4),
    group_rows=st.sampled_from([1, 10, 64, N]),
    partition_size=st.sampled_from([None, 16, 800]),
)
def test_rows_are_those_of_python_whatever_the_layout(
    tmp_path_factory, table, condition, files, group_rows, partition_size
):
    folder = tmp_path_factory.mktemp("t")
    bounds = np.linspace(0, N, files + 1).astype(int)
    for i, (start, stop) in enumerate(pairwise(bounds)):
        part = table.slice(start, stop - start)
        pq.write_table(part, folder / f"{i}.parquet", row_group_size=group_rows)
    assert rows_of(folder, condition, partition_size=partition_size) == expected(table, *condition)


def test_all_conditions_have_to_be_met(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=50)
    found = rows_of(tmp_path, ("day", "=", "2026-01-02"), ("n", "!=", 4), ("x", "<", 1.5))
    wanted = set(range(100, 200)) & {*expected(table, "n", "!=", 4)}
    assert found == sorted(wanted & {*expected(table, "x", "<", 1.5)})


def test_row_groups_that_statistics_exclude_are_not_read(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=30)
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    group = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0)
    for column in range(group.num_columns):
        start = group.column(column).data_page_offset
        content[start : start + 20] = bytes(20)
    (tmp_path / "t.parquet").write_bytes(content)
    assert rows_of(tmp_path, ("row", ">=", 31)) == [*range(31, N)]


def test_weights_and_identifiers_are_those_of_the_same_rows(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=64)
    where = (Condition("x", ">", 0),)
    selection = Selection(
        columns=("row",), where=where, weights=Weights("price"), id_columns=("site", "n")
    )
    source = open_source(tmp_path, selection=selection, partition_size=400)
    rows = expected(table, "x", ">=", 0.05)
    assert source.weights is not None
    weights = source.weights.compute(scheduler="synchronous")
    np.testing.assert_array_equal(weights, np.array(rows) / 4)
    found = {
        each.name: source.read_coordinate(each, (slice(0, len(rows)),)).tolist()
        for each in source.coordinates
    }
    assert found["site"] == [table["site"][i].as_py() or "" for i in rows]
    assert found["n"] == ["" if i % 11 == 0 else str(i // 30) for i in rows]


def test_identifiers_are_no_features(tmp_path):
    pq.write_table(pa.table({"id": [2**60 + 1, 7], "x": [0.5, 1.5]}), tmp_path / "t.parquet")
    source = open_source(tmp_path, selection=Selection(id_columns=("id",)))
    assert source.feature_names == ("x",)
    (coordinate,) = source.coordinates
    assert coordinate.dtype == "int64"
    assert source.read_coordinate(coordinate, (slice(0, 2),)).tolist() == [2**60 + 1, 7]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (("depth", ">", 1), "no column 'depth'"),
        (("x", "=", "deep"), "compares 'deep' with a column of type double"),
        (("site", "=", 3), "with a column of type string"),
        (("day", "=", "soon"), "with a column of type date32"),
        (("is_wet", "=", 1), "truth value"),
    ],
)
def test_a_condition_that_cannot_be_met_by_any_value_is_refused(tmp_path, table, condition, said):
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ConfigurationError, match=said):
        rows_of(tmp_path, condition)


def test_no_rows_at_all_are_refused(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"No row of .* meets the condition n > 50"):
        rows_of(tmp_path, ("n", ">", 50))


def test_folders_of_hive_are_columns(tmp_path, table):
    for year, site in ((2019, "a b"), (2020, "c/d"), (2021, None)):
        named = "__HIVE_DEFAULT_PARTITION__" if site is None else site.replace("/", "%2F")
        folder = tmp_path / f"year={year}" / f"site={named}"
        folder.mkdir(parents=True)
        pq.write_table(table.slice(100 * (year - 2019), 100), folder / "x.parquet")
    assert rows_of(tmp_path, ("year", ">", 2019)) == [*range(100, 300)]
    assert rows_of(tmp_path, ("site", "=", "c/d"), ("row", "<", 105)) == [*range(100, 105)]
    source = open_source(
        tmp_path, selection=Selection(columns=("year", "row"), id_columns=("site", "year"))
    )
    years = source.blocks.compute(scheduler="synchronous")[:, 0]
    assert years.tolist() == [2019] * 100 + [2020] * 100 + [2021] * 100
    site, year = source.coordinates
    assert source.read_coordinate(site, (slice(99, 201),)).tolist() == ["a b"] + ["c/d"] * 100 + [
        ""
    ]
    assert source.read_coordinate(year, (slice(99, 101),)).tolist() == [2019, 2020]


def test_other_formats_have_no_columns_to_name(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 2)))
    for selection in (
        Selection(where=(Condition("a", "=", 1),)),
        Selection(id_columns=("a",)),
        Selection(version=3),
    ):
        with pytest.raises(ConfigurationError, match="is read as npy, which has no"):
            open_source(tmp_path / "x.npy", selection=selection)
