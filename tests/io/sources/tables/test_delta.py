"""Delta Lake: the live rows of a version, whatever files lie there, as deltalake reads them."""

import json
import struct
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Condition, Selection
from dgmm.io.sources.source import open_source

deltalake = pytest.importorskip("deltalake", reason="needs deltalake")

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def table(start=0, n=40, **columns):
    a = np.arange(start, start + n, dtype=float)
    return pa.table({"a": a, "b": np.sqrt(a), **columns})


def values(source):
    return source.blocks.compute(scheduler="synchronous")


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=200)


def sorted_rows(rows):
    return rows[np.lexsort(rows.T)]


def commit(path, *actions):
    """Add a commit to a table's log, as a writer with other features does."""
    log = path / "_delta_log"
    number = len([*log.glob("*.json")])
    (log / f"{number:020}.json").write_text("\n".join(map(json.dumps, actions)) + "\n")


def actions_of(path, kind):
    files = sorted((path / "_delta_log").glob("*.json"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [action for line in lines if kind in (action := json.loads(line))]


def test_every_night_the_live_rows_are_read_and_no_others(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table())
    nights = [
        lambda: deltalake.write_deltalake(path, table(40), mode="append"),
        lambda: deltalake.DeltaTable(path).delete("a < 7"),
        lambda: deltalake.DeltaTable(path).update({"b": "0.5"}, predicate="a > 70"),
        lambda: deltalake.DeltaTable(path).optimize.compact(),
        lambda: deltalake.write_deltalake(path, table(100, 13), mode="append"),
        lambda: deltalake.write_deltalake(path, table(3), mode="overwrite"),
    ]
    fingerprints = set()
    for night in nights:
        night()
        known = deltalake.DeltaTable(path)
        expected = known.to_pyarrow_table().to_pandas().to_numpy()
        source = opened(path)
        assert source.feature_names == ("a", "b")
        assert source.selection.version == known.version()
        assert f"version {known.version()}," in source.description
        np.testing.assert_array_equal(sorted_rows(values(source)), sorted_rows(expected))
        fingerprints.add(source.fingerprint)
    assert len(fingerprints) == len(nights)


def test_rows_that_are_appended_follow_those_that_were_there(tmp_path):
    for start in (0, 40, 80):
        deltalake.write_deltalake(tmp_path / "t", table(start), mode="append")
    np.testing.assert_array_equal(values(opened(tmp_path / "t"))[:, 0], np.arange(120))


def test_an_earlier_version_is_read_by_number_or_time(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table())
    then = datetime.fromtimestamp(deltalake.DeltaTable(path).history()[0]["timestamp"] / 1e3, UTC)
    deltalake.write_deltalake(path, table(5, 9), mode="overwrite")
    assert values(opened(path)).shape == (9, 2)
    for version in (0, "0", then.isoformat()):
        assert values(opened(path, version=version)).shape == (40, 2)
    for version in (7, "yesterday"):
        with pytest.raises(ConfigurationError, match=r"version"):
            opened(path, version=version)


def test_partition_keys_are_columns_where_they_are_named(tmp_path):
    path = tmp_path / "t"
    rows = table(year=pa.array(np.arange(40) % 3 + 2020), site=["a b", "c/d"] * 20)
    deltalake.write_deltalake(path, rows, partition_by=["year", "site"])
    source = opened(path)
    assert source.feature_names == ("a", "b")
    expected = rows.to_pandas().query("year == 2021 and site == 'c/d'")
    source = opened(
        path,
        columns=("year", "b", "a"),
        where=(Condition("year", "=", 2021), Condition("site", "in", ("c/d",))),
    )
    np.testing.assert_array_equal(values(source), expected[["year", "b", "a"]].to_numpy())
    assert len(source.selection.files) == 1


def test_a_column_that_came_later_is_missing_in_older_files(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table())
    late = table(40, 5, c=np.arange(5.0))
    deltalake.write_deltalake(path, late, mode="append", schema_mode="merge")
    found = values(opened(path))
    assert np.isnan(found[:40, 2]).all()
    np.testing.assert_array_equal(found[40:, 2], np.arange(5))


@pytest.mark.parametrize(("reader", "features"), [(2, None), (3, ["columnMapping"])])
def test_columns_have_their_later_names(tmp_path, reader, features):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table())
    mapped = [
        {
            "name": name,
            "type": "double",
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": i,
                "delta.columnMapping.physicalName": physical,
            },
        }
        for i, (name, physical) in enumerate((("b", "a"), ("c", "b")), 1)
    ]
    metadata = actions_of(path, "metaData")[0]
    metadata["metaData"]["schemaString"] = json.dumps({"type": "struct", "fields": mapped})
    metadata["metaData"]["configuration"] = {
        "delta.columnMapping.mode": "name",
        "delta.columnMapping.maxColumnId": "2",
    }
    protocol = {"minReaderVersion": reader, "minWriterVersion": 5 if features is None else 7}
    if features is not None:
        protocol |= {"readerFeatures": features, "writerFeatures": features}
    commit(path, {"protocol": protocol}, metadata)
    source = opened(path, where=(Condition("b", ">=", 10),), id_columns=("b",))
    assert source.feature_names == ("c",)
    np.testing.assert_allclose(values(source)[:, 0], np.sqrt(np.arange(10, 40)))
    (coordinate,) = source.coordinates
    np.testing.assert_array_equal(
        source.read_coordinate(coordinate, (slice(3, 9),)), np.arange(13, 19)
    )


def inline_vector(rows):
    """A deletion vector as the protocol writes one in the log: Z85 of a roaring bitmap array."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + struct.pack(
        f"<{len(rows)}H", *rows
    )
    content = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    size, content = len(content), content + b"\0" * (-len(content) % 4)
    text = ""
    for (number,) in struct.iter_unpack(">I", content):
        text += "".join(Z85[number // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": size,
        "cardinality": len(rows),
    }


def test_rows_in_deletion_vectors_are_left_out(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table(), writer_properties=None)
    deltalake.write_deltalake(path, table(40, 10), mode="append")
    features = ["deletionVectors"]
    protocol = {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": features,
        "writerFeatures": features,
    }
    (add, _) = (action["add"] for action in actions_of(path, "add"))
    removed = {
        "path": add["path"],
        "deletionTimestamp": add["modificationTime"],
        "dataChange": True,
    }
    deleted = [0, 3, 4, 39]
    commit(
        path,
        {"protocol": protocol},
        {"remove": removed},
        {"add": {**add, "deletionVector": inline_vector(deleted)}},
    )
    kept = [i for i in range(50) if i not in deleted]
    np.testing.assert_array_equal(values(opened(path))[:, 0], kept)
    where = (Condition("a", "<=", 5), Condition("b", ">", 0))
    np.testing.assert_array_equal(values(opened(path, where=where))[:, 0], [1, 2, 5])
    assert opened(path).fingerprint != opened(path, version=1).fingerprint


def test_features_of_readers_that_are_not_known_are_refused_by_name(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, table())
    features = ["variantType"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
    commit(path, {"protocol": {**protocol, "readerFeatures": features, "writerFeatures": features}})
    with pytest.raises((DataError, ConfigurationError), match="variantType"):
        opened(path)
