#!/bin/sh
# Dask writes a Zarr array with shards, and some of its rows are zeros afterwards.
#
# Expected: x.to_zarr(path, shards=...) stores x. Dask takes care that no two tasks write to one object: for
#   an array that exists it joins its chunks to whole shards, and a store that does not fit is refused.
# Found: where to_zarr makes the array itself, the chunks of x become the chunks inside the shards, and each is a
#   task. Tasks read a shard, add their chunk and write it back at the same time, so that the last one wins:
#   20 to 40 % of 4,000 rows are zeros (the fill value), others in each run. No error and no warning.
#   Zarr's index calls these chunks empty, so that no reader can tell. With one thread all rows are there, as
#   they are with zarr.create_array(path, shards=...) first and x.to_zarr(array), or x rechunked to shards.
# Versions: dask 2026.8.0, zarr 3.1.6, numpy 2.4.6. How many rows are lost depends on the machine.
# Why it matters: shards are what one takes for many rows, to have fewer files. Rows of zeros look like data: a
#   component of their own, and means too near to zero.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    dask==2026.8.0 zarr==3.1.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import dask
import dask.array as da
import numpy as np
import zarr

print(*(f"{name} {version(name)}" for name in ("dask", "zarr", "numpy")))
rows = np.random.default_rng(0).normal(10, 1, size=(4000, 4))
x = da.from_array(rows, chunks=(50, 4))
shards = (1000, 4)


def lost(path):
    """How many rows of a store are not those that were written."""
    return int((zarr.open_array(path, mode="r")[...] != rows).any(axis=1).sum())


def of_its_own(path):
    x.to_zarr(path, shards=shards)


def by_one_thread(path):
    with dask.config.set(scheduler="synchronous"):
        x.to_zarr(path, shards=shards)


def made_before(path):
    options = {"shape": x.shape, "dtype": x.dtype, "chunks": (50, 4), "shards": shards}
    x.to_zarr(zarr.create_array(path, **options))


def of_whole_shards(path):
    x.rechunk(shards).to_zarr(path, shards=shards)


found = {}
for write in (of_its_own, by_one_thread, made_before, of_whole_shards):
    name = write.__name__
    paths = [f"{name}{number}.zarr" for number in range(3)]
    for path in paths:
        write(path)
    found[name] = [lost(path) for path in paths]
    print(f"{name:16} rows lost in three runs:", found[name])
assert max(found["of_its_own"]) > 0, "the behaviour has changed"
assert all(max(found[name]) == 0 for name in found if name != "of_its_own")
PYTHON
