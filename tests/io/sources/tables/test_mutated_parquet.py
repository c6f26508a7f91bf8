"""Parquet files that are cut off or whose bytes are changed: an error that names the file, soon.

Pages without checksums may also give other values; that is for the checksums of blocks to find.
"""

import random
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dgmm.errors import DgmmError
from dgmm.io.sources.source import open_source

SECONDS = 5  # of CPU, so that others on the machine change nothing
N = 3_000
OUTCOMES = {"read", "DataError", "StorageError"}
LAYOUTS = (
    {"compression": "snappy"},
    {"compression": "none", "use_dictionary": False},
    {"compression": "zstd", "write_page_checksum": True},
    {"compression": "gzip", "data_page_version": "2.0"},
)


def written(path: Path, layout: int) -> bytes:
    rng = np.random.default_rng(layout)
    columns = {f"x{j}": rng.integers(0, 200, size=N).astype(t) for j, t in enumerate(("f4", "f8"))}
    columns["n"] = pa.array(rng.integers(0, 9, size=N), mask=rng.random(N) < 0.01)
    pq.write_table(pa.table(columns), path, row_group_size=700, **LAYOUTS[layout])
    return path.read_bytes()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Cut off, or with some bytes changed, in the footer as often as in the pages."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if rng.random() < 0.15:
        return content[: rng.choice((rng.randrange(len(content)), rng.randrange(12)))]
    changed = bytearray(content)
    start, stop = rng.choice(((0, footer), (footer, len(content)), (footer, len(content))))
    for _ in range(rng.choice((1, 1, 1, 2, 5, 30))):
        changed[rng.randrange(start, stop)] ^= rng.choice((1 << rng.randrange(8), 255, 128))
    return bytes(changed)


def outcomes(folder: Path, seeds: range) -> list[str]:
    """What became of opening and reading each mutated file once."""
    contents = [written(folder / "whole.parquet", layout) for layout in range(len(LAYOUTS))]
    (folder / "whole.parquet").unlink()
    found = []
    for seed in seeds:
        rng = random.Random(seed)
        path = folder / f"mutated-{seed}.parquet"
        path.write_bytes(mutated(contents[seed % len(contents)], rng))
        began = time.process_time()
        try:
            open_source(path, partition_size=9_000).blocks.compute(scheduler="synchronous")
            found.append("read")
        except DgmmError as error:
            found.append(type(error).__name__ if path.name in str(error) else f"{seed}: {error}")
        assert time.process_time() - began < SECONDS, seed
        path.unlink()
    return found


def test_a_mutated_file_is_read_or_named(tmp_path):
    found = outcomes(tmp_path, range(60))
    assert found.count("read") < 40
    assert set(found) == OUTCOMES


@pytest.mark.slow
def test_500_mutated_files_are_read_or_named(tmp_path):
    found = outcomes(tmp_path, range(60, 560))
    assert found.count("read") < 350
    assert set(found) <= OUTCOMES
