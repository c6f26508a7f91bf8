"""Tables and images in object stores: what their own libraries wrote is read as from a folder."""

import numpy as np
import pyarrow as pa
import pytest
import xarray

from dgmm.errors import DataError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.io.storage.location import output_path

SHAPE = (6, 5, 4, 3)  # of voxels and volumes


def upload(folder, url, options):
    """The files of a folder, as objects below a URL."""
    for file in folder.rglob("*"):
        if file.is_file():
            place = output_path(f"{url}/{file.relative_to(folder)}", options)
            place.fs.pipe_file(place.path, file.read_bytes())


def opened(url, options, **selection):
    chosen = Selection(**selection)
    return open_source(url, selection=chosen, partition_size=400, storage_options=options)


def values(source):
    return source.blocks.compute(scheduler="synchronous")


def numbers(start, n=40):
    a = np.arange(start, start + n, dtype=float)
    return pa.table({"a": a, "b": np.sqrt(a)})


def assert_same(stored, local):
    assert stored.fingerprint == local.fingerprint
    np.testing.assert_array_equal(values(stored), values(local))


def test_live_rows_of_delta_lake(store, tmp_path):
    deltalake = pytest.importorskip("deltalake", reason="needs deltalake")
    url, options = store
    path = tmp_path / "t"
    for start in (0, 40):
        deltalake.write_deltalake(path, numbers(start), mode="append")
    deltalake.DeltaTable(path).create_checkpoint()
    deltalake.DeltaTable(path).delete("a < 7")
    upload(path, f"{url}/t", options)
    assert_same(opened(f"{url}/t", options), opened(path, {}))
    assert_same(opened(f"{url}/t", options, version=0), opened(path, {}, version=0))


def test_only_the_log_from_the_last_checkpoint_on_is_read(memory, tmp_path):
    deltalake = pytest.importorskip("deltalake", reason="needs deltalake")
    url, options = memory
    for start in (0, 40):
        deltalake.write_deltalake(tmp_path, numbers(start), mode="append")
    deltalake.DeltaTable(tmp_path).create_checkpoint()
    (tmp_path / "_delta_log" / f"{0:020}.json").unlink()
    upload(tmp_path, url, options)
    assert len(values(opened(url, options))) == 80


def test_a_shallow_clone_of_a_table_is_refused(memory, tmp_path):
    deltalake = pytest.importorskip("deltalake", reason="needs deltalake")
    url, options = memory
    deltalake.write_deltalake(tmp_path, numbers(0))
    log = tmp_path / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"path":"', '"path":"s3://elsewhere/t/'))
    upload(tmp_path, url, options)
    with pytest.raises(DataError, match=r"s3://elsewhere/t/.* is a shallow clone"):
        opened(url, options)


def test_live_rows_of_iceberg(s3):
    pytest.importorskip("sqlalchemy", reason="needs sqlalchemy")
    memory = pytest.importorskip("pyiceberg.catalog.memory", reason="needs pyiceberg")
    url, options = s3
    how = {"s3.endpoint": options["endpoint_url"], "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"}
    catalogue = memory.InMemoryCatalog("test", warehouse=url, **how)
    catalogue.create_namespace("n")
    table = catalogue.create_table("n.t", numbers(0).schema)
    table.append(numbers(0))
    table.delete("a < 7")
    catalogue.close()
    expected = np.arange(7, 40)
    for place in (f"{url}/n/t", table.metadata_location):
        np.testing.assert_array_equal(values(opened(place, options))[:, 0], expected)
    moved = output_path(f"{url}/n/t", options)
    moved.fs.cp(moved.path, f"{moved.path}-moved", recursive=True)
    with pytest.raises(DataError, match=r"is not below the table .*Was the table moved\?"):
        opened(f"{url}/n/t-moved", options)


@pytest.mark.parametrize("has_mask", [False, True])
def test_pixels_of_geotiff(s3, tmp_path, has_mask):
    rasterio = pytest.importorskip("rasterio", reason="needs rasterio")
    url, options = s3
    pixels = np.arange(2 * 8 * 9, dtype=np.uint16).reshape(2, 8, 9)
    where = rasterio.Affine(30.0, 0.0, 5e5, 0.0, -30.0, 4.2e6)
    profile = {"driver": "GTiff", "crs": "EPSG:32633", "transform": where, "dtype": "uint16"}
    with rasterio.open(tmp_path / "x.tif", "w", count=2, height=8, width=9, **profile) as raster:
        raster.write(pixels)
        if has_mask:  # in a file beside it
            raster.write_mask(pixels[0] > 20)
    upload(tmp_path, url, options)
    stored, local = opened(f"{url}/x.tif", options), opened(tmp_path / "x.tif", {})
    np.testing.assert_array_equal(values(stored), values(local))
    assert np.isnan(values(stored)).any() == has_mask
    (y, *_), places = stored.coordinates, (slice(0, 8),)
    np.testing.assert_array_equal(
        stored.read_coordinate(y, places), local.read_coordinate(y, places)
    )


@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_voxels_of_nifti(store, tmp_path, kind, name):
    nibabel = pytest.importorskip("nibabel", reason="needs nibabel")
    url, options = store
    image = getattr(nibabel, kind)(np.arange(360, dtype="i2").reshape(SHAPE), np.eye(4))
    image.header.set_slope_inter(0.5, 5.0)
    nibabel.save(image, tmp_path / name)
    upload(tmp_path, url, options)
    stored, local = opened(f"{url}/{name}", options), opened(tmp_path / name, {})
    assert stored.grid.shape == SHAPE[:3]
    np.testing.assert_array_equal(values(stored), values(local))


def test_a_snapshot_of_icechunk(s3, memory, tmp_path):
    icechunk = pytest.importorskip("icechunk", reason="needs icechunk")
    url, options = s3
    data = xarray.Dataset({"t": (("time", "x"), np.arange(40.0).reshape(20, 2))})
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    place = {"endpoint_url": options["endpoint_url"], "allow_http": True, "force_path_style": True}
    stored = icechunk.s3_storage(
        bucket=bucket, prefix=prefix, region="us-east-1", from_env=True, **place
    )
    session = icechunk.Repository.create(stored).writable_session("main")
    data.to_zarr(session.store, consolidated=False)
    session.commit("first")
    how = {**options, "client_kwargs": {"region_name": "us-east-1"}}
    found = values(opened(url, how, variables=("t",), sample_dims=("time",)))
    np.testing.assert_array_equal(found, data.t)

    local = icechunk.local_filesystem_storage(str(tmp_path))
    icechunk.Repository.create(local)
    upload(tmp_path, *memory)
    with pytest.raises(DataError, match="in an object store that is not S3"):
        opened(*memory, variables=("t",), sample_dims=("time",))
