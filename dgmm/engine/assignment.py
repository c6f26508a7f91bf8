"""The last pass over the data: assign every row, or take over what an earlier call assigned."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.block import Block, Rows
from dgmm.engine.events import PassFinished
from dgmm.engine.passes import PassRunner
from dgmm.engine.row_checks import (
    check_finite,
    check_overflow,
    check_weights,
    find_bad_weights,
)
from dgmm.mixture.component_summary import ComponentStatistics, component_pivots
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform


class BlockProvenance(Enum):
    """Where the assignments of a block come from."""

    NEW = "no earlier call has assigned these rows"
    KNOWN = "taken over from an earlier call"
    CHANGED = "an earlier call has assigned other rows in this place"
    LOST = "what an earlier call has found cannot be read"


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentSummary:
    """Sums over the rows of some blocks, and where their assignments come from.

    Attributes
    ----------
    n_rows : int
        Rows whose assignments are there.
    checksums : tuple of int
        Of the blocks, in order.
    sums : ComponentStatistics
        Over the rows that count.
    log_likelihood : float
        Weighted sum of their log densities.
    origins : tuple of BlockProvenance
        Of the blocks, in order.
    """

    n_rows: int
    checksums: tuple[int, ...]
    sums: ComponentStatistics
    log_likelihood: float
    origins: tuple[BlockProvenance, ...]

    def __add__(self, other: "AssignmentSummary") -> "AssignmentSummary":
        return AssignmentSummary(
            self.n_rows + other.n_rows,
            self.checksums + other.checksums,
            self.sums + other.sums,
            self.log_likelihood + other.log_likelihood,
            self.origins + other.origins,
        )


class Writer(Protocol):
    """Writes assignments on the workers that compute them, in parts of its choice; picklable."""

    def parts(self, start: int, n_rows: int) -> Iterable[tuple[int, int]]:
        """The first row of each part of a block, and one past its last.

        Parameters
        ----------
        start, n_rows : int
            First row of the block, and how many it has.
        """

    def has(self, start: int, stop: int) -> bool:
        """Whether an interrupted call has already written this part."""

    def __call__(self, start: int, assignment: RowPosteriors) -> None:
        """Write the part that begins with this row; repeated if a worker is lost."""


class BlockStore(Protocol):
    """Summaries of blocks from this call and from an earlier one of the same mixture; picklable.

    It is asked on workers, once the rows of a block have been read.
    """

    def load(self, start: int, n_rows: int, checksum: int) -> AssignmentSummary | BlockProvenance:
        """The summary of a block by an earlier call, whose assignments are then written.

        Parameters
        ----------
        start, n_rows : int
            First row of the block, and how many it has.
        checksum : int
            What its rows and weights have now.

        Returns
        -------
        AssignmentSummary or Origin
            Why the block is to be assigned, if it is.
        """

    def save(self, start: int, found: AssignmentSummary) -> None:
        """Save the summary of the block that begins with this row; repeated if a worker is lost."""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    mixture: Parameters
    transform: FeatureTransform | None
    writer: Writer
    memory: BlockStore | None


def _assign_block(task: _Task, block: Block) -> AssignmentSummary:
    if task.memory is None:
        return _assign(task, block, BlockProvenance.NEW)
    found = task.memory.load(block.start, block.n_rows, block.checksum)
    if isinstance(found, BlockProvenance):
        found = _assign(task, block, found)
    task.memory.save(block.start, found)
    return found


def _assign(task: _Task, block: Block, origin: BlockProvenance) -> AssignmentSummary:
    check_weights(find_bad_weights(block))
    pivots = component_pivots(task.mixture, task.transform)
    sums, log_likelihood = ComponentStatistics.zero(*pivots.shape), 0.0
    for start, stop in task.writer.parts(block.start, block.n_rows):
        rows, weights, complete = block.part(start - block.start, stop - block.start)
        assignment = assign_checked(task.mixture, rows, task.transform, start, complete)
        sums += ComponentStatistics.from_assignment(rows, weights, assignment, pivots)
        log_likelihood += assignment.log_likelihood(weights)
        if not task.writer.has(start, stop):
            task.writer(start, assignment if complete is None else assignment.spread(complete))
    return AssignmentSummary(block.n_rows, (block.checksum,), sums, log_likelihood, (origin,))


def assign_checked(
    mixture: Parameters,
    rows: Rows,
    transform: FeatureTransform | None = None,
    first: int = 0,
    complete: NDArray[np.bool_] | None = None,
) -> RowPosteriors:
    """Densities and responsibilities of rows, all of them numbers.

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (m, n_features)
    transform : FeatureTransform, or None
        Of rows for the mixture; None if it is in their units.
    first : int
        Index of the first row, for messages.
    complete : ndarray of bool, or None
        Where these rows lie, counted from ``first``; None if there are no others.

    Raises
    ------
    DataError
        Naming the first row that has a value that is not finite, or that is so far from all
        components that float64 cannot hold its density.
    """
    check_finite(first, rows, complete)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
        found = assign(mixture, rows, transform)
    check_overflow(first, found.log_density, complete)
    return found


def assign_all(
    runner: PassRunner,
    mixture: Parameters,
    writer: Writer,
    transform: FeatureTransform | None = None,
    memory: BlockStore | None = None,
) -> AssignmentSummary:
    """Assign every row and hand the assignments to ``writer`` where they are computed.

    All blocks are read in any case, for the input's checksums.

    Parameters
    ----------
    runner : PassRunner
    mixture : Parameters
    writer : Writer
    transform : FeatureTransform, or None
        Of rows for the mixture; None if it is in their units.
    memory : BlockStore, or None
        Knows blocks that need not be assigned again; None if nothing is known or kept.

    Returns
    -------
    AssignmentSummary
        With the same bits whatever was known.
    """
    task = _Task(mixture, transform, writer, memory)
    outcome, seconds = runner.read("assign", 0, _assign_block, task)
    runner.check(outcome.checksums)
    runner.observer(PassFinished("assign", 0, seconds, outcome.n_rows, 0, None))
    return outcome
