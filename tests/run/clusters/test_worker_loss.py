"""Workers die at any moment, and every result keeps its bits."""

import logging
from functools import partial

import dask.array as da
import distributed
import numpy as np
import pytest

from dgmm.engine import assignment
from dgmm.engine.cluster_execution import BlockCache, ClusterExecution
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import BlocksDone, PassStarted, ignore
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.passes import PassRunner
from dgmm.errors import DataError
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.clusters.recovery import SETTINGS
from dgmm.run.config.cluster_options import LocalCluster
from tests.engine.pieces import Pieces
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.engine.test_same_bits import bits
from tests.run.clusters.faults import (
    BLOCK_ROWS,
    Killer,
    Task,
    Trap,
    crash,
    die,
    expected_sum,
    hoard,
    kill,
    killing,
    sum_of_names,
    worker_processes,
)

CLUSTER = LocalCluster(workers=2, memory_limit=512 * 2**20)


@pytest.fixture(scope="module")
def execution():
    with open_cluster(CLUSTER) as opened:
        yield opened.execution


@pytest.mark.parametrize(
    ("fault", "times", "in_tree"),
    [
        (die, 1, False),
        (die, 1, True),
        (hoard, 1, False),
        pytest.param(crash, 1, False, marks=pytest.mark.slow),
        pytest.param(die, 10, False, marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_dies_in_a_task_changes_nothing(fault, times, in_tree, execution, tmp_path):
    trap = Trap(tmp_path, times, fault)
    assert sum_of_names(execution, Task(40, trap, in_tree)) == expected_sum()
    assert trap.n_caught == times


def test_all_workers_may_die_at_once_and_again_while_they_come_back(execution):
    killed = []

    def told(done, total):
        assert total < 32
        if done == 3:
            together = worker_processes()
            killed.extend(process for process in together if kill(process))
            assert len(killed) == len(together) == 2

    with killing(Killer(seed=0, mean_seconds=0.1, most=1)) as killer:
        found = sum_of_names(execution, Task(seconds=0.05), told)
        assert found == expected_sum()
    assert killer.n_kills == 1
    assert len(killed) == 2


KEEPING = BlockCache(lambda *_: True)
OPTIONS = FitOptions((("full", 2), ("diag", 3)), n_init=1, tol=1e-12, max_iter=3, sample_rows=300)


def clumps():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1600, 3)) + 9 * rng.integers(0, 3, (1600, 1))
    return dataset_of(rows.astype(np.float32), (50,) * 32)


def save(folder, start, assignment):
    np.save(folder / f"{start:06d}.npy", assignment.log_density)


def digest(dataset: Dataset, execution, folder, observer=ignore) -> tuple[str, ...]:
    """The bits of a profile, a sweep and the assignments."""
    folder.mkdir(exist_ok=True)
    found = fit(dataset, OPTIONS, execution, observer)
    runner = PassRunner(dataset, execution, observer, found.profile.checksums)
    mixture = found.sweep.selected.parameters
    assignment.assign_all(runner, AssigningMixture(mixture), Pieces(partial(save, folder), 40))
    values = [found.profile.mean, found.profile.scatter, found.profile.sample]
    for result in found.sweep.results:
        parameters = result.parameters
        values += [parameters.weights, parameters.means, parameters.covariances, result.trace]
    values += [np.load(path) for path in sorted(folder.iterdir())]
    return tuple(bits(value) for value in values)


class Assassin:
    """Kills a worker at every tenth part of a pass on the cluster or so.

    There is some progress between any two kills, however slowly workers come back.
    """

    def __init__(self, most):
        self.most = most
        self.n_kills = 0
        self._rng = np.random.default_rng(1)
        self._stage = ""

    def __call__(self, event):
        if isinstance(event, PassStarted):
            self._stage = event.stage
        is_time = isinstance(event, BlocksDone) and self._stage in ("profile", "fit", "assign")
        if is_time and self.n_kills < self.most and self._rng.random() < 0.1:
            alive = worker_processes()
            self.n_kills += bool(alive) and kill(alive[self._rng.integers(len(alive))])


@pytest.mark.parametrize(
    ("n_kills", "block_cache"),
    [
        (2, KEEPING),
        pytest.param(300, KEEPING, marks=pytest.mark.slow),
        pytest.param(300, None, marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(7200)
def test_fits_keep_their_bits_whenever_workers_die(n_kills, block_cache, execution, tmp_path):
    dataset = clumps()
    execution.block_cache = block_cache
    expected = digest(dataset, SYNCHRONOUS, tmp_path / "expected")
    assert len(expected) > 40
    assassin = Assassin(n_kills)
    n_fits = 0
    while assassin.n_kills < n_kills:
        assert digest(dataset, execution, tmp_path / str(n_fits), assassin) == expected
        n_fits += 1
        logging.info("%d workers killed in %d fits", assassin.n_kills, n_fits)
    assert assassin.n_kills == n_kills
    assert execution.block_cache is block_cache  # it goes on after the loss of a worker
    execution.block_cache = None


@pytest.fixture(scope="module")
def strict_execution():
    """On a cluster that soon gives tasks up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "distributed.scheduler.allowed-failures", 0)
        with open_cluster(CLUSTER) as opened:
            yield opened.execution


def test_a_block_that_ends_every_worker_is_named_and_the_others_survive(strict_execution, tmp_path):
    trap = Trap(tmp_path, 100)
    with pytest.raises(DataError, match=r"Rows 120 to 122 \(block 40\) end every") as caught:
        sum_of_names(strict_execution, Task(40, trap))
    assert caught.value.exit_code == 65
    assert isinstance(caught.value.__cause__, distributed.KilledWorker)
    assert "1 died of this block alone" in str(caught.value)
    assert trap.n_caught >= 2
    assert BLOCK_ROWS == 3
    assert sum_of_names(strict_execution, Task()) == expected_sum()


def deadly_dataset(trap):
    """Rows of which a block ends whoever reads it."""

    def read(block_id):
        if block_id[0] == 3:
            trap.step_in()
        return np.ones((BLOCK_ROWS, 2))

    chunks = ((BLOCK_ROWS,) * 8, (2,))
    return Dataset.from_array(
        da.map_blocks(read, chunks=chunks, dtype=float, meta=np.empty((0, 0)))
    )


def test_a_block_that_ends_workers_before_it_is_kept_is_named(strict_execution, tmp_path):
    trap = Trap(tmp_path, 100)
    strict_execution.block_cache = BlockCache(lambda *_: True)
    with pytest.raises(DataError, match=r"Rows 9 to 11 \(block 3\) end every"):
        fit(deadly_dataset(trap), OPTIONS, strict_execution)
    assert trap.n_caught in (2, 3)  # once, or again on the other worker, then alone
    assert strict_execution.block_cache is None


@pytest.mark.slow
def test_a_block_that_is_blamed_for_no_fault_of_its_own_is_computed(strict_execution, tmp_path):
    trap = Trap(tmp_path, 1)
    assert isinstance(strict_execution, ClusterExecution)
    assert sum_of_names(strict_execution, Task(40, trap)) == expected_sum()
    assert trap.n_caught == 1
