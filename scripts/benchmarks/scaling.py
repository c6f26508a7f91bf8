"""How the cost of a fit grows, and its overhead beside arithmetic.

    python scripts/benchmarks/scaling.py passes sweep tight rows workers storage cache overhead

sweep     seconds of a sweep K = 1..20 with 3 starts on 200,000 x 16 overlapping rows; of all four
          structures; and of the loop by scikit-learn, with who has the better BIC
tight     the same for fits of scikit-learn at the tolerance of dgmm: half an hour
passes    reads of all rows that a sweep takes, K = 1..20 with 3 starts, on data of five overlaps
rows      seconds of a pass against the number of rows, and the exponent that fits them
workers   a pass by one process of one thread, and by two, C = 210
storage   a pass over Zarr against one over the same rows in memory, C = 210
cache     by two processes, a pass over blocks that they keep against one that reads, K = 1..5
overhead  a pass over 10,000 blocks of one row each, and what the driver holds after many

Rows are drawn from twelve Gaussians with fixed seeds. What is said is the median of the passes.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import dask.array as da
import numpy as np
import psutil
import pyarrow as pa
import zarr
from numpy.typing import NDArray
from pyarrow import parquet
from sklearn.mixture import GaussianMixture

from dgmm.engine import memory
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Event, PassFinished, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.io.sources.source import open_source
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.registry import DEFAULT_TYPES
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.config.cluster_options import LocalCluster
from dgmm.run.redaction import Redactor

N_CENTRES = 12
SWEEP = tuple(("full", k) for k in range(1, 21))

Outcome = TypeVar("Outcome")


def draw_rows(n_rows: int, d: int, apart: float, seed: int = 0) -> NDArray[np.float32]:
    """Rows of Gaussians whose centres are so many standard deviations from the mean of all."""
    rng = np.random.default_rng([seed, d])
    centres = rng.normal(size=(N_CENTRES, d))
    centres *= apart / np.linalg.norm(centres, axis=1)[:, None]
    rows = np.empty((n_rows, d), np.float32)
    for start in range(0, n_rows, 1_000_000):
        part = rows[start : start + 1_000_000]
        rng.standard_normal(out=part, dtype=np.float32)
        part += centres[rng.integers(0, N_CENTRES, len(part))].astype(np.float32)
    return rows


def make_dataset(rows: NDArray[np.floating], n_blocks: int = 32) -> Dataset:
    """Rows in memory, in blocks."""
    blocks = da.from_array(rows, chunks=(max(1, len(rows) // n_blocks), -1))
    return Dataset.from_array(blocks)


def pass_seconds(
    dataset: Dataset, models: tuple[tuple[str, int], ...], execution: Execution
) -> float:
    """Median time of a pass over all rows; the first, in which workers start up, is left out."""
    seconds: list[float] = []

    def observe(event: Event) -> None:
        if isinstance(event, PassFinished) and event.stage == "fit":
            seconds.append(event.seconds)

    options = FitOptions(models, n_init=1, max_iter=5, tol=1e-300, sample_rows=2_000)
    fit(dataset, options, execution, observe)
    return statistics.median(seconds[1:])


def count_passes() -> None:
    """Reads of all rows by a sweep, the profile and the assignment included."""
    found = []
    for apart in (1.0, 2.0, 3.0, 5.0, 9.0):
        options = FitOptions(SWEEP, n_init=3)
        sweep = fit(
            make_dataset(draw_rows(1_000_000, 8, apart)), options, LocalExecution(), ignore
        ).sweep
        found.append(sweep.n_passes + 1)
        slowest = max(sweep.results, key=lambda result: len(result.trace))
        kind = slowest.candidate.name
        print(f"centres {apart:3.0f} sd from the mean: {found[-1]:3d} reads; the last for {kind}")
    print(f"median {statistics.median(found):.0f}")


def time_sweep() -> None:
    """A whole sweep against the loop of scikit-learn's fits at its own tolerance."""
    values = draw_rows(200_000, 16, 2.0).astype(np.float64)
    rows_of = make_dataset(values)
    seconds, found = time_call(lambda: fit_to_the_end(rows_of))
    print(f"dgmm, full, every K to the end: {seconds:.1f} s")
    full, chosen = time_call(lambda: fit(rows_of, FitOptions(SWEEP, n_init=3)).sweep)
    print(f"dgmm, full, K = 1..20: {full:.1f} s, {chosen.n_passes} reads and the assignment")
    models = tuple((kind, k) for kind in DEFAULT_TYPES for _, k in SWEEP)
    every, _ = time_call(lambda: fit(rows_of, FitOptions(models, n_init=3)))
    print(f"all four structures: {every:.1f} s, {every / full:.2f} times full alone")
    loop = sum(_time_peer(values, result, 1e-3) for result in found.results)
    print(f"its loop: {loop:.0f} s, {loop / full:.1f} times dgmm's sweep")


def time_tight_fits() -> None:
    """Single fits of scikit-learn at the tolerance of dgmm, against its whole sweep."""
    values = draw_rows(200_000, 16, 2.0).astype(np.float64)
    for result in fit_to_the_end(make_dataset(values)).results:
        if result.n_components in (5, 10, 20):
            _time_peer(values, result, FitOptions(SWEEP).tol)


def fit_to_the_end(dataset: Dataset) -> Sweep:
    """A sweep whose candidates all go to the end."""
    return fit(dataset, FitOptions(SWEEP, n_init=3, finish_all=True)).sweep


def time_call(work: Callable[[], Outcome]) -> tuple[float, Outcome]:
    """The seconds and the result of a call."""
    began = time.perf_counter()
    outcome = work()
    return time.perf_counter() - began, outcome


def _time_peer(values: NDArray[np.float64], result: FitResult, tol: float) -> float:
    """Seconds of scikit-learn's fit; says by how much its BIC is larger, which is worse."""
    k = result.n_components
    peer = GaussianMixture(k, n_init=3, tol=tol, max_iter=2_000, random_state=0)
    seconds, _ = time_call(lambda: peer.fit(values))
    excess = peer.bic(values) - result.bic
    print(f"scikit-learn, tol {tol:g}, K = {k}: {seconds:.0f} s; its BIC is {excess:+,.0f}")
    return seconds


def time_rows() -> None:
    """Seconds of a pass over more and more rows."""
    sizes = [100_000, 1_000_000, 10_000_000, 100_000_000]
    seconds = []
    for n_rows in sizes:
        dataset = make_dataset(draw_rows(n_rows, 8, 3.0))
        seconds.append(pass_seconds(dataset, (("full", 16),), LocalExecution()))
        print(f"{n_rows:>11,} rows: {seconds[-1]:.3f} s a pass")
    slope = np.polyfit(np.log(sizes[1:]), np.log(seconds[1:]), 1)[0]
    print(f"exponent from 1e6 to 1e8: {slope:.3f}")


def time_on_cluster(
    path: Path, workers: int, models: tuple[tuple[str, int], ...], *, keeps: bool = False
) -> float:
    """A pass over stored rows by processes of one thread."""
    kind = LocalCluster(workers=workers, threads_per_worker=1)
    dataset = Dataset.from_array(open_source(path).blocks)
    projection = memory.project(dataset, FitOptions(models), 1) if keeps else None
    with open_cluster(kind, Redactor(), projection) as cluster:
        return pass_seconds(dataset, models, cluster.execution)


def time_workers() -> None:
    """One process against two."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zarr"
        zarr.create_array(path, data=draw_rows(2_000_000, 16, 3.0), chunks=(62_500, 16))
        ratios = []
        for _ in range(3):
            one, two = (time_on_cluster(path, n, SWEEP) for n in (1, 2))
            ratios.append(two / one)
            print(f"one {one:.2f} s, two {two:.2f} s: {two / one:.3f}")
        print(f"median ratio {statistics.median(ratios):.3f}")


def time_storage() -> None:
    """Out of core against in memory."""
    values = draw_rows(1_000_000, 16, 3.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zarr"
        zarr.create_array(path, data=values, chunks=(62_500, 16))
        ratios = []
        for _ in range(3):
            held = pass_seconds(make_dataset(values, 16), SWEEP, LocalExecution())
            stored = Dataset.from_array(open_source(path).blocks)
            read = pass_seconds(stored, SWEEP, LocalExecution())
            ratios.append(read / held)
            print(f"in memory {held:.2f} s, from Zarr {read:.2f} s: {read / held:.3f}")
        print(f"median ratio {statistics.median(ratios):.3f}")


def time_block_cache() -> None:
    """Blocks that stay on the workers against blocks that every pass reads."""
    values = draw_rows(4_000_000, 8, 3.0)
    table = pa.table({f"x{j}": column for j, column in enumerate(values.T)})
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("x.zarr", "snappy.parquet", "zstd.parquet")]
        zarr.create_array(paths[0], data=values, chunks=(262_144, 8))  # zstd, as Zarr does
        for path in paths[1:]:
            parquet.write_table(table, path, compression=path.stem, row_group_size=262_144)
        for path in paths:
            ratios = []
            for _ in range(3):
                read, kept = (
                    time_on_cluster(path, 2, SWEEP[:5], keeps=keeps) for keeps in (False, True)
                )
                ratios.append(kept / read)
                print(f"{path.name}: read {read:.2f} s, kept {kept:.2f} s: {kept / read:.3f}")
            print(f"{path.name}: median ratio {statistics.median(ratios):.3f}")


def measure_overhead() -> None:
    """Nearly empty blocks, and the driver's memory from pass to pass."""
    n_blocks = 10_000
    dataset = Dataset.from_array(da.from_array(draw_rows(n_blocks, 2, 3.0), chunks=(1, -1)))
    seconds = pass_seconds(dataset, (("full", 2),), LocalExecution())
    print(f"{n_blocks:,} blocks of a row: {1e3 * seconds / n_blocks:.2f} ms each")
    small, held = make_dataset(draw_rows(2_000, 2, 0.5), 50), []

    def observe(event: Event) -> None:
        if isinstance(event, PassFinished) and event.stage == "fit":
            held.append(psutil.Process(os.getpid()).memory_info().rss / 2**20)

    options = FitOptions((("full", 8),), n_init=1, max_iter=200, tol=1e-300, sample_rows=500)
    fit(small, options, LocalExecution(), observe)
    after = f"{held[20]:.0f} MiB after 20 passes, {held[-1]:.0f} MiB after {len(held)}"
    print(f"the driver holds {after}")


PARTS: dict[str, Callable[[], None]] = {
    "passes": count_passes,
    "sweep": time_sweep,
    "tight": time_tight_fits,
    "rows": time_rows,
    "workers": time_workers,
    "storage": time_storage,
    "cache": time_block_cache,
    "overhead": measure_overhead,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the requested parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=PARTS)
    for name in parser.parse_args(arguments).parts:
        print(f"--- {name}")
        PARTS[name]()


if __name__ == "__main__":
    main()
