"""Labelled datasets with damaged metadata: read, or refused with the name of the file, and soon."""

import gc
import json
import random
import time
from pathlib import Path

import numpy as np
import pytest
import xarray

from dgmm.errors import DgmmError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

SECONDS = 5  # of CPU, so that others on the machine change nothing
OUTCOMES = {"read", "ConfigurationError", "DataError", "InputChangedError", "StorageError"}
KINDS = ("zarr3", "zarr2", "h5netcdf", "scipy")
VALUES = (
    None, True, -1, 0, 1, 2**31, 2**63, -(2**63), 1.5, 1e308, "", "x", "float32", "<f4", "|O",
    "<M8[ns]", "days since 2000-01-01", [], [0], [1, 1], [2**40] * 4, ["x"], {}, {"id": "zlib"},
    {"name": "gzip"}, "NaN",
)  # fmt: skip


def dataset():
    rng = np.random.default_rng(0)
    temp = rng.normal(size=(4, 3, 5, 6)).astype(np.float32)
    temp[1, 2] = np.nan
    return xarray.Dataset(
        {
            "temp": (("time", "depth", "lat", "lon"), temp, {"units": "degC"}),
            "salt": (("time", "lat", "lon"), rng.normal(size=(4, 5, 6)).astype(np.float32)),
        },
        coords={
            "time": ("time", np.datetime64("2000-01-01", "ns") + np.arange(4)),
            "depth": ("depth", [0.0, 5.0, 10.0]),
            "lat": ("lat", np.linspace(-60, 60, 5), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(6.0)),
            "floor": (("lat", "lon"), rng.random((5, 6))),
        },
    )


def write(path: Path, kind: str) -> dict[str, bytes]:
    """Its files, by their names relative to the folder."""
    packed = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": np.int16(-9999)}
    if kind.startswith("zarr"):
        version = int(kind[-1])
        chunks = {"temp": packed | {"chunks": (2, 3, 5, 6)}}
        dataset().to_zarr(path, zarr_format=version, consolidated=version == 2, encoding=chunks)
        files = (file for file in path.rglob("*") if file.is_file())
        return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}
    dataset().to_netcdf(path, engine=kind, encoding={"temp": packed})
    return {path.name: path.read_bytes()}


def bent(node, rng: random.Random):
    """A JSON document with one value of it replaced, removed, doubled or moved."""
    places = []

    def walk(value, parent, key):
        if parent is not None:
            places.append((parent, key))
        pairs = value.items() if isinstance(value, dict) else ()
        pairs = enumerate(value) if isinstance(value, list) else pairs
        for name, item in pairs:
            walk(item, value, name)

    walk(node, None, None)
    if not places:
        return rng.choice(VALUES)
    parent, key = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.insert(key, parent[key])
        case 2:
            other, name = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[name])) if name in other else None
        case _:
            parent[key] = rng.choice(VALUES)
    return node


def mutated(files: dict[str, bytes], rng: random.Random) -> tuple[str, bytes]:
    """One file of metadata, with bytes changed, cut off, or its structure bent."""
    documents = [name for name in files if Path(name).name.startswith((".z", "zarr.json"))]
    name = rng.choice(sorted(documents) or sorted(files))
    content = files[name]
    if documents and rng.random() < 0.7:
        document = json.loads(content)
        for _ in range(rng.choice((1, 1, 2))):
            document = bent(document, rng)
        return name, json.dumps(document).encode()
    if rng.random() < 0.1:
        return name, content[: rng.randrange(len(content))]
    changed = bytearray(content)
    header = len(content) if documents else min(len(content), 6_000)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        changed[rng.randrange(header)] ^= rng.choice((1 << rng.randrange(8), 255, 128))
    return name, bytes(changed)


@pytest.mark.filterwarnings("ignore::xarray.SerializationWarning")
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "seeds", [range(15), pytest.param(range(15, 140), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_damaged_metadata_are_an_error_that_names_the_file(tmp_path, kind, seeds):
    files = write(tmp_path / ("x.zarr" if kind.startswith("zarr") else "x.nc"), kind)
    found = []
    for seed in seeds:
        path = tmp_path / f"mutated-{seed}" / ("x.zarr" if kind.startswith("zarr") else "x.nc")
        name, content = mutated(files, random.Random(f"{kind} {seed}"))
        for part, whole in files.items():
            (path.parent / part).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / part).write_bytes(content if part == name else whole)
        began = time.process_time()
        try:
            selection = Selection(("temp", "salt"), sample_dims=("time", "lat", "lon"))
            source = open_source(path, selection=selection, partition_size=2_000)
            source.blocks.blocks[0].compute(scheduler="synchronous")
        except DgmmError as error:
            found.append(type(error).__name__ if str(path) in str(error) else str(error))
        else:
            found.append("read")
        assert time.process_time() - began < SECONDS, seed
    assert set(found) <= OUTCOMES
    assert {"read", "DataError"} <= set(found)
    gc.collect()  # files that libraries leave open when they fail, and say so when they are freed
