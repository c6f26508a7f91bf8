"""Iceberg: the live rows of a snapshot without a catalogue, as pyiceberg reads them with one."""

import gzip
import json
import shutil
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Condition, Selection
from dgmm.io.sources.source import open_source

pytest.importorskip("pyiceberg", reason="needs pyiceberg")
pytest.importorskip("sqlalchemy", reason="needs sqlalchemy")

from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, DoubleType, NestedField


def rows(start=0, n=40, **columns):
    a = np.arange(start, start + n, dtype=float)
    return pa.table({"a": a, "b": np.sqrt(a), **columns})


@pytest.fixture
def catalogue(tmp_path):
    found = InMemoryCatalog("test", warehouse=f"file://{tmp_path}")
    found.create_namespace("n")
    yield found
    found.close()


@pytest.fixture
def table(catalogue):
    return catalogue.create_table("n.t", rows().schema)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "n" / "t"


def values(source):
    return source.blocks.compute(scheduler="synchronous")


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=200)


def sorted_rows(values):
    return values[np.lexsort(values.T)]


def test_every_night_the_live_rows_are_read_and_no_others(table, path):
    table.append(rows())
    nights = [
        lambda: table.append(rows(40)),
        lambda: table.delete("a < 7"),
        lambda: table.overwrite(rows(200, 3), "a > 70"),
        lambda: table.append(rows(100, 13)),
        lambda: table.overwrite(rows(3)),
    ]
    fingerprints = set()
    for night in nights:
        night()
        expected = table.scan().to_pandas().to_numpy()
        source = opened(path)
        assert source.feature_names == ("a", "b")
        assert source.selection.version == table.current_snapshot().snapshot_id
        np.testing.assert_array_equal(sorted_rows(values(source)), sorted_rows(expected))
        fingerprints.add(source.fingerprint)
    assert len(fingerprints) == len(nights)


def test_rows_that_are_appended_follow_those_that_were_there(table, path):
    for start in (0, 40, 80):
        table.append(rows(start))
    np.testing.assert_array_equal(values(opened(path))[:, 0], np.arange(120))


def test_a_snapshot_is_read_by_number_branch_or_tag(table, path):
    table.append(rows())
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "january").commit()
    table.overwrite(rows(5, 9))
    for version, n in ((None, 9), ("main", 9), (first, 40), (str(first), 40), ("january", 40)):
        assert values(opened(path, version=version)).shape == (n, 2)
    for version in (7, "february"):
        with pytest.raises(ConfigurationError, match=f"no snapshot {version!r}; it has .*january"):
            opened(path, version=version)


def test_columns_are_found_by_number_whatever_they_are_called(table, path):
    table.append(rows())
    with table.update_schema() as update:
        update.rename_column("a", "alpha")
    with table.update_schema() as update:
        update.add_column("a", DoubleType())
    table.append(pa.table({"alpha": [50.0], "b": [1.0], "a": [2.0]}))
    source = opened(path)
    assert source.feature_names == ("alpha", "b", "a")
    found = values(source)
    np.testing.assert_array_equal(found[:, 0], [*range(40), 50])
    np.testing.assert_array_equal(found[:, 2], [*[np.nan] * 40, 2])
    first = table.snapshots()[0].snapshot_id
    assert opened(path, version=first).feature_names == ("a", "b")
    assert values(opened(path, where=(Condition("a", "=", 2.0),))).tolist() == [[50, 1, 2]]


def test_partition_keys_are_columns_where_they_are_named(catalogue, path):
    schema = Schema(
        NestedField(1, "a", DoubleType(), required=False),
        NestedField(2, "day", DateType(), required=False),
    )
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "day"))
    table = catalogue.create_table("n.t", schema, partition_spec=spec)
    days = np.arange("2026-01-01", "2026-01-05", dtype="M8[D]")
    table.append(pa.table({"a": np.arange(40.0), "day": np.tile(days, 10)}))
    source = opened(path, where=(Condition("day", ">", "2026-01-02"),), id_columns=("day",))
    assert source.feature_names == ("a",)
    assert sorted(values(source)[:, 0]) == [i for i in range(40) if i % 4 >= 2]
    assert len(source.selection.files) == 2
    (coordinate,) = source.coordinates
    assert set(source.read_coordinate(coordinate, (slice(0, 20),))) == {"2026-01-03", "2026-01-04"}


def with_deletes(table, path, positions):
    """The table's newest metadata with a positional delete file, as Spark or Flink writes one."""
    (task,) = table.scan().plan_files()
    place = path / "data" / "deletes.parquet"
    fields = [
        pa.field("file_path", pa.string(), False, {"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), False, {"PARQUET:field_id": "2147483545"}),
    ]
    columns = [[task.file.file_path] * len(positions), positions]
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), place)
    with table.transaction() as transaction:
        snapshot = transaction.update_snapshot().fast_append()
        with snapshot:
            snapshot.append_data_file(
                DataFile.from_args(
                    content=DataFileContent.POSITION_DELETES,
                    file_path=f"file://{place}",
                    file_format=FileFormat.PARQUET,
                    partition=task.file.partition,
                    record_count=len(positions),
                    file_size_in_bytes=place.stat().st_size,
                    spec_id=0,
                )
            )


def test_rows_in_delete_files_are_left_out(table, path):
    table.append(rows())
    with_deletes(table, path, [0, 3, 4, 39])
    kept = [i for i in range(40) if i not in (0, 3, 4, 39)]
    np.testing.assert_array_equal(table.scan().to_pandas()["a"], kept)
    np.testing.assert_array_equal(values(opened(path))[:, 0], kept)


def test_a_metadata_file_is_a_table_as_a_catalogue_names_it(table, path):
    table.append(rows())
    table.append(rows(40))
    file = table.metadata_location.removeprefix("file://")
    np.testing.assert_array_equal(values(opened(file)), values(opened(path)))
    shutil.copy(file, path / "metadata" / f"00002-{uuid.uuid4()}.metadata.json")
    with pytest.raises(ConfigurationError, match=r"2 metadata files of one number.*catalogue"):
        opened(path)
    (path / "metadata" / "version-hint.text").write_text(file.rpartition("/")[2])
    assert values(opened(path)).shape == (80, 2)


@pytest.mark.parametrize(("name", "hint"), [("00009-a", ""), ("v10", "10")])
def test_metadata_may_be_compressed(table, path, name, hint):
    table.append(rows())
    expected = values(opened(path))
    plain = Path(table.metadata_location.removeprefix("file://"))
    compressed = plain.with_name(f"{name}.gz.metadata.json")
    compressed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    if hint:
        (plain.parent / "version-hint.text").write_text(hint)
    np.testing.assert_array_equal(values(opened(path)), expected)


def test_sizes_are_those_of_the_files(table, path):
    table.append(rows())
    expected = values(opened(path))
    (file,) = (path / "data").glob("*.parquet")
    pq.write_table(pq.read_table(file), file, compression="gzip", use_dictionary=False)
    np.testing.assert_array_equal(values(opened(path)), expected)


def test_older_files_have_the_default_of_a_new_column(table, path):
    table.append(rows())
    with table.update_schema() as update:
        update.add_column("c", DoubleType())
    table.append(rows(40, c=np.full(40, 7.0)))
    metadata = Path(table.metadata_location.removeprefix("file://"))
    said = json.loads(metadata.read_text())
    for schema in said["schemas"]:
        for field in schema["fields"]:
            if field["name"] == "c":
                field["initial-default"] = 2.5
    metadata.write_text(json.dumps(said))
    np.testing.assert_array_equal(values(opened(path))[:, 2], [*[2.5] * 40, *[7.0] * 40])
    for low, n in ((2.0, 80), (3.0, 40), (8.0, 0)):
        condition = Condition("c", ">", low)
        if n:
            source = opened(path, where=(condition,), id_columns=("c",))
            assert values(source).shape == (n, 2)
            (ids,) = source.coordinates
            assert source.read_coordinate(ids, (slice(0, n),)).min() > low
        else:
            with pytest.raises(DataError, match="No row of"):
                opened(path, where=(condition,))


def test_a_table_that_nothing_was_written_to_is_refused(table, path):
    with pytest.raises(ConfigurationError, match="nothing was written to it"):
        opened(path)
    table.append(rows())
    table.delete("a >= 0")
    with pytest.raises(DataError, match="has no rows"):
        opened(path)
