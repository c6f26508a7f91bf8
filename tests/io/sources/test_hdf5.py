"""HDF5: datasets by name, in any layout, with fill values and weights."""

import sys

import fsspec
import h5py
import numpy as np
import pytest

from dgmm.errors import ConfigurationError, DataError, MissingExtraError, StorageError, advise
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.run.config.advice import REMEDIES

N = 50


@pytest.fixture
def rows():
    return np.random.default_rng(3).normal(size=(N, 3)).astype("f4")


@pytest.fixture
def file(tmp_path, rows):
    with h5py.File(tmp_path / "x.h5", "w") as new:
        new.create_dataset("inner/cells", data=rows, chunks=(7, 2), compression="gzip")
        new["w"] = np.arange(N)
    return tmp_path / "x.h5"


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=120)


def values(array):
    return array.compute(scheduler="synchronous")


def test_the_only_table_needs_no_name_and_weights_lie_beside_it(file, rows):
    source = opened(file, weights=Weights("w"))
    assert source.format == "hdf5"
    assert source.storage_chunks == (7,)
    assert source.blocks.npartitions > 4
    np.testing.assert_array_equal(values(source.blocks), rows)
    np.testing.assert_array_equal(values(source.weights), np.arange(N))


@pytest.mark.parametrize("dtype", ["<i2", ">f8", "u1", "?"])
def test_contiguous_datasets_of_any_number(tmp_path, rows, dtype):
    expected = (10 * rows).astype(dtype)
    with h5py.File(tmp_path / "x.hdf5", "w") as new:
        new["x"] = expected
    source = opened(tmp_path / "x.hdf5")
    assert source.blocks.dtype == expected.dtype
    np.testing.assert_array_equal(values(source.blocks), expected)


def test_fill_values_are_missing(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as new:
        new["x"] = np.array([[1, -9], [3, 7], [-8, 5]], "i2")
        new["x"].attrs["_FillValue"] = np.int16(-9)
        new["x"].attrs["missing_value"] = np.array([-8, -7], "i2")
    source = opened(tmp_path / "x.h5")
    assert source.blocks.dtype == np.float32
    np.testing.assert_array_equal(values(source.blocks), [[1, np.nan], [3, 7], [np.nan, 5]])


def test_several_tables_are_listed(file, rows):
    with h5py.File(file, "r+") as more:
        more["other"] = rows + 1
    with pytest.raises(ConfigurationError, match=r"inner/cells \(50, 3\), other \(50, 3\)"):
        opened(file)
    with pytest.raises(ConfigurationError, match=r"no array 'cells'.*inner/cells"):
        opened(file, variables=("cells",))
    chosen = opened(file, variables=("/other",))
    np.testing.assert_array_equal(values(chosen.blocks), rows + 1)


def test_what_is_no_table_of_numbers_is_refused(tmp_path, file):
    with h5py.File(tmp_path / "text.h5", "w") as new:
        new["x"] = [["a", "b"]]
        new["x"].attrs["_FillValue"] = "a"
    with pytest.raises(DataError, match="dtype object"):
        opened(tmp_path / "text.h5")
    with pytest.raises(ConfigurationError, match=r"Remove `input\.columns`"), advise(REMEDIES):
        opened(file, columns=("a",))
    (tmp_path / "none.h5").write_bytes(b"none")
    with pytest.raises(StorageError, match=r"none\.h5 cannot be opened"):
        opened(tmp_path / "none.h5")


def test_a_file_that_is_cut_off_after_it_was_opened_is_named(file):
    blocks = opened(file).blocks
    file.write_bytes(file.read_bytes()[:1500])
    with pytest.raises(StorageError, match=r"x\.h5 cannot be read"):
        values(blocks)


def test_without_h5py_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[hdf5\]"'):
        opened(file)


def test_a_file_may_be_in_an_object_store(file, rows):
    fsspec.filesystem("memory").pipe_file("/hdf5/x.h5", file.read_bytes())
    np.testing.assert_array_equal(values(opened("memory://hdf5/x.h5").blocks), rows)


def test_fill_values_are_known_whatever_dtype_their_attribute_has(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as new:
        new["x"] = np.array([[1, 1e20], [np.pi, 7]], "f4")
        new["x"].attrs["_FillValue"] = 1e20
        new["x"].attrs["missing_value"] = [-1e300, np.float64(np.float32(np.pi))]
    found = values(opened(tmp_path / "x.h5").blocks)
    np.testing.assert_array_equal(found, np.array([[1, np.nan], [np.nan, 7]], "f4"))
