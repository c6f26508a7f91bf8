"""One read of all blocks: what is called with what, and in which order outcomes are added."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import LocalExecution
from dgmm.engine.map_reduce import map_reduce
from dgmm.errors import DataError
from tests.engine.recording import SYNCHRONOUS, bounds_of, dataset_of, in_blocks
from tests.strategies import chunkings

LOCAL = [
    SYNCHRONOUS,
    LocalExecution("threads"),
    LocalExecution("threads", 1),
    LocalExecution("threads", 2),
    LocalExecution("threads", 4),
]
each_local = pytest.mark.parametrize("execution", LOCAL, ids=str)


@dataclass(frozen=True)
class Term:
    """An outcome whose sum shows how it was added."""

    text: str

    def __add__(self, other):
        return Term(f"({self.text}+{other.text})")


def nothing(done, total):
    del done, total


def name_of(argument, block):
    assert len(block.rows) == (0 if block.weights is None else len(block.weights))
    return Term(f"{argument}{block.start}:{block.start + block.n_rows}")


def sum_over(chunks, execution=SYNCHRONOUS, on_done=nothing):
    n_rows = sum(chunks)
    dataset = dataset_of(np.zeros((n_rows, 2)), chunks, np.ones(n_rows))
    return map_reduce(dataset, name_of, "r", execution, on_done).text


def leaves_of(text):
    return text.replace("(", "").replace(")", "").split("+")


@settings(max_examples=30)
@given(chunks=st.integers(1, 40).flatmap(lambda n: chunkings(n, empty_blocks=True)))
def test_every_block_is_an_outcome_with_its_place(chunks):
    expected = [f"r{start}:{stop}" for start, stop in bounds_of(chunks)]
    assert leaves_of(sum_over(chunks)) == expected


@pytest.mark.parametrize("n_blocks", [1, 2, 31, 32, 33, 64, 257, 300])
def test_the_tree_is_fixed_by_the_number_of_blocks(n_blocks):
    ones = sum_over((1,) * n_blocks)
    leaves = leaves_of(ones)
    assert leaves == [f"r{i}:{i + 1}" for i in range(n_blocks)]
    twos = sum_over((2,) * n_blocks, LocalExecution("threads", 3))
    for i in reversed(range(n_blocks)):
        twos = twos.replace(f"r{2 * i}:{2 * i + 2}", f"r{i}:{i + 1}")
    assert twos == ones


def test_the_tree_of_many_blocks_has_levels():
    def depth(text):
        deepest = now = 0
        for letter in text:
            now += (letter == "(") - (letter == ")")
            deepest = max(deepest, now)
        return deepest

    assert depth(sum_over((1,) * 32)) == 31
    assert depth(sum_over((1,) * 256)) == 7 + 31  # groups of eight, then one after the other


@each_local
def test_any_local_scheduler_adds_alike(execution):
    chunks = (1, 0, 3, 2) * 20
    assert sum_over(chunks, execution) == sum_over(chunks)


@each_local
@pytest.mark.parametrize(("n_blocks", "n_parts"), [(1, 1), (5, 5), (32, 32), (33, 5), (300, 5)])
def test_progress_counts_up_to_all_parts(execution, n_blocks, n_parts):
    told = []
    sum_over((1,) * n_blocks, execution, lambda *event: told.append(event))
    assert told == [(done, n_parts) for done in range(1, n_parts + 1)]


class OddError(Exception):
    """One that only this module knows."""


def fail_at(argument, block):
    place, kind = argument
    if block.start == place:
        raise kind(f"at {block.start}")
    return Term("fine")


@each_local
@pytest.mark.parametrize("kind", [OddError, DataError, ZeroDivisionError, MemoryError])
def test_an_error_in_a_block_surfaces_as_it_is(execution, kind):
    dataset = dataset_of(np.zeros((80, 1)), (2,) * 40)
    with pytest.raises(kind, match="at 42"):
        map_reduce(dataset, fail_at, (42, kind), execution, nothing)


@each_local
def test_rows_arrive_as_they_are_stored(execution):
    rows = np.arange(24, dtype=">i2").reshape(8, 3)

    def see(argument, block):
        del argument
        assert block.weights is None
        return [(block.start, block.rows.dtype.str, block.rows.tolist())]

    seen = map_reduce(dataset_of(rows, (3, 0, 5)), see, None, execution, nothing)
    assert seen == [
        (0, ">i2", rows[:3].tolist()),
        (3, ">i2", []),
        (3, ">i2", rows[3:].tolist()),
    ]


def test_weights_in_other_blocks_follow_the_rows():
    rows, weights = np.zeros((10, 2)), np.arange(10)
    dataset = Dataset.from_array(in_blocks(rows, (4, 6)), in_blocks(weights, (1, 9)))

    def see(argument, block):
        del argument
        return [(block.start, block.weights.tolist())]

    seen = map_reduce(dataset, see, None, SYNCHRONOUS, nothing)
    assert seen == [(0, [0, 1, 2, 3]), (4, [4, 5, 6, 7, 8, 9])]


class Recorder:
    """An execution that keeps the tasks it is given."""

    def compute(self, make_tasks, on_done):
        self.tasks = make_tasks()
        return SYNCHRONOUS.compute(lambda: self.tasks, on_done)

    def persist(self, arrays):
        return arrays


@pytest.mark.parametrize(
    ("n_blocks", "n_sums"), [(3, ()), (33, (5,)), (255, (32,)), (256, (32,)), (700, (88, 11))]
)
def test_all_tasks_of_a_pass_share_one_graph(n_blocks, n_sums):
    recorder = Recorder()
    assert sum_over((2,) * n_blocks, recorder) == sum_over((2,) * n_blocks)
    (graph,) = {id(task.dask): task.dask for task in recorder.tasks}.values()
    assert [len(layer) for name, layer in graph.layers.items() if "sum" in name] == [*n_sums]
