"""The passes over data: the profile, the E-step of all running candidates, the assignments."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from dgmm.engine import held
from dgmm.engine import profile as profiling
from dgmm.engine.block import Block
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import BlocksDone, Observer, PassFinished, PassStarted
from dgmm.engine.execution import Execution
from dgmm.engine.held import HeldRows
from dgmm.engine.profile import Profile, SampleRule
from dgmm.engine.reduce import BlockFunction, map_reduce
from dgmm.engine.refusals import (
    bad_weights_of,
    refuse_bad_weights,
    refuse_non_finite,
    refuse_too_far,
)
from dgmm.errors import InputChangedError
from dgmm.mixture import em, kernels
from dgmm.mixture.components import ComponentSums, pivots_of
from dgmm.mixture.density import Assignment, assign
from dgmm.mixture.em import FitState, Rules
from dgmm.mixture.frame import Frame
from dgmm.mixture.kernels import PackedModels
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.preparation import Preparation
from dgmm.mixture.statistics import SufficientStatistics

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """One who reads a dataset, pass by pass, under the eyes of an observer.

    Attributes
    ----------
    dataset : Dataset or HeldRows
    execution : Execution
        Of a dataset's blocks; what the driver holds is worked on by its threads.
    observer : callable
    checksums : tuple of int, or None
        What the blocks must have; None before the profile.
    """

    dataset: Dataset | HeldRows
    execution: Execution
    observer: Observer
    checksums: tuple[int, ...] | None = None

    def read(
        self,
        stage: str,
        index: int,
        function: BlockFunction[Argument, Outcome],
        argument: Argument,
        counts: tuple[int, int] = (0, 0),
    ) -> tuple[Outcome, float]:
        """Read all blocks once; the outcome and the seconds it took."""
        dataset = self.dataset
        self.observer(PassStarted(stage, index, *counts, dataset.n_blocks, dataset.n_rows))
        began = time.monotonic()

        def on_done(done: int, total: int) -> None:
            self.observer(BlocksDone(done, total))

        if isinstance(dataset, HeldRows):
            outcome = held.map_reduce(dataset, function, argument, on_done)
        else:
            outcome = map_reduce(dataset, function, argument, self.execution, on_done)
        return outcome, time.monotonic() - began

    def check(self, checksums: tuple[int, ...]) -> None:
        """Compare checksums with those of the profile.

        Raises
        ------
        InputChangedError
            Naming the rows of the first block that differs.
        """
        if self.checksums is None or checksums == self.checksums:
            return
        block = next(
            i
            for i, pair in enumerate(zip(checksums, self.checksums, strict=True))
            if pair[0] != pair[1]
        )
        start, stop = self.dataset.bounds(block)
        message = (
            f"Rows {start} to {stop - 1} (block {block}) are not what they were on the first "
            "pass; expected the input to stay the same until the fit is complete. Find what writes "
            "to it; put it back as it was, or start anew with `dgmm run --fresh`."
        )
        raise InputChangedError(message)


def profile(reader: Reader, rule: SampleRule) -> Profile:
    """Profile the dataset and draw the sample, in one pass."""
    outcome, seconds = reader.read("profile", 0, profiling.profile_block, rule)
    n_rows = reader.dataset.n_rows
    reader.observer(PassFinished("profile", 0, seconds, n_rows, 0, None))
    return outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Statistics of some blocks and the blocks' checksums, in order."""

    statistics: SufficientStatistics
    checksums: tuple[int, ...]

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.statistics + other.statistics, self.checksums + other.checksums)


def _e_step_block(packed: PackedModels, block: Block) -> _Sums:
    return _Sums(kernels.accumulate(packed, block.rows, block.weights), (block.checksum,))


def run_em(
    reader: Reader,
    stage: str,
    states: Sequence[FitState],
    frame: Frame,
    rules: Rules,
    n_passes: int = 0,
) -> Iterator[tuple[int, tuple[FitState, ...]]]:
    """EM for all candidates together, each leaving when it is done.

    Parameters
    ----------
    reader : Reader
    stage : str
        The name of this stage for the observer.
    states : sequence of FitState
        Parameters relative to the frame's origin.
    frame : Frame
        Of the reader's rows.
    rules : Rules
    n_passes : int
        Passes of this stage that led to ``states``.

    Yields
    ------
    n_passes : int
    states : tuple of FitState
        In the same order, as they were given and after each pass; at the end all are final.
    """
    states = tuple(states)
    yield n_passes, states
    while running := [i for i, state in enumerate(states) if state.is_running]:
        mixtures = [states[i].parameters for i in running]
        packed = kernels.pack(mixtures, frame.origin, frame.preparation)
        counts = (len(running), len(states))
        sums, seconds = reader.read(stage, n_passes, _e_step_block, packed, counts)
        reader.check(sums.checksums)
        moments = kernels.moments(packed, mixtures, sums.statistics, frame)
        stepped = dict(zip(running, moments, strict=True))
        states = tuple(
            em.step(state, stepped[i], rules) if i in stepped else state
            for i, state in enumerate(states)
        )
        n_passes += 1
        yield n_passes, states  # kept before anybody hears of it
        going = sum(state.is_running for state in states)
        best = max(state.trace[-1] for state in states)
        n_rows = reader.dataset.n_rows
        reader.observer(PassFinished(stage, n_passes - 1, seconds, n_rows, going, best))


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """What became of the rows of some blocks.

    Attributes
    ----------
    n_rows : int
        Rows whose assignments are there.
    checksums : tuple of int
        Of the blocks, in order.
    sums : ComponentSums
        Over the rows that count.
    log_likelihood : float
        Weighted sum of their log densities.
    """

    n_rows: int
    checksums: tuple[int, ...]
    sums: ComponentSums
    log_likelihood: float

    def __add__(self, other: "Assigned") -> "Assigned":
        return Assigned(
            self.n_rows + other.n_rows,
            self.checksums + other.checksums,
            self.sums + other.sums,
            self.log_likelihood + other.log_likelihood,
        )


class Writer(Protocol):
    """Takes assignments on the workers that compute them, in parts of its choice; picklable."""

    def parts(self, start: int, n_rows: int) -> Iterable[tuple[int, int]]:
        """The first row of each part of a block, and one past its last.

        Parameters
        ----------
        start, n_rows : int
            First row of the block, and how many it has.
        """

    def has(self, start: int, stop: int) -> bool:
        """Whether an interrupted call has written this part, which is then not written again."""

    def __call__(self, start: int, assignment: Assignment) -> None:
        """Write the part that begins with this row, again if a worker was lost meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class _Assigning:
    mixture: Parameters
    preparation: Preparation | None
    writer: Writer


def _assign_block(task: _Assigning, block: Block) -> Assigned:
    refuse_bad_weights(bad_weights_of(block))
    pivots = pivots_of(task.mixture, task.preparation)
    sums, log_likelihood = ComponentSums.zero(*pivots.shape), 0.0
    for start, stop in task.writer.parts(block.start, block.n_rows):
        rows, weights, complete = block.part(start - block.start, stop - block.start)
        refuse_non_finite(block, start - block.start, rows, complete)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
            assignment = assign(task.mixture, rows, task.preparation)
        refuse_too_far(block, start - block.start, assignment, complete)
        sums += ComponentSums.of(rows, weights, assignment, pivots)
        log_likelihood += assignment.log_likelihood(weights)
        if not task.writer.has(start, stop):
            task.writer(start, assignment if complete is None else assignment.spread(complete))
    return Assigned(block.n_rows, (block.checksum,), sums, log_likelihood)


def assign_all(
    reader: Reader, mixture: Parameters, writer: Writer, preparation: Preparation | None = None
) -> Assigned:
    """Assign every row and hand the assignments to ``writer`` where they are computed.

    All blocks are read in any case, for the input's checksums.

    Parameters
    ----------
    reader : Reader
    mixture : Parameters
    writer : Writer
    preparation : Preparation, or None
        Of rows for the mixture; None if it is in their units.

    Returns
    -------
    Assigned
    """
    task = _Assigning(mixture, preparation, writer)
    outcome, seconds = reader.read("assign", 0, _assign_block, task)
    reader.check(outcome.checksums)
    reader.observer(PassFinished("assign", 0, seconds, outcome.n_rows, 0, None))
    return outcome
