"""Write lazy results for 50 million rows to Zarr and measure the memory of the process.

    python scripts/benchmarks/estimator_memory.py /tmp/predictions

Rows are drawn block by block and never all there. ``predict_proba`` and ``score_samples`` give
lazy arrays in the same blocks; each is written by as many threads as asked for, and should hold one
block a thread: its rows, the result, and the result once more while it is encoded. Ends with 1 if
the process held more than that and 64 MiB besides. The written arrays are removed.

``dask.array.to_zarr`` is safe here because the blocks are all of one size, which becomes that of
the chunks: every task writes files of its own. Where the two do not line up, rows are lost.
"""

import argparse
import resource
import shutil
import sys
import time
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import psutil

from dgmm import GaussianMixture

N_FEATURES = N_COMPONENTS = 8
BLOCK_ROWS = 250_000
BESIDES = 64 << 20  # bytes: the graph, slices of a block in work, what allocators keep


def fit_mixture() -> GaussianMixture:
    """A mixture of eight clumps in eight dimensions, fitted to a few of its rows."""
    rng = np.random.default_rng(0)
    centres = 4 * rng.normal(size=(N_COMPONENTS, N_FEATURES))
    rows = centres[rng.integers(0, N_COMPONENTS, 20_000)] + rng.normal(size=(20_000, N_FEATURES))
    return GaussianMixture(N_COMPONENTS, n_init=1, random_state=0).fit(rows)


def resident_bytes() -> int:
    """Resident bytes of this process."""
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """The peak of resident bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_within_projection(result: da.Array, path: Path) -> bool:
    """Write a lazy result and remove it; whether memory stayed within the projection."""
    if len(set(result.chunks[0][:-1])) > 1:
        raise SystemExit(f"blocks of {set(result.chunks[0])} rows; chunks of Zarr are of one size")
    columns = result.shape[1] if result.ndim > 1 else 1
    block = 8 * BLOCK_ROWS * (N_FEATURES + 2 * columns)
    n_threads = dask.config.get("num_workers")
    before, began = resident_bytes(), time.monotonic()
    projected = before + n_threads * block + BESIDES
    da.to_zarr(result, str(path), compute=True)
    seconds, most = time.monotonic() - began, peak_bytes()
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    shutil.rmtree(path)
    print(
        f"{path.name}: {result.shape}, {size / 2**20:.0f} MiB on disk, {seconds:.0f} s; "
        f"{before / 2**20:.0f} MiB before, at most {most / 2**20:.0f} MiB, "
        f"projected {projected / 2**20:.0f} MiB"
    )
    return most <= projected


def main(arguments: list[str]) -> int:
    """Measure both; 0 if both stayed within the projection."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where the arrays go for a while")
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args(arguments)
    model = fit_mixture()
    rng = da.random.default_rng(0)
    rows = rng.normal(0, 4, size=(asked.rows, N_FEATURES), chunks=(BLOCK_ROWS, N_FEATURES))
    asked.directory.mkdir(parents=True, exist_ok=True)
    with dask.config.set(scheduler="threads", num_workers=asked.threads):
        held = [  # the smaller first: a process's largest size never falls
            write_within_projection(
                model.score_samples(rows), asked.directory / "score_samples.zarr"
            ),
            write_within_projection(
                model.predict_proba(rows), asked.directory / "predict_proba.zarr"
            ),
        ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
