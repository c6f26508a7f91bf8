"""Small arrays and groups are those that zarr would have written."""

import json

import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec

from dgmm.errors import StorageError
from dgmm.io.storage.consolidated_metadata import consolidate_metadata
from dgmm.io.storage.small_arrays import (
    read_attributes,
    read_small,
    write_group_metadata,
    write_small,
)
from dgmm.io.storage.zarr_arrays import create_array

TEXT = np.dtypes.StringDType()
NUMBERS = ["bool", "int8", "uint8", "int16", ">i4", "uint32", "int64", "uint64"]
NUMBERS += ["float16", "float32", "float64", ">f8"]
ARRAYS = {
    **{name: np.arange(6).reshape(2, 3).astype(name) for name in NUMBERS},
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "no number": np.array([np.nan, -np.inf, -0.0]),
    "one number": np.array(3.5),
    "nothing": np.zeros((0, 3)),
    "text": np.array([["a", "naïve"], ["", "水"]], TEXT),
    "no text": np.array([], TEXT),
    "times": np.array(["2001-01-01", "NaT"], "datetime64[s]"),
    "complex": np.array([1 + 2j]),
}


def write_with_zarr(path, values, dimensions, attributes):
    is_text = values.dtype == TEXT
    array = create_array(
        path,
        shape=values.shape,
        chunks=tuple(max(1, extent) for extent in values.shape),
        dtype=str if is_text else values.dtype,
        dimensions=dimensions,
        fill_value="" if is_text else 0,
        attributes=attributes,
    )
    array[...] = values


def contents(folder):
    """Metadata as documents, chunks as bytes."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: json.loads(path.read_text()) if name.endswith(".json") else path.read_bytes()
        for name, path in files.items()
    }


@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_stored_as_zarr_stores_it(tmp_path, values):
    dimensions, attributes = ("a", "b")[: values.ndim], {"units": "m", "flags": [1, None]}
    write_small(tmp_path / "ours", values, dimensions, attributes)
    write_with_zarr(tmp_path / "theirs", values, dimensions, attributes)
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")
    found = read_small(tmp_path / "ours")
    np.testing.assert_array_equal(found, values)
    assert found.dtype.name == values.dtype.name
    assert found.flags.writeable
    assert read_attributes(tmp_path / "ours") == attributes


def test_what_other_programs_wrote_is_read_too(tmp_path):
    values = np.arange(10.0)
    for name, options in {
        "chunks": {"chunks": (4,)},
        "codecs": {"compressors": [ZstdCodec(level=3)]},
        "format": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
        "type": {"data": values.astype("datetime64[ns]")},
    }.items():
        zarr.create_array(str(tmp_path / name), **{"data": values, **options})
        np.testing.assert_array_equal(read_small(tmp_path / name).astype(float), values)


def test_an_array_that_lacks_something_is_refused(tmp_path):
    write_small(tmp_path / "x", np.arange(3.0), ("a",))
    metadata, chunk = tmp_path / "x/zarr.json", tmp_path / "x/c/0"
    document, content = metadata.read_text(), chunk.read_bytes()
    chunk.write_bytes(content[:-1])
    with pytest.raises(StorageError, match=r"x cannot be read .* damaged"):
        read_small(tmp_path / "x")
    chunk.write_bytes(content)
    metadata.write_text(document.replace("[3]", "[4]"))
    with pytest.raises(StorageError, match=r"x cannot be read .* damaged"):
        read_small(tmp_path / "x")
    metadata.write_text(document[:-1])
    with pytest.raises(StorageError, match=r"x cannot be read .* damaged"):
        read_small(tmp_path / "x")
    metadata.write_text(document)
    chunk.unlink()
    with pytest.raises(StorageError, match="x lacks its chunk c/0: the run was pruned"):
        read_small(tmp_path / "x")
    metadata.unlink()
    with pytest.raises(StorageError, match="x cannot be read"):
        read_small(tmp_path / "x")


@pytest.mark.filterwarnings("ignore:Consolidated metadata:UserWarning")
def test_groups_and_consolidated_metadata_are_those_of_zarr(tmp_path):
    attributes = {"format": "x", "n": 1.5}
    for folder in ("ours", "theirs"):
        write_small(tmp_path / folder / "b", ARRAYS["text"], ("a", "b"), {"units": "m"})
        write_small(tmp_path / folder / "g/a", np.arange(3), ("a",))
        write_small(tmp_path / folder / "g/h/a", np.arange(3), ("a",))
    for group in ("g", "g/h"):
        write_group_metadata(tmp_path / "ours" / group, {"long_name": group})
        zarr.create_group(tmp_path / "theirs" / group, attributes={"long_name": group})
    zarr.create_group(tmp_path / "theirs", attributes=attributes)
    zarr.consolidate_metadata(tmp_path / "theirs")
    root = tmp_path / "ours/zarr.json"
    root.write_bytes(consolidate_metadata(tmp_path / "ours", attributes))
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")
    names = json.loads(root.read_text())["consolidated_metadata"]["metadata"]
    assert list(names) == ["b", "g", "g/a", "g/h", "g/h/a"]
    assert read_attributes(tmp_path / "ours") == attributes
