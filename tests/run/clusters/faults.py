"""Real faults of workers, at moments that are known, counted where they happen.

Every worker that comes back imports this, so it imports little.
"""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dask.array as da
import numpy as np
import psutil

from dgmm.engine.block import Block
from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.map_reduce import map_reduce

N_BLOCKS = 100  # more than 32, so that the tree has a level
BLOCK_ROWS = 3

Told = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    del done, total


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    ctypes.string_at(0)


def hoard() -> None:
    """Take memory until somebody puts an end to it; a second of it is more than tests allow."""
    taken = []
    for _ in range(100):
        taken.append(np.ones(2**22))
        time.sleep(0.01)
    time.sleep(60)


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True)
class Trap:
    """Does something to the first processes that step into it, wherever they run."""

    folder: Path
    times: int
    fault: Callable[[], None] = die

    def step_in(self) -> None:
        for i in range(self.times):
            try:
                (self.folder / f"trap{i}").touch(exist_ok=False)
            except FileExistsError:
                continue
            self.fault()
            return

    @property
    def n_caught(self) -> int:
        return len(list(self.folder.glob("trap*")))


@dataclass(frozen=True)
class Term:
    """An outcome whose sum shows how it was added."""

    text: str

    def __add__(self, other: "Term") -> "Term":
        return Term(f"({self.text}+{other.text})")


@dataclass(frozen=True)
class TrappedTerm(Term):
    """A term whose addition is a trap."""

    trap: Trap | None = None

    def __add__(self, other: Term) -> Term:
        if self.trap is not None:
            self.trap.step_in()
        return super().__add__(other)


@dataclass(frozen=True)
class Task:
    """What blocks do, and the trap that one of them is."""

    block: int = -1
    trap: Trap | None = None
    in_tree: bool = False
    seconds: float = 0.01


def name_block(task: Task, block: Block) -> Term:
    assert block.weights is None
    time.sleep(task.seconds)
    name = f"{block.start}:{block.start + block.n_rows}"
    if block.start != task.block * BLOCK_ROWS:
        return Term(name)
    if task.in_tree:
        return TrappedTerm(name, task.trap)
    if task.trap is not None:
        task.trap.step_in()
    return Term(name)


def sum_of_names(execution: Execution, task: Task, told: Told = nothing) -> str:
    """How the blocks were added up, as text."""
    dataset = Dataset.from_array(da.zeros((N_BLOCKS * BLOCK_ROWS, 2), chunks=(BLOCK_ROWS, -1)))
    return map_reduce(dataset, name_block, task, execution, told).text


def expected_sum() -> str:
    return sum_of_names(LocalExecution("synchronous"), Task(seconds=0.0))


def worker_processes() -> list[psutil.Process]:
    """The processes of local clusters' workers, those being started included."""
    return [child for child in psutil.Process().children(recursive=True) if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        is_dead = process.status() == psutil.STATUS_ZOMBIE
        return not is_dead and "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process) -> bool:
    """Whether it was alive, and is not any more; its parent is left to learn how it ended."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    while _is_worker(process):
        time.sleep(0.001)
    return True


@dataclass
class Killer:
    """Kills worker processes at seeded moments until it is told to stop, or has killed enough."""

    seed: int
    mean_seconds: float
    most: int = 10**9
    n_kills: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        rng = np.random.default_rng(self.seed)
        while self.n_kills < self.most and not self.stopped.wait(
            rng.exponential(self.mean_seconds)
        ):
            alive = worker_processes()
            if alive:
                self.n_kills += kill(alive[rng.integers(len(alive))])


@contextmanager
def killing(killer: Killer) -> Iterator[Killer]:
    thread = threading.Thread(target=killer.run)
    thread.start()
    try:
        yield killer
    finally:
        killer.stopped.set()
        thread.join()
