"""The last pass over the data: assign every row, or take over what an earlier call assigned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.block import Block, Missing, Rows
from dgmm.engine.events import PassFinished
from dgmm.engine.passes import PassRunner
from dgmm.engine.row_checks import (
    check_finite,
    check_overflow,
    check_weights,
    find_bad_weights,
)
from dgmm.mixture.assignment_statistics import (
    AssigningMixture,
    AssignmentStatistics,
    assign_and_add,
)
from dgmm.mixture.component_summary import ComponentStatistics
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.model_selection.dependence import N_GROUPS
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform

_MOST_NUMBERS_OF_GROUPS = 1 << 16  # components times features


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
    sums : AssignmentStatistics
        Over the rows that count.
    origins : tuple of BlockProvenance
        Of the blocks, in order.
    groups : mapping of int to ComponentStatistics
        Of groups of consecutive rows, by their number; empty where that would need much memory.
    """

    n_rows: int
    checksums: tuple[int, ...]
    sums: AssignmentStatistics
    origins: tuple[BlockProvenance, ...]
    groups: Mapping[int, ComponentStatistics] = field(default_factory=dict)

    def __add__(self, other: "AssignmentSummary") -> "AssignmentSummary":
        return AssignmentSummary(
            self.n_rows + other.n_rows,
            self.checksums + other.checksums,
            self.sums + other.sums,
            self.origins + other.origins,
            _add_groups(self.groups, other.groups),
        )


def _add_groups(
    first: Mapping[int, ComponentStatistics], second: Mapping[int, ComponentStatistics]
) -> dict[int, ComponentStatistics]:
    """The sums of every group that is in either."""
    both = {group: first[group] + second[group] for group in first.keys() & second.keys()}
    return {**first, **second, **both}


class Writer(Protocol):
    """Writes assignments on the workers that compute them, in parts of its choice; picklable."""

    @property
    def needs_responsibilities(self) -> bool:
        """Whether it wants those of all components, and not of the most probable ones only."""

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


@dataclass(frozen=True, slots=True)
class _NoWriter:
    """Writes nothing."""

    needs_responsibilities = False

    def parts(self, start: int, n_rows: int) -> Iterable[tuple[int, int]]:
        return [(start, start + n_rows)]

    def has(self, start: int, stop: int) -> bool:
        del start, stop
        return True

    def __call__(self, start: int, assignment: RowPosteriors) -> None:
        del start, assignment


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    by: AssigningMixture
    writer: Writer
    memory: BlockStore | None
    n_rows: int


def _assign_block(task: _Task, block: Block) -> AssignmentSummary:
    if task.memory is None:
        return _with_group(task, block, _assign(task, block, BlockProvenance.NEW))
    found = task.memory.load(block.start, block.n_rows, block.checksum)
    if isinstance(found, BlockProvenance):
        found = _assign(task, block, found)
    task.memory.save(block.start, found)
    return _with_group(task, block, found)


def _with_group(task: _Task, block: Block, found: AssignmentSummary) -> AssignmentSummary:
    """The summary of a block, with the sums of the group of rows that it belongs to."""
    components = found.sums.components
    if components.deviations.size > _MOST_NUMBERS_OF_GROUPS:
        return found
    return replace(found, groups={block.start * N_GROUPS // task.n_rows: components})


def _assign(task: _Task, block: Block, origin: BlockProvenance) -> AssignmentSummary:
    check_weights(find_bad_weights(block))
    by, writer = task.by, task.writer
    sums = AssignmentStatistics.zero(*by.pivots.shape)
    for start, stop in writer.parts(block.start, block.n_rows):
        rows, weights, complete = block.part(start - block.start, stop - block.start)
        with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
            found = assign_and_add(
                rows,
                weights,
                by,
                sums,
                with_responsibilities=writer.needs_responsibilities,
                may_lack=block.missing == "marginalize",
            )
        _check(found, rows, start, complete, block.missing)
        if not writer.has(start, stop):
            writer(start, found if complete is None else found.spread(complete))
    return AssignmentSummary(block.n_rows, (block.checksum,), sums, (origin,))


def assign_checked(
    mixture: Parameters,
    rows: Rows,
    transform: FeatureTransform | None = None,
    first: int = 0,
    complete: NDArray[np.bool_] | None = None,
    missing: Missing = "error",
) -> RowPosteriors:
    """Densities and responsibilities of rows, all of them numbers.

    Where values are missing they are those of the values that are there, NaN for a row without any.

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
    missing : {"error", "drop", "marginalize"}
        With the last, NaN marks what is missing.

    Raises
    ------
    DataError
        Naming the first row that has a value that is not finite, or that is so far from all
        components that float64 cannot hold its density.
    """
    check_finite(first, rows, complete, missing)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
        found = assign(mixture, rows, transform, may_lack=missing == "marginalize")
    _check(found, rows, first, complete, missing)
    return found


def _check(
    found: RowPosteriors,
    rows: Rows,
    first: int,
    complete: NDArray[np.bool_] | None,
    missing: Missing,
) -> None:
    """Name the first row without a density, and why, if there is one that has values."""
    unknown = ~np.isfinite(found.log_density)
    if missing == "marginalize" and unknown.any():
        unknown &= ~np.isnan(rows).all(axis=1)
    if unknown.any():
        check_finite(first, rows, complete, missing)
        check_overflow(first, np.where(unknown, found.log_density, 0.0), complete)


def assign_all(
    runner: PassRunner,
    by: AssigningMixture,
    writer: Writer,
    memory: BlockStore | None = None,
) -> AssignmentSummary:
    """Assign every row and hand the assignments to ``writer`` where they are computed.

    All blocks are read in any case, for the input's checksums.

    Parameters
    ----------
    runner : PassRunner
    by : AssigningMixture
    writer : Writer
    memory : BlockStore, or None
        Knows blocks that need not be assigned again; None if nothing is known or kept.

    Returns
    -------
    AssignmentSummary
        With the same bits whatever was known.
    """
    task = _Task(by, writer, memory, runner.dataset.n_rows)
    outcome, seconds = runner.read("assign", 0, _assign_block, task)
    runner.check(outcome.checksums)
    runner.observer(PassFinished("assign", 0, seconds, outcome.n_rows, 0, None))
    return outcome


def summarize_all(runner: PassRunner, by: AssigningMixture) -> AssignmentStatistics:
    """What all rows say of a mixture, in one pass that writes nothing."""
    return assign_all(runner, by, _NoWriter()).sums
