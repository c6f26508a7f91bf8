"""The same bits of every result wherever it is computed, by however many workers and threads."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import distributed
import numpy as np
import pytest

from dgmm.engine import assignment
from dgmm.engine.cluster_execution import ClusterExecution
from dgmm.engine.events import ignore
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.map_reduce import map_reduce
from dgmm.engine.memory import Projection
from dgmm.engine.passes import PassRunner
from dgmm.errors import DataError
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.config.cluster_options import AddressCluster
from tests.engine.pieces import Pieces
from tests.engine.recording import SYNCHRONOUS, bounds_of, dataset_of
from tests.engine.test_map_reduce import OddError, fail_at, leaves_of, nothing, sum_over
from tests.strategies import COVARIANCE_TYPES

CHUNKS = (*(30, 1, 0, 47, 22) * 7, 17)  # more than 32 blocks: the tree has levels
OPTIONS = FitOptions(
    tuple((kind, k) for kind in COVARIANCE_TYPES for k in (1, 3)),
    n_init=2,
    tol=1e-12,
    max_iter=1,
    sample_rows=400,
)
LOCAL = [
    LocalExecution("threads"),
    LocalExecution("threads", 1),
    LocalExecution("threads", 2),
    LocalExecution("threads", 4),
]
CLUSTERS = [  # workers x threads
    (2, 1),
    pytest.param(1, 2, marks=pytest.mark.slow),
    pytest.param(1, 1, marks=pytest.mark.slow),
    pytest.param(3, 1, marks=pytest.mark.slow),
]


def rows_and_weights():
    """Clumps far enough apart that some models take the centred kernel; float32 as on disk."""
    rng = np.random.default_rng(5)
    n_rows = sum(CHUNKS)
    rows = rng.normal(size=(n_rows, 3)) + 5e3 * rng.integers(0, 3, (n_rows, 1))
    return rows.astype(np.float32), rng.uniform(0.0, 2.0, n_rows)


def bits(value):
    """A digest of a value's octets, dtype and shape."""
    array = np.ascontiguousarray(value)
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def save(folder, start, assignment):
    np.savez(
        folder / f"{start:06d}.npz",
        log_density=assignment.log_density,
        responsibilities=assignment.responsibilities,
        process=os.getpid(),
    )


def everything(execution, folder):
    """The bits of all that a run finds, by name; and the processes that assigned the rows."""
    folder.mkdir()
    rows, weights = rows_and_weights()
    dataset = dataset_of(rows, CHUNKS, weights)
    found = fit(dataset, OPTIONS, execution)
    results = {"n_passes": found.sweep.n_passes}
    for result in found.sweep.results:
        name = result.candidate.name
        for field in ("weights", "means", "covariances", "precisions_cholesky"):
            results[name, field] = bits(getattr(result.parameters, field))
        for field in ("trace", "log_likelihood", "bic", "aic", "icl"):
            results[name, field] = bits(getattr(result, field))
        results[name, "status"] = (result.status, result.n_iter)
    for field in ("mean", "scatter", "minimum", "maximum", "sample", "sample_weights"):
        results["profile", field] = bits(getattr(found.profile, field))
    results["profile", "checksums"] = found.profile.checksums
    results["best"] = found.sweep.selected.candidate
    runner = PassRunner(dataset, execution, ignore, found.profile.checksums)
    mixture = found.sweep.results[1].parameters
    pairs = tuple((0, k) for k in range(1, mixture.n_components))
    by = AssigningMixture(mixture, hierarchy=MergeHierarchy("entropy", pairs))
    assigned = assignment.assign_all(runner, by, Pieces(partial(save, folder), 20))
    results["assigned"] = (assigned.n_rows, assigned.checksums)
    results["sums"] = [array.tobytes() for array in assigned.sums.arrays]
    results["groups"] = [(g, assigned.groups[g].sizes.tobytes()) for g in sorted(assigned.groups)]
    processes = set()
    for path in sorted(folder.iterdir()):
        with np.load(path) as piece:
            for field in ("log_density", "responsibilities"):
                results[path.name, field] = bits(piece[field])
            processes.add(int(piece["process"]))
    return results, processes


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    results, processes = everything(SYNCHRONOUS, tmp_path_factory.mktemp("bits") / "synchronous")
    assert processes == {os.getpid()}
    return results


@pytest.fixture(scope="module")
def cluster_of():
    """Clusters by threads a worker, to be scaled: their start is what takes time."""
    with one_cluster(1) as single, one_cluster(2) as double:
        yield {1: single, 2: double}


@contextmanager
def one_cluster(threads) -> Iterator[tuple[distributed.LocalCluster, distributed.Client]]:
    with (
        distributed.LocalCluster(
            n_workers=0,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield cluster, client


def scaled(cluster_of, workers, threads):
    """An execution on exactly this many workers."""
    cluster, client = cluster_of[threads]
    cluster.scale(workers)
    client.wait_for_workers(workers, timeout=60)
    while len(found := client.nthreads()) != workers:
        cluster.sync(distributed.utils.asyncio.sleep, 0.05)
    assert set(found.values()) == {threads}
    return ClusterExecution(client)


def test_the_run_is_worth_comparing(expected):
    rows, _ = rows_and_weights()
    assert len(CHUNKS) > 32
    assert len({value for value in expected.values() if isinstance(value, str)}) > 100
    found = fit(dataset_of(rows, CHUNKS), OPTIONS, SYNCHRONOUS)
    mixtures = [result.parameters for result in found.sweep.results]
    packed = packed_models.pack(
        [m.translate(-rows.mean(axis=0)) for m in mixtures], rows.mean(axis=0)
    )
    assert packed.groups
    assert packed.centred
    assert 300 < len(found.profile.sample) < 500


def test_other_blocks_give_other_bits(expected):
    """What is compared can differ: the same rows in other blocks are added in another order."""
    rows, weights = rows_and_weights()
    found = fit(dataset_of(rows, (len(rows),), weights), OPTIONS, SYNCHRONOUS)
    assert bits(found.profile.scatter) != expected["profile", "scatter"]
    assert bits(found.profile.sample) == expected["profile", "sample"]


@pytest.mark.parametrize("execution", LOCAL, ids=str)
def test_threads_give_the_bits_of_one(execution, expected, tmp_path):
    assert everything(execution, tmp_path / "out")[0] == expected


@pytest.mark.parametrize(("workers", "threads"), CLUSTERS)
def test_clusters_give_the_bits_of_one_thread(workers, threads, cluster_of, expected, tmp_path):
    execution = scaled(cluster_of, workers, threads)
    results, processes = everything(execution, tmp_path / "out")
    assert results == expected
    assert os.getpid() not in processes
    assert len(processes) <= workers  # one may have been quick enough to take all the blocks


def test_a_cluster_joined_by_its_address_gives_the_bits_of_one_thread(
    cluster_of, expected, tmp_path
):
    """And it keeps blocks, which travel from worker to worker where one has more of them."""
    scaled(cluster_of, 2, 1)
    address = cluster_of[1][0].scheduler_address
    tiny = Projection(1, 1, 1, 1, 1, 1, 1)
    with open_cluster(AddressCluster(kind="address", address=address), projection=tiny) as opened:
        results, processes = everything(opened.execution, tmp_path / "out")
        held = opened.execution.client.run(lambda dask_worker: len(dask_worker.data))
    assert sum(held.values()) >= 2 * len(CHUNKS)  # rows and weights
    assert results == expected
    assert os.getpid() not in processes
    assert len(processes) <= 2


def test_clusters_add_in_the_same_tree(cluster_of):
    chunks = (1, 0, 3, 2) * 20
    text = sum_over(chunks, scaled(cluster_of, 2, 1))
    assert text == sum_over(chunks)
    assert leaves_of(text) == [f"r{start}:{stop}" for start, stop in bounds_of(chunks)]


def test_progress_on_a_cluster_is_told_before_the_end_by_the_one_who_asked(cluster_of):
    told = []

    def slow(done, total):
        time.sleep(0.1)
        told.append((done, total, threading.current_thread()))

    sum_over((1,) * 5, scaled(cluster_of, 2, 1), slow)
    assert told == [(i + 1, 5, threading.current_thread()) for i in range(5)]


@pytest.mark.parametrize("kind", [OddError, DataError, ZeroDivisionError, MemoryError])
def test_an_error_on_a_worker_surfaces_as_it_is(kind, cluster_of):
    dataset = dataset_of(np.zeros((80, 1)), (2,) * 40)
    execution = scaled(cluster_of, 2, 1)
    with pytest.raises(kind, match="at 42"):
        map_reduce(dataset, fail_at, (42, kind), execution, nothing)
