"""What fingerprints, and with them names of runs, hold of a dataset."""

from dataclasses import fields, replace

import numpy as np
import pytest

from dgmm.io.grid import Coordinate
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.format import DatasetMetadata
from dgmm.io.sources.selection import Condition, PinnedFile, Selection, Weights

SELECTION = {
    "variables": ("v",),
    "columns": ("c",),
    "sample_dims": ("y",),
    "missing_chunks": "fill",
    "weights": Weights("w"),
    "labels": Weights("l"),
    "files": (PinnedFile("a", 1, 2),),
    "orders": (("y", (1, 0)),),
    "cell_area": "lat",
    "version": 3,
    "where": (Condition("c", "<", 1),),
    "id_columns": ("i",),
    "compensate": True,
    "densify": True,
    "concat_dim": "time",
    "list_sizes": (("c", 2),),
}
FILE = {
    "key": "b",
    "size": 2,
    "n_rows": 3,
    "group_rows": (1,),
    "deleted": b"1",
    "constants": (("year", 2020),),
    "names": (("c", "b"),),
}
METADATA = {
    "shape": (5, 2),
    "dtype": np.dtype("f4"),
    "storage_chunks": (2,),
    "files": (FileInfo("a", 1, 3),),
    "description": "other",
    "selection": Selection(columns=("c",)),
    "feature_names": ("u", "v"),
    "dims": ("time",),
    "n_pieces": 2,
    "bounds": (0, 4),
    "coordinates": (Coordinate("time", ("time",), (4,), "int64", ()),),
}
STORED = DatasetMetadata((4, 2), np.dtype("f8"), (1,), (FileInfo("a", 1, 2),), "one", Selection())


def test_no_field_is_forgotten():
    assert {field.name for field in fields(Selection)} == {*SELECTION, "dtype"}
    assert {field.name for field in fields(DatasetMetadata)} == {*METADATA, "feature_groups"}


@pytest.mark.parametrize("name", FILE)
def test_another_file_is_another_identity(name):
    assert {field.name for field in fields(PinnedFile)} == {*FILE}
    file = PinnedFile("a", 1, 2)
    assert replace(file, **{name: FILE[name]}).identity() != file.identity()


@pytest.mark.parametrize("name", SELECTION)
def test_another_selection_is_another_identity(name):
    assert replace(Selection(), **{name: SELECTION[name]}).identity() != Selection().identity()


def test_a_dtype_that_was_found_is_left_to_the_metadata():
    assert Selection(dtype="<f8").identity() == Selection().identity()


@pytest.mark.parametrize("name", METADATA)
def test_other_metadata_are_another_identity(name):
    assert replace(STORED, **{name: METADATA[name]}).identity() != STORED.identity()
