"""Columns of lists are features, one for each number; and the other types of numbers of Arrow."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

N, D = 90, 5


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(N, D)).astype("f4")


def write(path, column, **others):
    table = pa.table({"depth": np.arange(N, dtype="f4"), "e": column, **others})
    pq.write_table(table, path / "t.parquet", row_group_size=17)
    return path


def read(path, **selection):
    source = open_source(path, selection=Selection(**selection), partition_size=400)
    return source.feature_names, source.blocks.compute(scheduler="synchronous")


@pytest.mark.parametrize(
    "type_", [pa.list_(pa.float32(), D), pa.list_(pa.float32()), pa.large_list(pa.float32())]
)
def test_a_feature_for_each_number(tmp_path, vectors, type_):
    write(tmp_path, pa.array(vectors.tolist(), type_))
    names, found = read(tmp_path)
    assert names == ("depth", *(f"e[{i}]" for i in range(D)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 1:], vectors)
    names, found = read(tmp_path, columns=("e[3]", "depth", "e[0]"))
    assert names == ("e[3]", "depth", "e[0]")
    np.testing.assert_array_equal(found[:, [0, 2]], vectors[:, [3, 0]])
    np.testing.assert_array_equal(read(tmp_path, columns=("e",))[1], vectors)


@pytest.mark.parametrize("type_", [pa.list_(pa.float32(), D), pa.list_(pa.float32())])
def test_missing_lists_and_numbers_are_missing(tmp_path, vectors, type_):
    lists = vectors.tolist()
    lists[0], lists[40][2] = None, None
    write(tmp_path, pa.array(lists, type_))
    found = read(tmp_path, columns=("e",))[1]
    vectors[0], vectors[40, 2] = np.nan, np.nan
    np.testing.assert_array_equal(found, vectors)


def test_lists_of_another_length_are_refused(tmp_path, vectors):
    lists = vectors.tolist()
    lists[70] = lists[70][:3]
    write(tmp_path, pa.array(lists, pa.list_(pa.float32())))
    with pytest.raises(DataError, match="lists of column 'e' have 3, 5 numbers; expected 5"):
        read(tmp_path)
    with pytest.raises(ConfigurationError, match=r"no column 'e\[7\]'"):
        read(tmp_path, columns=("e[7]",))


def test_a_column_may_be_called_as_an_item_is(tmp_path):
    rows = pa.table({"t[0]": np.arange(3.0), "t[1]": np.arange(3.0) ** 2})
    pq.write_table(rows, tmp_path / "t.parquet")
    names, found = read(tmp_path)
    assert names == ("t[0]", "t[1]")
    np.testing.assert_array_equal(found, rows.to_pandas().to_numpy())


def test_other_numbers_of_arrow(tmp_path):
    half = pa.array(np.linspace(-2, 2, N).astype("f2"))
    price = pa.array([Decimal(i) / 8 for i in range(N)], pa.decimal128(9, 3))
    wet = pa.array([i % 3 == 0 for i in range(N)])
    code = pa.array([i % 4 * 10 for i in range(N)]).dictionary_encode()
    write(tmp_path, half, price=price, wet=wet, code=code)
    names, found = read(tmp_path)
    assert names == ("depth", "e", "price", "code")
    np.testing.assert_array_equal(found[:, 1], np.linspace(-2, 2, N).astype("f2"))
    names, found = read(tmp_path, columns=("price", "wet", "code"))
    expected = [[i / 8, i % 3 == 0, i % 4 * 10] for i in range(N)]
    np.testing.assert_array_equal(found, expected)
