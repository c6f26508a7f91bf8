"""Blocks that stay on the workers: the first pass alone reads, and nothing of it outlives a run."""

import time
from weakref import WeakValueDictionary

import distributed
import numpy as np
import pytest

from dgmm.engine.cluster_execution import BlockCache
from dgmm.engine.events import PassStarted, ignore
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.memory import Projection
from dgmm.errors import DataError
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.config.cluster_options import AddressCluster
from tests.engine.recording import SYNCHRONOUS, RecordedRows, bounds_of, dataset_of

# Workers that are threads of the tests' own process have stood still once in some thirty runs, on
# a busy machine; every other test with a cluster keeps blocks too, in processes of their own.
pytestmark = pytest.mark.slow

CHUNKS = (40, 0, 25, 70) * 4
READ_ONCE = sorted(bounds for bounds in bounds_of(CHUNKS) if bounds[0] < bounds[1])
OPTIONS = FitOptions((("full", 1), ("diag", 2)), n_init=1, tol=1e-12, max_iter=3, sample_rows=200)
TINY = Projection(1, 1, 1, 1, 1, 1, 1)


KNOWN = WeakValueDictionary()


class SharedRows(RecordedRows):
    """Rows that are themselves after a journey to workers, which are threads of this process."""

    def __init__(self, rows):
        super().__init__(rows)
        KNOWN[id(self)] = self

    def __reduce__(self):
        return known, (id(self),)


def known(name):
    return KNOWN[name]


@pytest.fixture
def stored():
    rng = np.random.default_rng(2)
    return SharedRows(rng.normal(size=(sum(CHUNKS), 2)).astype(np.float32))


@pytest.fixture(scope="module")
def others():
    """A cluster of two workers that others own."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address="127.0.0.1:0",
        memory_limit="1GiB",
    ) as cluster:
        yield cluster


@pytest.fixture
def address(others):
    return AddressCluster(kind="address", address=others.scheduler_address)


def outcome(dataset, execution, observer=ignore):
    """All bits of what a fit finds."""
    found = fit(dataset, OPTIONS, execution, observer)
    values = [found.profile.scatter, found.profile.sample, found.profile.checksums]
    for result in found.sweep.results:
        parameters = result.parameters
        values += [parameters.means, parameters.covariances, parameters.weights, result.trace]
    return [np.asarray(value).tobytes() for value in values]


def forgotten(cluster):
    """Whether scheduler and workers come to hold nothing."""
    deadline = time.monotonic() + 30
    while cluster.scheduler.tasks or any(worker.data for worker in cluster.workers.values()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_first_pass_alone_reads_and_nothing_is_left(stored, others, address, caplog):
    caplog.set_level("INFO", "dgmm")
    dataset = dataset_of(stored, CHUNKS, np.arange(1.0, 1.0 + sum(CHUNKS)))
    expected = outcome(dataset, SYNCHRONOUS)
    assert len(stored.reads) >= 4 * len(READ_ONCE)
    del stored.reads[:]
    with open_cluster(address, projection=TINY) as cluster:
        assert outcome(dataset, cluster.execution) == expected
        assert outcome(dataset, cluster.execution) == expected
        assert sorted(stored.reads) == READ_ONCE
        assert caplog.text.count("Keeping 0 MiB of blocks") == 1
        assert others.scheduler.tasks
    assert forgotten(others)


def test_blocks_are_kept_only_where_that_was_asked_for(stored, address):
    never = address.model_copy(update={"keep_blocks": False})
    for options in ({"cluster": address}, {"cluster": never, "projection": TINY}):
        with open_cluster(**options) as cluster:
            outcome(dataset_of(stored, CHUNKS), cluster.execution)
        assert len(stored.reads) >= 4 * len(READ_ONCE)
        del stored.reads[:]


def test_blocks_are_read_again_until_there_is_room(stored, address):
    n_asked = 0

    def has_room(client, n_bytes):
        nonlocal n_asked
        n_asked += 1
        assert n_bytes == dataset.n_bytes == sum(CHUNKS) * 8
        return n_asked == 3 and len(client.nthreads()) == 2

    dataset = dataset_of(stored, CHUNKS)
    with open_cluster(address) as cluster:
        cluster.execution.block_cache = BlockCache(has_room)
        outcome(dataset, cluster.execution)
    assert sorted(stored.reads) == sorted(3 * READ_ONCE)
    assert n_asked == 3


def test_nothing_is_left_of_a_fit_that_failed(stored, others, address):
    stored.rows[77, 1] = np.nan
    with open_cluster(address, projection=TINY) as cluster, pytest.raises(DataError, match="77"):
        outcome(dataset_of(stored, CHUNKS), cluster.execution)
    assert forgotten(others)


def test_a_fit_is_of_what_was_read_first(stored, address):
    dataset = dataset_of(stored, CHUNKS)
    expected = outcome(dataset, SYNCHRONOUS)
    changed = []

    def change(event):
        if isinstance(event, PassStarted) and event.stage == "fit":
            changed.append(event.index)
            stored.rows[:] = 7.0

    with open_cluster(address, projection=TINY) as cluster:
        assert outcome(dataset, cluster.execution, change) == expected
    assert changed
