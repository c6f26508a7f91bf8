"""HDF5 whose values lie elsewhere, were never written, or need a filter that is not there."""

import h5py
import numpy as np
import pytest
import xarray

from dgmm.errors import DataError, MissingExtraError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

ROWS = np.arange(40.0).reshape(20, 2)


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=100)


def values(source):
    return source.blocks.compute(scheduler="synchronous")


@pytest.fixture
def virtual(tmp_path):
    """A virtual dataset of two files."""
    layout = h5py.VirtualLayout(ROWS.shape, ROWS.dtype)
    for i in range(2):
        half = slice(10 * i, 10 * i + 10)
        with h5py.File(tmp_path / f"s{i}.h5", "w") as file:
            file["x"] = ROWS[half]
        layout[half] = h5py.VirtualSource(f"s{i}.h5", "x", (10, 2))
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("v", layout, fillvalue=-1)
    return tmp_path / "v.h5"


def test_a_virtual_dataset_is_read_and_its_sources_belong_to_its_fingerprint(virtual, tmp_path):
    before = opened(virtual)
    np.testing.assert_array_equal(values(before), ROWS)
    with h5py.File(tmp_path / "s1.h5", "w") as file:
        file["x"] = ROWS[10:] + 1
    after = opened(virtual)
    assert after.fingerprint != before.fingerprint
    np.testing.assert_array_equal(values(after)[10:], ROWS[10:] + 1)


def test_a_source_that_is_gone_or_too_small_is_named(virtual, tmp_path):
    source = opened(virtual)
    with h5py.File(tmp_path / "s1.h5", "w") as file:
        file["x"] = ROWS[:3]
    with pytest.raises(DataError, match=r"v takes values from x of s1\.h5, which holds \(3, 2\)"):
        opened(virtual)
    with h5py.File(tmp_path / "s1.h5", "w") as file:
        file["y"] = ROWS[:10]
    with pytest.raises(DataError, match=r"s1\.h5, which holds no such dataset"):
        opened(virtual)
    (tmp_path / "s1.h5").unlink()
    with pytest.raises(DataError, match=r"s1\.h5, which is not there.*HDF5 would read -1"):
        opened(virtual)
    with pytest.raises(DataError, match=r"s1\.h5, which is not there"):
        values(source)  # that was opened before


def test_parts_of_a_virtual_dataset_without_a_source_are_refused(tmp_path):
    layout = h5py.VirtualLayout((12, 2), "f8")
    layout[:10] = h5py.VirtualSource(".", "x", (10, 2))
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["x"] = ROWS[:10]
        file.create_virtual_dataset("v", layout, fillvalue=-1)
    with pytest.raises(DataError, match="4 values of the virtual dataset /v have no source"):
        opened(tmp_path / "v.h5", variables=("v",))
    filled = values(opened(tmp_path / "v.h5", variables=("v",), missing_chunks="fill"))
    np.testing.assert_array_equal(filled, [*ROWS[:10], [-1, -1], [-1, -1]])


def test_sources_have_to_be_complete_themselves(virtual, tmp_path):
    with h5py.File(tmp_path / "s0.h5", "w") as file:
        file.create_dataset("x", (10, 2), "f8", chunks=(5, 2))[:5] = 1
    with pytest.raises(DataError, match=r"s0\.h5: the chunk at \(5, 0\) of /x was never written"):
        opened(virtual)


def test_external_storage_is_checked_and_belongs_to_the_fingerprint(tmp_path):
    raw = tmp_path / "x.raw"
    ROWS.tofile(raw)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", ROWS.shape, "f8", external=[(str(raw), 0, ROWS.nbytes)])
    before = opened(tmp_path / "x.h5")
    np.testing.assert_array_equal(values(before), ROWS)
    (ROWS + 1).tofile(raw)
    assert opened(tmp_path / "x.h5").fingerprint != before.fingerprint
    raw.write_bytes(raw.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"holds 312 bytes, expected 320"):
        opened(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.create_dataset("x", ROWS.shape, "f8", external=[("x.raw", 0, ROWS.nbytes)])
    with pytest.raises(DataError, match=r"external file x\.raw, a relative path"):
        opened(tmp_path / "y.h5")


def test_chunks_that_were_never_written_are_refused_or_filled(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        x = file.create_dataset("x", (20, 2), "f8", chunks=(5, 2), fillvalue=7)
        x[:5] = 1
        x[15:] = 2
        file.create_dataset("y", (20, 2), "f8")
    with pytest.raises(DataError, match=r"chunk at \(5, 0\) of /x was never written.*read 7\.0"):
        opened(tmp_path / "x.h5", variables=("x",))
    with pytest.raises(DataError, match=r"everything of /y was never written"):
        opened(tmp_path / "x.h5", variables=("y",))
    filled = values(opened(tmp_path / "x.h5", variables=("x",), missing_chunks="fill"))
    np.testing.assert_array_equal(filled[:, 0], np.repeat([1, 7, 7, 2], 5))


def test_what_an_unwritten_chunk_means_has_to_be_known(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        x = file.create_dataset("x", (20, 2), "i2", chunks=(5, 2))
        x[:5] = 1
        x.attrs["_FillValue"] = np.int16(-9)
    with pytest.raises(DataError, match="its meaning is unknown"):
        opened(tmp_path / "x.h5", missing_chunks="fill")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        x = file.create_dataset("x", (20, 2), "i2", chunks=(5, 2), fillvalue=-9)
        x[:5] = 1
        x.attrs["_FillValue"] = np.int16(-9)
    filled = values(opened(tmp_path / "y.h5", missing_chunks="fill"))
    assert np.isnan(filled[5:]).all()
    assert (filled[:5] == 1).all()


def unavailable_filter(path):
    """A dataset whose pipeline names a filter that no library has."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((5, 2))
    with h5py.File(path, "w") as file:
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple((20, 2))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plist)
        file["x"][...] = ROWS
    return path


def test_a_filter_that_is_not_there_is_named_before_a_value_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32015)
    path = unavailable_filter(tmp_path / "x.h5")
    with pytest.raises(MissingExtraError, match=r"by Zstandard.*pip install hdf5plugin"):
        opened(path)


def test_netcdf_files_have_the_same_filters_and_chunks(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file.create_dataset("x", (20, 2), "f8", chunks=(5, 2), fillvalue=9e36)[:5] = 1
        for name, extent in (("obs", 20), ("band", 2)):
            file[name] = np.arange(extent)
            file[name].make_scale(name)
        file["x"].dims[0].attach_scale(file["obs"])
        file["x"].dims[1].attach_scale(file["band"])
    wanted = {"variables": ("x",), "sample_dims": ("obs",)}
    with pytest.raises(DataError, match=r"chunk at \(5, 0\) of /x was never written"):
        opened(tmp_path / "x.nc", **wanted)
    filled = values(opened(tmp_path / "x.nc", **wanted, missing_chunks="fill"))
    assert (filled[5:] == 9e36).all()
    xarray.Dataset({"x": (("obs", "band"), ROWS)}).to_netcdf(
        tmp_path / "y.nc", engine="h5netcdf", encoding={"x": {"zlib": True}}
    )
    np.testing.assert_array_equal(values(opened(tmp_path / "y.nc", **wanted)), ROWS)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name != "hdf5plugin" or None)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != h5py.h5z.FILTER_DEFLATE)
    with pytest.raises(MissingExtraError, match="deflate"):
        opened(tmp_path / "y.nc", **wanted)
