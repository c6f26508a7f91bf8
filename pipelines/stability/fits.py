"""The fits of a study: one sweep for each subset of blocks, saved when it is done."""

import logging

import numpy as np

from dgmm.errors import DataError
from dgmm.run import BlockFit, Blocks, Configuration, InputHandle
from pipelines.execution import Observer
from pipelines.stability.store import FitStore
from pipelines.stability.subsets import Design
from pipelines.stability.values import Array, Axes, FitOfSubset

_logger = logging.getLogger("dgmm.pipelines.stability")


def make_axes(run: Configuration) -> Axes:
    """The candidates of a configuration."""
    return Axes(run.model.covariance_type, tuple(sorted(run.model.n_components)))


def fit_subsets(
    opened: InputHandle,
    run: Configuration,
    plan: Design,
    held_out_rows: int,
    store: FitStore,
    observer: Observer,
) -> list[FitOfSubset]:
    """A fit for every subset; stored ones are loaded.

    Parameters
    ----------
    opened : InputHandle
    run : Configuration
        Of the input.
    plan : Design
    held_out_rows : int
        On which labels are compared, at most.
    store : FitStore
    observer : callable
        Told of every pass.

    Raises
    ------
    DataError
        If no row is held out that lacks no value.
    DgmmError
        As a run does.
    """
    found = {i: fit for i in range(len(plan.subsets)) if (fit := store.load(i)) is not None}
    if len(found) < len(plan.subsets):
        with opened.on_cluster(observer) as blocks:
            rows = _read_held_out(blocks, plan, held_out_rows, run.model.seed)
            for index, subset in enumerate(plan.subsets):
                if index not in found:
                    done = blocks.fit(subset, seed=run.model.seed + 1 + index)
                    found[index] = _summarize_fit(done, rows, make_axes(run), run.model.criterion)
                    store.save(index, found[index])
                    _logger.info("subset %d of %d is fitted", index + 1, len(plan.subsets))
    return [found[index] for index in range(len(plan.subsets))]


def _read_held_out(blocks: Blocks, plan: Design, n_rows: int, seed: int) -> Array:
    """Rows that no subset has, in equal parts of each block that is held out."""
    rng = np.random.default_rng(seed)
    share = -(-n_rows // len(plan.held_out))
    parts = (blocks.read(block) for block in plan.held_out)
    rows = np.concatenate([part[np.sort(rng.permutation(len(part))[:share])] for part in parts])
    if not len(rows):
        raise DataError(
            f"All rows of the block(s) {plan.held_out}, which are held out, lack a value; expected "
            "some to compare labels on. Set held_out_blocks to more, or run.model.seed."
        )
    return rows


def _summarize_fit(found: BlockFit, rows: Array, axes: Axes, criterion: str) -> FitOfSubset:
    """The stored numbers of a fit."""
    fit = FitOfSubset.empty(axes, len(rows))
    for result in found.sweep.results:
        if result.status.value == "degenerate":
            continue
        candidate = result.candidate
        at = axes.place(candidate.covariance_type, candidate.n_components)
        fit.criterion[at] = result.criteria[criterion] / found.n_effective
        fit.log_likelihood[at] = result.log_likelihood / found.total_weight
        fit.labels[at] = found.assign(result, rows).labels
    return fit
