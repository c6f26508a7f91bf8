"""The last pass over data: every row is assigned by a mixture, or was by an earlier call."""

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
    """What became of the rows of some blocks.

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

    def __call__(self, start: int, assignment: RowPosteriors) -> None:
        """Write the part that begins with this row, again if a worker was lost meanwhile."""


class BlockStore(Protocol):
    """What was found of blocks, by this call and by an earlier one of the same mixture; picklable.

    It is asked on workers, once the rows of a block have been read.
    """

    def recall(self, start: int, n_rows: int, checksum: int) -> AssignmentSummary | BlockProvenance:
        """What an earlier call has found of a block, whose assignments are then written.

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

    def keep(self, start: int, found: AssignmentSummary) -> None:
        """Keep what was found of the block that begins with this row, again if it was kept."""


@dataclass(frozen=True, slots=True, eq=False)
class _Assigning:
    mixture: Parameters
    transform: FeatureTransform | None
    writer: Writer
    memory: BlockStore | None


def _assign_block(task: _Assigning, block: Block) -> AssignmentSummary:
    if task.memory is None:
        return _assigned(task, block, BlockProvenance.NEW)
    found = task.memory.recall(block.start, block.n_rows, block.checksum)
    if isinstance(found, BlockProvenance):
        found = _assigned(task, block, found)
    task.memory.keep(block.start, found)
    return found


def _assigned(task: _Assigning, block: Block, origin: BlockProvenance) -> AssignmentSummary:
    check_weights(find_bad_weights(block))
    pivots = component_pivots(task.mixture, task.transform)
    sums, log_likelihood = ComponentStatistics.zero(*pivots.shape), 0.0
    for start, stop in task.writer.parts(block.start, block.n_rows):
        rows, weights, complete = block.part(start - block.start, stop - block.start)
        assignment = assign_checked(task.mixture, rows, task.transform, start, complete)
        sums += ComponentStatistics.of(rows, weights, assignment, pivots)
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
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
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
    task = _Assigning(mixture, transform, writer, memory)
    outcome, seconds = runner.read("assign", 0, _assign_block, task)
    runner.check(outcome.checksums)
    runner.observer(PassFinished("assign", 0, seconds, outcome.n_rows, 0, None))
    return outcome
