"""Chunks that are damaged, cut off, gone or something else: the error names them."""

import os
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec

from dgmm.engine.dataset import Dataset
from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import DataError, InputChangedError, StorageError, advise
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run.config.advice import REMEDIES
from tests.engine.recording import SYNCHRONOUS

CHECKED = ZstdCodec(level=1, checksum=True)
LAYOUTS = {
    "v2": {"zarr_format": 2},
    "v2 raw": {"zarr_format": 2, "compressors": None},
    "v3": {"compressors": [CHECKED]},
    "v3 raw": {"compressors": None},
    "v3 sharded": {"shards": (20, 3), "compressors": [CHECKED]},
}
CHUNK = {"v2": "2.0", "v2 raw": "2.0", "v3": "c/2/0", "v3 raw": "c/2/0", "v3 sharded": "c/2/0"}
N_ROWS = 80
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def table():
    return np.random.default_rng(8).normal(size=(N_ROWS, 3))


def stored(folder: Path, layout: str) -> tuple[Path, Path]:
    """A store whose objects hold 20 rows each, and the third of them."""
    path = folder / "x.zarr"
    chunks = (10, 3) if layout == "v3 sharded" else (20, 3)
    array = zarr.create_array(path, shape=(N_ROWS, 3), dtype="f8", chunks=chunks, **LAYOUTS[layout])
    array[...] = table()
    return path, path / CHUNK[layout]


def flip(chunk: Path) -> None:
    content = bytearray(chunk.read_bytes())
    content[len(content) // 3] ^= 4
    chunk.write_bytes(content)


def cut(chunk: Path) -> None:
    os.truncate(chunk, chunk.stat().st_size // 2)


def empty(chunk: Path) -> None:
    os.truncate(chunk, 0)


def remove(chunk: Path) -> None:
    chunk.unlink()


def replace_by_directory(chunk: Path) -> None:
    chunk.unlink()
    chunk.mkdir()


def read(path: Path, missing_chunks: str = "error") -> np.ndarray:
    source = open_source(
        path, partition_size=30 * 24, selection=Selection(missing_chunks=missing_chunks)
    )
    assert source.blocks.npartitions > 2
    return source.blocks.compute(scheduler="synchronous")


@each_layout
@pytest.mark.parametrize("damage", [cut, empty, replace_by_directory])
@pytest.mark.parametrize("missing_chunks", ["error", "fill"])
def test_what_is_no_chunk_is_named(layout, damage, missing_chunks, tmp_path):
    path, chunk = stored(tmp_path, layout)
    np.testing.assert_array_equal(read(path), table())
    damage(chunk)
    with pytest.raises(StorageError, match=r"hunk .*2.0 .*\(rows 40 to 59\)") as caught:
        read(path, missing_chunks)
    assert caught.value.exit_code == 74


@pytest.mark.parametrize("layout", ["v3", "v3 sharded"])
def test_a_flipped_bit_is_named_where_chunks_have_checksums(layout, tmp_path):
    path, chunk = stored(tmp_path, layout)
    flip(chunk)
    with pytest.raises(StorageError, match=r"Chunk c/2/0 .*\(rows 40 to 59\) cannot be read"):
        read(path)


@each_layout
def test_a_missing_chunk_is_an_error_unless_it_is_said_to_be_none(layout, tmp_path):
    path, chunk = stored(tmp_path, layout)
    chunk.unlink()
    chunk_and_way_out = r"no chunk .*2.0 \(rows 40 to 59\).*missing_chunks"
    with pytest.raises(DataError, match=chunk_and_way_out) as caught, advise(REMEDIES):
        read(path)
    assert caught.value.exit_code == 65
    expected = table()
    expected[40:60] = 0
    np.testing.assert_array_equal(read(path, "fill"), expected)


@pytest.mark.parametrize("format_name", ["zarr", "xarray"])
def test_metadata_of_neither_array_nor_group_are_damaged_and_not_gone(format_name, tmp_path):
    path, _ = stored(tmp_path, "v3")
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "arroy"}')
    with pytest.raises(DataError, match=r"x\.zarr cannot be opened .*metadata are damaged"):
        open_source(path, format_name)


def test_what_missing_chunks_mean_is_part_of_a_blocks_name(tmp_path):
    path, _ = stored(tmp_path, "v3")
    error, fill = (
        open_source(path, selection=Selection(missing_chunks=m)).blocks for m in ("error", "fill")
    )
    assert error.name != fill.name


def test_a_chunk_that_a_shard_leaves_out_is_the_fill_value(tmp_path):
    """Its index says what it holds; what writers have lost of each other is not told apart."""
    path, _ = stored(tmp_path, "v3 sharded")
    expected = table()
    expected[50:60] = 0
    zarr.open_array(path, mode="r+")[50:60] = 0
    np.testing.assert_array_equal(read(path), expected)


def npy(folder: Path, order: str) -> Path:
    np.save(folder / "x.npy", np.asarray(table(), order=order))
    return folder / "x.npy"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("damage", [cut, empty, replace_by_directory])
def test_npy_that_is_damaged_after_it_was_opened_is_an_error(order, damage, tmp_path):
    path = npy(tmp_path, order)
    blocks = open_source(path, partition_size=30 * 24).blocks
    np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), table())
    damage(path)
    match = r"Rows \d+ to \d+ of .*x\.npy cannot be read"
    with pytest.raises(StorageError, match=match) as caught:
        blocks.compute(scheduler="synchronous")
    assert caught.value.exit_code == 74


def fitted_while(path: Path, change) -> None:
    """A fit during which something changes the input, after the profile and before the passes."""
    n_changes = 0

    def observer(event):
        nonlocal n_changes
        if getattr(event, "stage", None) == "fit" and n_changes == 0:
            n_changes = 1
            change()

    dataset = Dataset.from_array(open_source(path, partition_size=30 * 24).blocks)
    try:
        fit(dataset, FitOptions((("full", 2),), n_init=1), SYNCHRONOUS, observer)
    finally:
        assert n_changes == 1


@pytest.mark.parametrize("layout", ["v2 raw", "v3 raw"])
def test_a_flipped_bit_that_storage_does_not_see_is_found_by_the_next_pass(layout, tmp_path):
    path, chunk = stored(tmp_path, layout)
    with pytest.raises(InputChangedError, match=r"Rows \d+ to \d+ \(block \d\)") as caught:
        fitted_while(path, lambda: flip(chunk))
    assert caught.value.exit_code == 65


def test_a_flipped_bit_of_npy_is_found_by_the_next_pass(tmp_path):
    path = npy(tmp_path, "C")
    with pytest.raises(InputChangedError, match=r"Rows 0 to \d+ \(block 0\)"):
        fitted_while(path, lambda: flip(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: zarr.open_array(path, mode="r+").resize((70, 3)),
        lambda path: zarr.open_array(path, mode="r+").resize((80, 2)),
        lambda path: zarr.open_array(path, mode="r+").__setitem__((45, 1), 7.0),
    ],
    ids=["fewer rows", "fewer columns", "another value"],
)
def test_input_that_changes_between_passes_is_refused(change, tmp_path):
    path, _ = stored(tmp_path, "v3")
    with pytest.raises(InputChangedError) as caught:
        fitted_while(path, lambda: change(path))
    assert caught.value.exit_code == 65


def test_a_chunk_that_goes_missing_between_passes_is_named(tmp_path):
    path, chunk = stored(tmp_path, "v3")
    with pytest.raises(DataError, match=r"no chunk .*c/2/0 \(rows 40 to 59\)"):
        fitted_while(path, chunk.unlink)
