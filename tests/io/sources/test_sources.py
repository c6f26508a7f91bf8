import hashlib
import json
import logging
import os
import pickle
import sys

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.errors import (
    ConfigurationError,
    DataError,
    InputChangedError,
    InputNotFoundError,
    MissingExtraError,
    StorageError,
    advise,
)
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run.config.advice import REMEDIES

PHOTOGRAPH = "package://sklearn.datasets.images/china.jpg"


def rows_of(source):
    return source.blocks.compute(scheduler="synchronous")


def table(n_rows=20, n_features=3, dtype="f8"):
    return np.arange(n_rows * n_features).reshape(n_rows, n_features).astype(dtype)


def store(path, values, **options):
    options = {"config": {"write_empty_chunks": True}, **options}
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, **options)
    array[...] = values
    return path


@st.composite
def storage(draw):
    """Values with any chunks or shards, format, order and byte order."""
    n_rows, n_features = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    dtypes = ["?", "<u2", ">i4", "<i8", "<f2", ">f4", "<f8", ">f8"]
    values = table(n_rows, n_features, draw(st.sampled_from(dtypes)))
    chunks = (draw(st.integers(1, n_rows)), draw(st.integers(1, n_features)))
    options = {"chunks": chunks, "zarr_format": draw(st.sampled_from([2, 3]))}
    if options["zarr_format"] == 2:
        options["order"] = draw(st.sampled_from("CF"))
    elif draw(st.booleans()):
        options["shards"] = (chunks[0] * draw(st.integers(1, 3)), chunks[1])
    return values, options


@settings(max_examples=50)
@given(stored=storage(), partition_size=st.none() | st.integers(1, 400))
def test_rows_come_back_whatever_the_storage_and_the_partitions(
    tmp_path_factory, stored, partition_size
):
    values, options = stored
    path = store(tmp_path_factory.mktemp("x") / "x.zarr", values, **options)
    source = open_source(path, partition_size=partition_size)
    rows, columns = source.blocks.chunks
    assert len(set(rows[:-1])) <= 1
    assert rows[-1] <= rows[0]
    assert columns == (values.shape[1],)
    assert source.storage_chunks == options.get("shards", options["chunks"])[:1]
    result = rows_of(source)
    assert result.dtype == source.blocks.dtype
    np.testing.assert_array_equal(result, values)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "u1", ">i2", "f2", ">f8"])
def test_npy(tmp_path, order, dtype):
    values = np.asarray(table(50, 4, dtype), order=order)
    np.save(tmp_path / "x.npy", values)
    source = open_source(tmp_path / "x.npy", partition_size=100)
    assert source.format == "npy"
    assert source.feature_names == ("x0", "x1", "x2", "x3")
    assert source.blocks.npartitions > 1
    assert source.blocks.dtype == values.dtype
    result = rows_of(source)
    np.testing.assert_array_equal(result, values)
    assert not isinstance(source.blocks.blocks[0].compute(scheduler="synchronous"), np.memmap)


def test_photograph_of_an_installed_package():
    source = open_source(PHOTOGRAPH)
    assert source.blocks.shape == (273_280, 3)
    assert source.blocks.dtype == np.uint8
    assert source.feature_names == ("red", "green", "blue")
    assert source.blocks.npartitions >= 16
    from sklearn.datasets import load_sample_image

    np.testing.assert_array_equal(rows_of(source), load_sample_image("china.jpg").reshape(-1, 3))


def test_package_is_located_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "bomb_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    np.save(package / "x.npy", table())
    monkeypatch.syspath_prepend(tmp_path)
    np.testing.assert_array_equal(rows_of(open_source("package://bomb_package/x.npy")), table())
    assert "bomb_package" not in sys.modules


@pytest.mark.parametrize(
    "location",
    [
        "package://no_such_package/x.png",
        "package://sklearn/../numpy/__init__.py",
        "package://sklearn",
        "package://../x.png",
        "package://sklearn.datasets.images/nothing.jpg",
        "package://sys/x.png",
        "memory://bucket/x.zarr",
        "/nowhere/x.zarr",
    ],
)
def test_nothing_there(location):
    with pytest.raises(InputNotFoundError, match=r"nothing at|package"):
        open_source(location)


def test_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"is empty\. Check the path"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    "location", ["ftp://host/x.zarr", "http://host/x.npy", "s3://user:c4n4ry@bucket/x.zarr"]
)
def test_urls_that_are_not_read(location):
    with pytest.raises(ConfigurationError, match=r"expected a path|Leave out") as refused:
        open_source(location)
    assert "c4n4ry" not in str(refused.value)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_images_keep_their_bands(tmp_path, mode):
    from PIL import Image

    bands = len(mode) if mode != "L" else 1
    pixels = np.arange(4 * 5 * bands, dtype=np.uint8).reshape(4, 5, bands)
    Image.fromarray(pixels.squeeze(), mode=None).save(tmp_path / "x.png")
    source = open_source(tmp_path / "x.png")
    assert len(source.feature_names) == bands
    np.testing.assert_array_equal(rows_of(source), pixels.reshape(20, bands))


def test_image_of_another_mode_is_refused(tmp_path):
    from PIL import Image

    Image.new("P", (3, 3)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"mode P, expected one of.*convert"):
        open_source(tmp_path / "x.png")


def test_image_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[image\]"'):
        open_source(PHOTOGRAPH)


def test_group_with_one_table_needs_no_variable(tmp_path):
    store(tmp_path / "g.zarr" / "inner" / "x", table())
    store(tmp_path / "g.zarr" / "weights", table()[:, 0])
    zarr.create_group(tmp_path / "g.zarr" / "inner")
    zarr.create_group(tmp_path / "g.zarr")
    np.testing.assert_array_equal(rows_of(open_source(tmp_path / "g.zarr")), table())


def test_group_with_two_tables_lists_them(tmp_path):
    group = zarr.create_group(tmp_path / "g.zarr")
    for name in ("a", "b"):
        group.create_array(name, shape=(20, 3), dtype="f8")[...] = table() + ord(name)
    with pytest.raises(ConfigurationError, match=r"a \(20, 3\), b \(20, 3\)"):
        open_source(tmp_path / "g.zarr")
    with pytest.raises(ConfigurationError, match=r"no array 'c'.*a \(20, 3\)"):
        open_source(tmp_path / "g.zarr", selection=Selection(variables=("c",)))
    chosen = open_source(tmp_path / "g.zarr", selection=Selection(variables=("/b",)))
    np.testing.assert_array_equal(rows_of(chosen), table() + ord("b"))
    assert (
        chosen.fingerprint
        != open_source(tmp_path / "g.zarr", selection=Selection(variables=("a",))).fingerprint
    )


def test_fingerprints_are_those_of_the_first_version(tmp_path):
    """Names of runs hang on them: a field that is added later is no part of them unless set."""
    np.save(tmp_path / "x.npy", table())
    os.utime(tmp_path / "x.npy", ns=(0, 1_700_000_000_000_000_000))
    size = (tmp_path / "x.npy").stat().st_size
    selection = [[], [], [], "error", None, [], None]
    files = [["x.npy", size, 1_700_000_000_000_000_000]]
    described = [[20, 3], "float64", [1], files, "NumPy array in C order", selection]
    facts = ["npy", [*described, None, ["sample"], 0, [], []]]
    expected = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    assert open_source(tmp_path / "x.npy").fingerprint == expected


def test_variable_of_what_holds_one_array(tmp_path):
    np.save(tmp_path / "x.npy", table())
    store(tmp_path / "x.zarr", table())
    for name in ("x.npy", "x.zarr"):
        with pytest.raises(ConfigurationError, match="Remove `variable`"), advise(REMEDIES):
            open_source(tmp_path / name, selection=Selection(variables=("v",)))


@pytest.mark.parametrize("dtype", ["c16", "M8[s]", "m8[s]", "S3", "U2", "O", "i4,f4", "longdouble"])
def test_dtype_that_is_no_real_number_is_named(tmp_path, dtype):
    values = np.zeros((3, 2), dtype=dtype)
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match="dtype"):
        open_source(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), r"one-dimensional.*\(5, 1\)"),
        ((2, 3, 4), r"shape \(2, 3, 4\)"),
        ((), r"shape \(\)"),
        ((0, 3), "empty"),
        ((3, 0), "empty"),
        ((1, 200_000), "at most 100000"),
    ],
)
def test_shape_that_is_no_table_is_refused(tmp_path, shape, message):
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=message):
        open_source(tmp_path / "x.npy")


def zarray(**changes):
    declared = {
        "zarr_format": 2,
        "shape": [20, 3],
        "chunks": [5, 3],
        "dtype": "<f8",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    return json.dumps(declared | changes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("zarr.json", "{"),
        ("zarr.json", "[]"),
        ("zarr.json", '{"zarr_format": 3, "node_type": "array"}'),
        (".zarray", "{"),
        (".zarray", "{}"),
        (".zarray", zarray(chunks=[0, 3])),
        (".zarray", zarray(chunks=[5])),
        (".zarray", zarray(shape=[-1, 3])),
        (".zarray", zarray(compressor={"id": "unheard-of"})),
        (".zarray", zarray(dtype="<c16")),
        (".zarray", zarray(dtype="<M8[ns]")),
        (".zarray", zarray(shape=[2**62, 16])),
        (".zarray", zarray(shape=[5, 2**62])),
    ],
)
def test_damaged_metadata_are_an_error_that_names_the_dataset(tmp_path, name, text):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / name).write_text(text)
    with pytest.raises(DataError, match=r"x\.zarr"):
        open_source(tmp_path / "x.zarr")


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_pickle_in_a_dataset_is_never_loaded(tmp_path, place):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    codec = {"id": "pickle"}
    (tmp_path / "x.zarr").mkdir()
    text = zarray(**{place: [codec] if place == "filters" else codec})
    (tmp_path / "x.zarr" / ".zarray").write_text(text)
    (tmp_path / "x.zarr" / "0.0").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="cannot be opened"):
        rows_of(open_source(tmp_path / "x.zarr"))
    np.save(tmp_path / "x.npy", np.array([[Bomb()]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="dtype object"):
        open_source(tmp_path / "x.npy")
    assert not (tmp_path / "exploded").exists()


def test_64_terabytes_declared_by_a_few_bytes_are_opened_without_allocating(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(zarray(shape=[2**39, 16], chunks=[100_000, 16]))
    with pytest.raises(DataError, match=r"no chunk .*x\.zarr/0\.0 \(rows 0 to 99999\)"):
        open_source(tmp_path / "x.zarr")
    source = open_source(tmp_path / "x.zarr", selection=Selection(missing_chunks="fill"))
    assert source.blocks.nbytes == 2**46
    assert source.blocks.npartitions < 300_000


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_npy_that_is_none(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npy cannot be opened as npy"):
        open_source(tmp_path / "x.npy")


def test_npy_that_is_cut_off(tmp_path):
    np.save(tmp_path / "x.npy", table())
    os.truncate(tmp_path / "x.npy", 500)
    with pytest.raises(DataError, match=r"declares 480 bytes of values but holds 372"):
        open_source(tmp_path / "x.npy")


def test_image_that_is_none(tmp_path):
    (tmp_path / "x.png").write_bytes(b"not an image")
    with pytest.raises((DataError, StorageError), match=r"x\.png cannot be opened"):
        open_source(tmp_path / "x.png")


def test_unknown_formats(tmp_path):
    (tmp_path / "x.dat").write_bytes(b"")
    (tmp_path / "empty.zarr").mkdir()
    known = "known are .*zarr, npy, image, hdf5.*parquet.*Set `input.format`"
    with pytest.raises(DataError, match=known), advise(REMEDIES):
        open_source(tmp_path / "x.dat")
    with pytest.raises(ConfigurationError, match="no input format 'csv'"):
        open_source(tmp_path / "x.dat", format="csv")
    with pytest.raises(DataError, match="is not a Zarr array or group"):
        open_source(tmp_path / "empty.zarr")


def test_unreadable_chunks_name_their_rows(tmp_path):
    path = store(tmp_path / "x.zarr", table(), chunks=(5, 3))
    blocks = open_source(path, partition_size=5 * 24).blocks
    (path / "c" / "1" / "0").write_bytes(b"damaged")
    assert blocks.npartitions == 4
    with pytest.raises(
        StorageError, match=r"Chunk c/1/0 of .*x\.zarr \(rows 5 to 9\) cannot be read"
    ):
        blocks.compute(scheduler="synchronous")


def test_rows_that_went_away_are_noticed(tmp_path):
    path = store(tmp_path / "x.zarr", table(), chunks=(5, 3))
    blocks = open_source(path).blocks
    zarr.open_array(path, mode="r+").resize((12, 3))
    with pytest.raises(InputChangedError, match=r"shape \(12, 3\), expected \(20, 3\)"):
        blocks.compute(scheduler="synchronous")


@pytest.mark.parametrize("name", ["x.zarr", "x.npy"])
def test_changed_data_have_another_fingerprint_and_other_keys(tmp_path, name):
    def write(values):
        if name == "x.npy":
            np.save(tmp_path / name, values)
        else:
            store(tmp_path / name, values, chunks=(5, 3), overwrite=True)
        return open_source(tmp_path / name)

    before = write(table())
    again = open_source(tmp_path / name)
    assert again.fingerprint == before.fingerprint
    assert again.blocks.name == before.blocks.name
    after = write(table() + 1)
    assert after.fingerprint != before.fingerprint
    assert after.blocks.name != before.blocks.name


def test_other_partitions_have_other_keys(tmp_path):
    np.save(tmp_path / "x.npy", table())
    one, two = (open_source(tmp_path / "x.npy", partition_size=size) for size in (100, 200))
    assert one.fingerprint == two.fingerprint
    assert one.blocks.name != two.blocks.name
    np.testing.assert_array_equal(*dask.compute(one.blocks, two.blocks, scheduler="synchronous"))


def test_large_chunks_are_split_with_a_warning(tmp_path, caplog):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(
        zarray(shape=[8_000_000, 8], chunks=[4_000_000, 8])
    )
    with caplog.at_level(logging.WARNING):
        source = open_source(tmp_path / "x.zarr", selection=Selection(missing_chunks="fill"))
    assert source.blocks.chunks[0][0] == 250_000
    assert "chunks of 4000000 rows (244 MiB)" in caplog.text
    assert "dgmm ingest" in caplog.text


@pytest.mark.parametrize(
    ("chunks", "is_good"), [([100_000, 8], True), ([500, 8], False), ([4_000, 1], False)]
)
def test_small_chunks_are_read_in_multiples_with_a_warning(tmp_path, caplog, chunks, is_good):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(zarray(shape=[8_000_000, 8], chunks=chunks))
    source = open_source(tmp_path / "x.zarr", selection=Selection(missing_chunks="fill"))
    assert source.blocks.chunks[0][0] % chunks[0] == 0
    assert source.blocks.chunks[0][0] >= 100_000
    assert ("dgmm ingest" in caplog.text) is not is_good
    assert caplog.text.count("WARNING") == (not is_good)


def test_paths_are_absolute_in_the_graph(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", table())
    monkeypatch.chdir(tmp_path)
    blocks = open_source("x.npy").blocks
    monkeypatch.chdir("/")
    assert isinstance(blocks, da.Array)
    assert len(pickle.dumps(blocks.dask)) < 3_000
    np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), table())
