"""Chunks that stores lack are named, whatever way this version of zarr reads them by."""

import asyncio
import itertools

import numpy as np
import pytest
import zarr
from zarr.core import codec_pipeline
from zarr.storage import MemoryStore

from dgmm.errors import DataError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.io.storage import zarr_arrays
from dgmm.io.storage.location import output_path

ROWS = np.arange(120.0).reshape(60, 2)
NUMBERS = itertools.count()
PIPELINES = [
    f"zarr.core.codec_pipeline.{name}"
    for name in ("BatchedCodecPipeline", "FusedCodecPipeline")
    if hasattr(codec_pipeline, name)
]
LAYOUTS = {
    "v2": {"zarr_format": 2, "chunks": (10, 2)},
    "v3": {"chunks": (10, 2)},
    "shards": {"chunks": (5, 2), "shards": (10, 2)},
}


@pytest.fixture(params=PIPELINES)
def pipeline(request):
    with zarr.config.set({"codec_pipeline.path": request.param}):
        yield


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("may_be_read", [True, False])
def test_a_chunk_that_is_gone_is_named_unless_it_may_be_missing(layout, may_be_read):
    """Zarr from 3.2 on refuses missing chunks itself if told so, which leaves `fill` as it is."""
    url = f"memory://stores/{next(NUMBERS)}.zarr"
    array = zarr.create_array(url, data=ROWS, fill_value=7.0, **LAYOUTS[layout])
    key = array.metadata.encode_chunk_key((2, 0))
    with zarr.config.set({"array.read_missing_chunks": may_be_read}):
        rows = open_source(url).blocks
        np.testing.assert_array_equal(rows.compute(scheduler="synchronous"), ROWS)
        _remove(url, key)
        with pytest.raises(DataError, match=rf"no chunk .*{key} \(rows 20 to 29\)"):
            rows.compute(scheduler="synchronous")
        filled = open_source(url, selection=Selection(missing_chunks="fill")).blocks
        found = filled.compute(scheduler="synchronous")
    np.testing.assert_array_equal(found[20:30], 7.0)
    np.testing.assert_array_equal(found[30:], ROWS[30:])


def _remove(url, key):
    (output_path(url) / key).unlink()


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_store_that_is_read_without_waiting_is_watched_too(layout):
    """As that of files in memory, by zarr's fused pipeline."""
    store = MemoryStore()
    array = zarr.create_array(store, data=ROWS, fill_value=7.0, **LAYOUTS[layout])
    keys = [array.metadata.encode_chunk_key((place, 0)) for place in range(6)]
    asyncio.run(store.delete(keys[4]))
    watched = zarr.open_array(zarr_arrays._RecordingStore(store), mode="r")
    np.testing.assert_array_equal(watched[40:50], 7.0)
    np.testing.assert_array_equal(watched[:40], ROWS[:40])
    assert [key for key in keys if zarr_arrays.is_missing(watched.store, f"/{key}")] == [keys[4]]
