"""The passes over data: the profile, and the E-step of all running candidates."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dgmm.engine import candidates, in_memory
from dgmm.engine import profile as profiling
from dgmm.engine.block import Argument, Block, BlockFunction, Outcome
from dgmm.engine.events import BlocksDone, Observer, PassFinished, PassStarted
from dgmm.engine.execution import Execution
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.errors import InputChangedError, Remedy
from dgmm.mixture import feature_map
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState, ProposedStep
from dgmm.mixture.kernels import incomplete_rows, packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.incomplete_rows import IncompleteModels
from dgmm.mixture.kernels.least_likely import LeastLikelyRequest
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.kernels.statistics import Moments, SufficientStatistics
from dgmm.mixture.model_selection.dependence import N_GROUPS
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

if TYPE_CHECKING:  # rows in memory do not need Dask, which is slow to import
    from dgmm.engine.dataset import Dataset

_MOST_FEATURES_OF_TIED = 32
"""Up to which log-likelihoods of groups of rows are known under tied models."""

StopRule = Callable[[Sequence[FitState]], tuple[FitState, ...]]


class Proposals(Protocol):
    """Proposes steps of candidates from what passes over all rows say."""

    def request(self, n_passes: int, mixtures: Sequence[Parameters]) -> LeastLikelyRequest | None:
        """The rows that the next pass is to keep, after so many passes of its stage."""

    def propose_steps(
        self, states: Sequence[FitState], moments: Sequence[Moments]
    ) -> Sequence[ProposedStep | None]:
        """A step of each running candidate, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class PassRunner:
    """Runs passes over the blocks of a dataset and reports them to an observer.

    Attributes
    ----------
    dataset : Dataset or InMemoryRows
    execution : Execution
        For the blocks of a dataset; rows in memory are processed by threads.
    observer : callable
    checksums : tuple of int, or None
        The expected checksums of the blocks; None before the profile.
    """

    dataset: "Dataset | InMemoryRows"
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
        """Apply a function to all blocks once; the outcome and the seconds it took."""
        dataset = self.dataset
        self.observer(PassStarted(stage, index, *counts, dataset.n_blocks, dataset.n_rows))
        began = time.monotonic()

        def on_done(done: int, total: int) -> None:
            self.observer(BlocksDone(done, total))

        if isinstance(dataset, InMemoryRows):
            outcome = in_memory.map_reduce(dataset, function, argument, on_done)
        else:
            from dgmm.engine.map_reduce import map_reduce  # it needs Dask

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
            "to it, and put it back as it was."
        )
        raise InputChangedError(message, remedy=Remedy.START_AGAIN)


def profile(runner: PassRunner, spec: ProfileSpec) -> Profile:
    """Profile the dataset and draw the sample, in one pass."""
    outcome, seconds = runner.read("profile", 0, profiling.profile_block, spec)
    n_rows = runner.dataset.n_rows
    runner.observer(PassFinished("profile", 0, seconds, n_rows, 0, None))
    return outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Statistics of some blocks and the blocks' checksums, in order.

    Attributes
    ----------
    statistics : SufficientStatistics
    checksums : tuple of int
    groups : dict of int to ndarray of shape (1 + n_models,)
        Of groups of consecutive rows: weight, then log-likelihoods; NaN of tied models of wide
        rows.
    """

    statistics: SufficientStatistics
    checksums: tuple[int, ...]
    groups: dict[int, Array]

    def __add__(self, other: "_Sums") -> "_Sums":
        groups = dict(self.groups)
        for group, sums in other.groups.items():
            groups[group] = groups[group] + sums if group in groups else sums
        return _Sums(self.statistics + other.statistics, self.checksums + other.checksums, groups)


@dataclass(frozen=True, slots=True, eq=False)
class _EStep:
    """What every block needs.

    Attributes
    ----------
    packed : PackedModels
    n_rows : int
        Of the dataset.
    tied : tuple of (int, ndarray)
        Models whose log-likelihoods lack the quadratic term, and their precisions.
    with_scatter : bool
        Whether what these models lack is summed up for groups of rows; it costs d^2 a row.
    least : LeastLikelyRequest, or None
        Which rows are kept; only of rows that lack no values.
    incomplete : IncompleteModels, or None
        The models, if rows lack values.
    """

    packed: PackedModels
    n_rows: int
    tied: tuple[tuple[int, Array], ...]
    with_scatter: bool
    least: LeastLikelyRequest | None
    incomplete: IncompleteModels | None = None

    @classmethod
    def from_mixtures(
        cls,
        mixtures: Sequence[Parameters],
        centred: CentredScatter,
        n_rows: int,
        least: LeastLikelyRequest | None,
    ) -> "_EStep":
        if centred.lacks_values:
            models = incomplete_rows.pack(mixtures, centred.origin, centred.transform)
            return cls(models.packed, n_rows, (), False, None, models)
        packed = packed_models.pack(mixtures, centred.origin, centred.transform)
        tied = [
            (model, mixtures[model].precisions)
            for group in packed.groups
            if group.order == feature_map.LINEAR
            for model in group.models
        ]
        with_scatter = bool(tied) and len(packed.origin) <= _MOST_FEATURES_OF_TIED
        return cls(packed, n_rows, tuple(tied), with_scatter, least)


def _e_step_block(task: _EStep, block: Block) -> _Sums:
    block = block.without_labels()
    d = len(task.packed.origin)
    scatter = np.zeros((d, d)) if task.with_scatter else None
    if task.incomplete is None:
        found = packed_models.accumulate(
            task.packed, block.rows, block.weights, scatter, task.least, block.start
        )
    else:
        found = incomplete_rows.accumulate(task.incomplete, block.rows, block.weights)
    weight = len(block.rows) if block.weights is None else block.weights.sum(dtype=np.float64)
    sums = np.array([weight, *found.log_likelihood])
    for model, precisions in task.tied:
        lacking = np.nan if scatter is None else 0.5 * float(np.sum(precisions * scatter))
        sums[1 + model] -= lacking
    group = block.start * N_GROUPS // task.n_rows
    return _Sums(found, (block.checksum,), {group: sums})


def e_step(
    runner: PassRunner,
    mixtures: Sequence[Parameters],
    centred: CentredScatter,
    stage: str = "sample",
    index: int = 0,
    counts: tuple[int, int] = (0, 0),
    least: LeastLikelyRequest | None = None,
) -> tuple[tuple[Moments, ...], float]:
    """The moments of all rows under some mixtures relative to the origin, and the seconds."""
    task = _EStep.from_mixtures(mixtures, centred, runner.dataset.n_rows, least)
    sums, seconds = runner.read(stage, index, _e_step_block, task, counts)
    runner.check(sums.checksums)
    groups = np.array([sums.groups[group] for group in sorted(sums.groups)]).T
    found = packed_models.moments(task.packed, mixtures, sums.statistics, centred)
    kept = sums.statistics.least_likely or (None,) * len(found)
    return tuple(
        replace(moments, groups=groups[[0, 1 + model]], least_likely=rows)
        for model, (moments, rows) in enumerate(zip(found, kept, strict=True))
    ), seconds


def run_em(
    runner: PassRunner,
    stage: str,
    states: Sequence[FitState],
    centred: CentredScatter,
    rules: EMOptions,
    n_passes: int = 0,
    stop_rule: StopRule = tuple,
    proposals: Proposals | None = None,
) -> Iterator[tuple[int, tuple[FitState, ...]]]:
    """Run EM for all candidates together; each stops when it is done.

    Parameters
    ----------
    runner : PassRunner
    stage : str
        The name of this stage for the observer.
    states : sequence of FitState
        Parameters relative to the frame's origin.
    centred : CentredScatter
        Of the reader's rows.
    rules : EMOptions
    n_passes : int
        Passes of this stage that led to ``states``.
    stop_rule : callable
        Takes all states after each pass, and stops those that should not go on.
    proposals : Proposals, optional
        Proposes steps of the running candidates after each pass.

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
        counts = (len(running), len(states))
        least = None if proposals is None else proposals.request(n_passes, mixtures)
        moments, seconds = e_step(runner, mixtures, centred, stage, n_passes, counts, least)
        before = [states[i] for i in running]
        proposed: Sequence[ProposedStep | None] = [None] * len(running)
        if proposals is not None:
            proposed = proposals.propose_steps(before, moments)
        stepped = {
            i: iteration.step(state, found, rules, proposal)
            for i, state, found, proposal in zip(running, before, moments, proposed, strict=True)
        }
        states = stop_rule([stepped.get(i, state) for i, state in enumerate(states)])
        n_passes += 1
        yield n_passes, states  # saved before observers are told
        going = sum(state.is_running for state in states)
        best = max(state.trace[-1] for state in states)
        n_rows = runner.dataset.n_rows
        left = candidates.estimate_passes(states, rules)
        runner.observer(PassFinished(stage, n_passes - 1, seconds, n_rows, going, best, left))
