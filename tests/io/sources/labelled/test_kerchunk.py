"""References to chunks in NetCDF files, in JSON as kerchunk writes them."""

import json
import os

import h5py
import numpy as np
import pytest

from dgmm import open_result
from dgmm.errors import DataError, InputNotFoundError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run

xarray = pytest.importorskip("xarray", reason="needs xarray")

SELECTION = Selection(variables=("t",), sample_dims=("time", "x"))


def values():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 10, 2)) + 5 * rng.integers(0, 2, (12, 10, 1))


def write(folder):
    """Two files along time, and references to all their chunks, which are not compressed."""
    data, refs = values(), {".zgroup": json.dumps({"zarr_format": 2})}
    array = {
        "zarr_format": 2,
        "shape": [12, 10, 2],
        "chunks": [3, 10, 2],
        "dtype": "<f8",
        "fill_value": None,
        "order": "C",
        "filters": None,
        "compressor": None,
    }
    refs["t/.zarray"] = json.dumps(array)
    refs["t/.zattrs"] = json.dumps({"_ARRAY_DIMENSIONS": ["time", "x", "depth"]})
    for place in range(2):
        part = data[6 * place : 6 * place + 6]
        xarray.Dataset({"t": (("time", "x", "depth"), part)}).to_netcdf(
            folder / f"{place}.nc", engine="h5netcdf", encoding={"t": {"chunksizes": (3, 10, 2)}}
        )
        with h5py.File(folder / f"{place}.nc") as file:
            for i in range(2):
                chunk = file["t"].id.get_chunk_info(i)
                where = [str(folder / f"{place}.nc"), chunk.byte_offset, chunk.size]
                refs[f"t/{2 * place + i}.0.0"] = where
    (folder / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    return data.reshape(120, 2)


def test_references_are_the_arrays_that_they_refer_to(tmp_path):
    rows = write(tmp_path)
    source = open_source(tmp_path / "refs.json", selection=SELECTION, partition_size=500)
    assert source.format == "kerchunk"
    assert source.storage_chunks == (3, 10)
    np.testing.assert_array_equal(source.blocks.compute(scheduler="synchronous"), rows)


def test_files_that_are_packed_in_another_way_are_refused(tmp_path):
    write(tmp_path)
    for place, scale in ((0, 0.5), (1, 0.25)):
        with h5py.File(tmp_path / f"{place}.nc", "r+") as file:
            file["t"].attrs["scale_factor"] = scale
    document = json.loads((tmp_path / "refs.json").read_text())
    attributes = {"_ARRAY_DIMENSIONS": ["time", "x", "depth"], "scale_factor": 0.5}
    document["refs"]["t/.zattrs"] = json.dumps(attributes)
    (tmp_path / "refs.json").write_text(json.dumps(document))
    said = r"unpack t of .*1\.nc by another scale_factor than that file has: 0\.5 instead of 0\.25"
    with pytest.raises(DataError, match=said):
        open_source(tmp_path / "refs.json", selection=SELECTION)
    with h5py.File(tmp_path / "1.nc", "r+") as file:
        file["t"].attrs["scale_factor"] = 0.5
    assert open_source(tmp_path / "refs.json", selection=SELECTION).format == "kerchunk"


def test_files_that_are_referred_to_belong_to_the_fingerprint(tmp_path):
    write(tmp_path)
    before = open_source(tmp_path / "refs.json", selection=SELECTION).fingerprint
    os.utime(tmp_path / "1.nc", ns=(0, 1))
    assert open_source(tmp_path / "refs.json", selection=SELECTION).fingerprint != before
    (tmp_path / "1.nc").unlink()
    with pytest.raises(InputNotFoundError, match=r"1\.nc"):
        open_source(tmp_path / "refs.json", selection=SELECTION)


def test_a_run_is_that_of_the_array(tmp_path):
    np.save(tmp_path / "x.npy", write(tmp_path))
    for source, output in (
        ("refs.json, variables: t, sample_dims: [time, x]", "references"),
        ("x.npy", "rows"),
    ):
        run(
            loads(f"""
            input: {{path: {tmp_path}/{source}}}
            model: {{n_components: 2, covariance_type: full}}
            output: {{path: {tmp_path}/{output}, report: false}}
            cluster: {{kind: threads}}
            """)
        )
    found, rows = open_result(tmp_path / "references"), open_result(tmp_path / "rows")
    np.testing.assert_allclose(found.model.means, rows.model.means, rtol=1e-9)
