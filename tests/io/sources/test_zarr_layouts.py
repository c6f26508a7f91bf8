"""Stores called .zarr that are no plain tables are named: Icechunk, OME-Zarr, uneven chunks."""

import json

import numpy as np
import pytest
import zarr

from dgmm.errors import ConfigurationError, DataError, Remedy
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

LABELLED = Selection(variables=("x",), sample_dims=("n",))


@pytest.mark.parametrize("selection", [Selection(), LABELLED])
@pytest.mark.parametrize("version", [1, 2])
def test_an_icechunk_repository_is_named(tmp_path, selection, version):
    for folder in ("snapshots", "manifests", "transactions"):
        (tmp_path / "x.zarr" / folder).mkdir(parents=True)
    if version == 1:
        (tmp_path / "x.zarr" / "refs" / "branch.main").mkdir(parents=True)
    else:
        (tmp_path / "x.zarr" / "repo").write_bytes(b"ICE")
    kind = "xarray" if selection.sample_dims else "zarr"
    with pytest.raises(DataError, match=r"is an Icechunk repository.*format is"):
        open_source(tmp_path / "x.zarr", kind, selection=selection)


def uneven(path):
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["chunk_grid"] = {
        "name": "rectilinear",
        "configuration": {"chunk_shapes": [[3, 7], [2]]},
    }
    (path / "zarr.json").write_text(json.dumps(metadata))


@pytest.mark.parametrize("where", ["array", "member", "consolidated"])
@pytest.mark.parametrize("selection", [Selection(variables=("x",)), LABELLED])
def test_chunks_of_different_sizes_are_named(tmp_path, where, selection):
    path = tmp_path / "x.zarr"
    if where == "array":
        zarr.create_array(path, data=np.ones((10, 2)), chunks=(5, 2))
        uneven(path)
        selection = Selection(sample_dims=selection.sample_dims)
    else:
        group = zarr.create_group(path)
        group.create_array("x", data=np.ones((10, 2)), chunks=(5, 2), dimension_names=("n", "f"))
        if where == "consolidated":
            with pytest.warns(UserWarning, match="Consolidated"):
                zarr.consolidate_metadata(path)
            root = json.loads((path / "zarr.json").read_text())
            root["consolidated_metadata"]["metadata"]["x"]["chunk_grid"] = {"name": "rectilinear"}
            (path / "zarr.json").write_text(json.dumps(root))
        else:
            uneven(path / "x")
    with pytest.raises(DataError, match="chunks of different sizes, a rectilinear grid"):
        open_source(path, selection=selection)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("variable", [(), ("s0",)])
def test_an_ome_zarr_image_is_no_plain_zarr(tmp_path, version, variable):
    group = zarr.create_group(tmp_path / "x.zarr", zarr_format=2 if version == "0.4" else 3)
    scales = [
        {
            "axes": [{"name": name, "type": "space"} for name in "yx"],
            "datasets": [{"path": "s0"}, {"path": "s1"}],
        }
    ]
    if version == "0.4":
        group.attrs["multiscales"] = scales
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
    for name, size in (("s0", 8), ("s1", 4)):
        group.create_array(name, data=np.ones((size, size)))
    group.create_array("table", data=np.ones((8, 2)), config={"write_empty_chunks": True})
    with pytest.raises(DataError, match="Say that its format is ome-zarr"):
        open_source(tmp_path / "x.zarr", "zarr", Selection(variables=variable))
    table = open_source(tmp_path / "x.zarr", "zarr", Selection(variables=("table",)))
    assert table.blocks.shape == (8, 2)


def test_advice_for_more_dimensions_keeps_features_together(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 8, 8)))
    with pytest.raises(DataError, match=r"moveaxis\(values, axis, -1\)\.reshape\(-1, n_features\)"):
        open_source(tmp_path / "x.npy")


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_whose_dimensions_have_names_asks_which_are_the_samples(tmp_path, version):
    dims = ("time", "y", "x")
    named = {"attributes": {"_ARRAY_DIMENSIONS": dims}}
    if version == 3:
        named = {"dimension_names": dims}
    root = zarr.open_group(tmp_path / "x.zarr", mode="w", zarr_format=version)
    root.create_array("temp", data=np.zeros((3, 4, 5)), **named)
    with pytest.raises(ConfigurationError, match="has the dimensions time 3, y 4, x 5") as error:
        open_source(tmp_path / "x.zarr", selection=Selection(variables=("temp",)))
    assert error.value.remedy is Remedy.CHOOSE_SAMPLE_DIMS
