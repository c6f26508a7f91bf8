"""Parquet: files, directories and patterns, any row groups, and what is no table of numbers."""

import os
import pickle
import re
import shutil
import sys
from datetime import date
from decimal import Decimal

import dask
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.errors import (
    ConfigurationError,
    DataError,
    InputChangedError,
    InputNotFoundError,
    MissingExtraError,
    StorageError,
)
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source

N = 500


@pytest.fixture
def rows():
    return np.random.default_rng(2).normal(size=(N, 3))


def write(path, rows, names="abc", row_group_size=64, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = dict(zip(names, rows.T, strict=True))
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size, **options)
    return path


def opened(path, partition_size=2000, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=partition_size)


def values(source):
    return source.blocks.compute(scheduler="synchronous")


@st.composite
def layouts(draw):
    """Rows of each file, rows of a row group, bytes of a partition."""
    files = draw(st.lists(st.integers(0, 300), min_size=1, max_size=5).filter(any))
    sizes = st.sampled_from([None, 1, 50, 700, 5_000])
    return files, draw(st.sampled_from([1, 7, 64, 1_000])), draw(sizes)


@settings(max_examples=20)
@given(layout=layouts())
def test_rows_come_back_in_order_whatever_the_layout(tmp_path_factory, layout):
    files, group_rows, partition_size = layout
    folder = tmp_path_factory.mktemp("x")
    expected = np.random.default_rng(0).normal(size=(sum(files), 2)).astype(np.float32)
    for i, part in enumerate(np.split(expected, np.cumsum(files)[:-1])):
        write(folder / f"part{i}.parquet", part, "ab", group_rows)
    source = opened(folder, partition_size)
    np.testing.assert_array_equal(values(source), expected)
    block_rows = source.blocks.chunks[0]
    unit = np.gcd.reduce(block_rows[:-1]) if len(block_rows) > 1 else 1
    wanted = max(1, (partition_size or 2**16) // 8)
    assert len(block_rows) == 1 or unit * 32 > wanted
    assert max(block_rows) < 3 * wanted


@pytest.mark.parametrize("place", ["", "*.parquet", "part?.parquet"])
def test_directories_and_patterns_are_read_in_the_order_of_their_names(tmp_path, rows, place):
    for i in (2, 0, 1):
        write(tmp_path / f"part{i}.parquet", rows[100 * i : 100 * (i + 1)])
    (tmp_path / "_metadata").write_bytes(b"no table")
    (tmp_path / ".part0.parquet.crc").write_bytes(b"no table")
    source = opened(tmp_path / place)
    assert source.format == "parquet"
    assert source.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(values(source), rows[:300])


def test_partition_directories_are_read_and_their_names_are_no_features(tmp_path, rows):
    for year in (2001, 2002):
        write(tmp_path / f"year={year}" / "x.parquet", rows[: year - 1901])
    for place in (tmp_path, tmp_path / "year=*", tmp_path / "year=*" / "*.parquet"):
        source = open_source(place, "parquet")
        assert source.feature_names == ("a", "b", "c")
        np.testing.assert_array_equal(values(source), np.concatenate([rows[:100], rows[:101]]))


def test_files_that_come_later_are_another_dataset(tmp_path, rows):
    write(tmp_path / "a.parquet", rows)
    before = opened(tmp_path / "*.parquet")
    write(tmp_path / "b.parquet", rows)
    np.testing.assert_array_equal(values(before), rows)
    after = opened(tmp_path / "*.parquet")
    assert after.blocks.shape == (2 * N, 3)
    assert after.fingerprint != before.fingerprint


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path):
    with pytest.raises((DataError, InputNotFoundError), match=r"\*\.parquet"):
        opened(tmp_path / "*.parquet")


def test_blocks_are_whole_row_groups_but_for_the_rest_of_a_unit(tmp_path, rows):
    write(tmp_path / "x.parquet", rows, row_group_size=70)
    source = opened(tmp_path / "x.parquet", 70 * 24)
    assert source.blocks.chunks[0] == (72, 72, 72, 64, 72, 72, 72, 4)
    assert source.storage_chunks == (70,)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["float32", "float32"], "float32"),
        (["float16", "int16", "uint8"], "float32"),
        (["int32", "float32"], "float64"),
        (["float64", "float16"], "float64"),
        (["int64", "uint64"], "float64"),
    ],
)
def test_dtype_is_the_smallest_float_that_holds_all_columns(tmp_path, types, expected):
    columns = {f"x{j}": np.arange(5).astype(type_) for j, type_ in enumerate(types)}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    result = opened(tmp_path / "x.parquet")
    assert result.blocks.dtype == expected
    np.testing.assert_array_equal(values(result), np.column_stack(list(columns.values())))


def test_nulls_are_missing(tmp_path):
    table = pa.table({"a": pa.array([1, None, 3], "int8"), "b": pa.array([None, 0.5, np.nan])})
    pq.write_table(table, tmp_path / "x.parquet")
    expected = [[1, np.nan], [np.nan, 0.5], [3, np.nan]]
    np.testing.assert_array_equal(values(opened(tmp_path / "x.parquet")), expected)


@pytest.fixture
def mixed(tmp_path):
    columns = {
        "n": [1, 2],
        "flag": [True, False],
        "day": [date(2020, 1, 1)] * 2,
        "price": [Decimal("1.5")] * 2,
        "w": [0.5, 2.0],
        "text": ["x", "y"],
        "__index_level_0__": [0, 1],
        "x": [3.5, 4.5],
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


def test_without_columns_all_numbers_are_features_but_the_weights(mixed, caplog):
    caplog.set_level("INFO")
    source = opened(mixed, weights=Weights("w"))
    assert source.feature_names == ("n", "price", "x")
    np.testing.assert_array_equal(values(source), [[1, 1.5, 3.5], [2, 1.5, 4.5]])
    np.testing.assert_array_equal(source.weights.compute(scheduler="synchronous"), [0.5, 2])
    assert "no numbers: flag (bool), day (date32[day]), text" in caplog.text
    assert "an index: __index_level_0__" in caplog.text
    assert opened(mixed).feature_names == ("n", "price", "w", "x")


def test_columns_are_read_in_the_order_asked_for_and_may_be_the_weights_too(mixed):
    source = opened(mixed, columns=("x", "w"), weights=Weights("w"))
    assert source.feature_names == ("x", "w")
    np.testing.assert_array_equal(values(source), [[3.5, 0.5], [4.5, 2]])


@pytest.mark.parametrize(
    ("selection", "error", "message"),
    [
        ({"columns": ("z",)}, ConfigurationError, r"no column 'z'. It has n, flag, day, price, w"),
        (
            {"columns": ("n", "day")},
            DataError,
            r"Column 'day' of .* is of type date32.day., expected",
        ),
        ({"weights": Weights("z")}, ConfigurationError, r"no column 'z'"),
        ({"weights": Weights("text")}, DataError, "Column 'text' of .* is of type string"),
    ],
)
def test_columns_that_will_not_do_are_named(mixed, selection, error, message):
    with pytest.raises(error, match=message):
        opened(mixed, **selection)


def test_truth_values_are_zeros_and_ones_if_they_are_asked_for(mixed):
    np.testing.assert_array_equal(
        values(opened(mixed, columns=("flag", "x"))), [[1, 3.5], [0, 4.5]]
    )


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_column_of_two_dtypes_is_read_as_the_wider_one(tmp_path, order, caplog):
    """As pandas writes integers: int64 in one file, float64 where one was missing in another."""
    parts = {"a": pa.array([1, 2], "int32"), "b": pa.array([3.5, None], "float64")}
    for name, part in zip(order, (parts["a"], parts["b"]), strict=True):
        table = pa.table({"n": part, "x": pa.array([1.0, 2.0], "float32")})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    pq.write_table(pa.table({"n": pa.nulls(2), "x": [5.0, 6.0]}), tmp_path / "c.parquet")
    source = opened(tmp_path)
    found = {"a": [[1, 1], [2, 2]], "b": [[3.5, 1], [np.nan, 2]], "c": [[np.nan, 5], [np.nan, 6]]}
    expected = np.concatenate([found[name] for name in (*order, "c")])
    assert source.blocks.dtype == np.float64
    for block in range(source.blocks.npartitions):
        part = source.blocks.blocks[block].compute(scheduler="synchronous")
        assert part.dtype == np.float64
    np.testing.assert_array_equal(values(source), expected)
    assert re.search(r"Column 'n' is null in .*int32 in .*; it is read as float64", caplog.text)
    assert len([line for line in caplog.text.splitlines() if "Column 'n'" in line]) == 1


def test_a_column_without_a_name_is_no_feature(tmp_path, caplog):
    pq.write_table(pa.table({"": [0, 1, 2], "x": [1.0, 2.0, 3.0]}), tmp_path / "x.parquet")
    found = opened(tmp_path / "x.parquet")
    assert found.feature_names == ("x",)
    np.testing.assert_array_equal(values(found), [[1], [2], [3]])
    assert "no features, since they are an index: (without a name)" in caplog.text


def test_an_index_of_pandas_is_no_feature_unless_it_is_asked_for(tmp_path, caplog):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"customer": [7, 9, 4], "x": [1.0, 2.0, 3.0]}).set_index("customer")
    frame.to_parquet(tmp_path / "x.parquet")
    assert opened(tmp_path / "x.parquet").feature_names == ("x",)
    assert "no features, since they are an index: customer" in caplog.text
    chosen = opened(tmp_path / "x.parquet", columns=("x", "customer"))
    np.testing.assert_array_equal(values(chosen), [[1, 7], [2, 9], [3, 4]])
    frame[[]].to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"no columns of numbers; it has customer \(an index\)"):
        opened(tmp_path / "x.parquet")


def test_files_of_other_columns_are_named(tmp_path, rows):
    write(tmp_path / "a.parquet", rows)
    write(tmp_path / "b.parquet", rows[:, :2], "ab")
    with pytest.raises(DataError, match=r"is not there in .*b\.parquet and double in .*a\.parq"):
        opened(tmp_path)
    pq.write_table(pa.table({"a": ["x"], "b": [1.0], "c": [1.0]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"is string in .*b\.parquet and double in .*a\.parq"):
        opened(tmp_path)
    write(tmp_path / "b.parquet", rows[:, [0, 1, 2, 0]], "cbad")
    with pytest.raises(DataError, match=r"Column 'd' is double in .*b\.parquet and not there"):
        opened(tmp_path)
    expected = np.concatenate([rows[:, :2], rows[:, [2, 1]]])
    np.testing.assert_array_equal(values(opened(tmp_path, columns=("a", "b"))), expected)


def test_a_name_for_two_columns_and_no_numbers_at_all_are_refused(tmp_path):
    twice = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "x.parquet")
    with pytest.raises(DataError, match="more than one column 'a'"):
        opened(tmp_path / "x.parquet")
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"no columns of numbers; it has text \(string"):
        opened(tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": pa.array([], "float64")}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="empty"):
        opened(tmp_path / "x.parquet")


def test_a_column_whose_name_begins_as_anothers_is_told_from_it(tmp_path):
    pq.write_table(pa.table({"a": [1.0], "a.b": [2.0]}), tmp_path / "x.parquet")
    np.testing.assert_array_equal(values(opened(tmp_path / "x.parquet", columns=("a",))), [[1]])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda path, rows: write(path, rows[1:]), InputChangedError),
        (lambda path, rows: write(path, rows[:, :2], "ab"), InputChangedError),
        (lambda path, _: os.truncate(path, 5_000), StorageError),
        (lambda path, _: path.unlink(), StorageError),
    ],
)
def test_a_file_that_changes_after_it_was_opened_is_named(tmp_path, rows, change, error):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", rows)
    blocks = opened(tmp_path).blocks
    change(tmp_path / "b.parquet", rows)
    with pytest.raises(error, match=r"b\.parquet"):
        blocks.compute(scheduler="synchronous")


def test_a_flipped_bit_is_found_where_pages_have_checksums(tmp_path, rows):
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    path = write(tmp_path / "x.parquet", rows, **options)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"x\.parquet cannot be read: .*CRC"):
        values(opened(path))


def test_what_tasks_need_to_know_enters_the_graph_once(tmp_path, rows):
    write(tmp_path / "part000.parquet", rows, row_group_size=10)
    for i in range(1, 100):
        shutil.copy(tmp_path / "part000.parquet", tmp_path / f"part{i:03}.parquet")
    blocks = opened(tmp_path).blocks
    assert blocks.npartitions > 500
    (optimized,) = dask.optimize(blocks)
    sizes = sorted(len(pickle.dumps(task)) for task in dict(optimized.__dask_graph__()).values())
    assert sizes[-2] < 1_500
    assert len(sizes) == blocks.npartitions + 1


def test_without_pyarrow_the_extra_is_named(mixed, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[parquet\]"'):
        opened(mixed)


@pytest.mark.parametrize("place", ["", "/*.parquet", "/x0.parquet"])
def test_a_table_may_be_in_an_object_store(rows, tmp_path, place):
    store = fsspec.filesystem("memory")
    for i in range(2):
        path = write(tmp_path / f"x{i}.parquet", rows[100 * i :][:100])
        store.pipe_file(f"/tables{len(place)}/{path.name}", path.read_bytes())
    source = opened(f"memory://tables{len(place)}{place}")
    np.testing.assert_array_equal(
        values(source), rows[: 100 if place.endswith("0.parquet") else 200]
    )
