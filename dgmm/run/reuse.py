"""Runs from which a score of grown data can take over blocks."""

import logging
from collections.abc import Iterator
from typing import Any

from dgmm.engine.assignment import AssignmentSummary, BlockProvenance
from dgmm.engine.dataset import Dataset
from dgmm.io.results.layout import run_name
from dgmm.io.results.output import Run
from dgmm.io.results.result import Result
from dgmm.run.config.configuration import dump_resolved
from dgmm.run.identity import BASIS
from dgmm.run.run_plan import RunPlan

_LISTED_AT_MOST = 5
_BOUNDS = "bounds of blocks, which depend on the number of rows and on the files of a table"
_IN_WORDS = {
    "model": "model",
    "arrays": "assignments",
    "data": "kind of data",
    "chunks": "extents of chunks, which depend on the number of rows",
    "arithmetic": "processors, or versions of dgmm and its libraries",
}

_logger = logging.getLogger(__name__)


def find_reusable_run(plan: RunPlan, model: Result, basis: dict[str, str]) -> Run | None:
    """The newest complete run of an output with this key, or the one that found the model.

    Runs on the same input come first: others have hardly any rows in common with it.

    Parameters
    ----------
    plan : RunPlan
        Of the score.
    model : Result
        The run that found the model.
    basis : dict
        See :func:`dgmm.run.identity.assignment_key`.
    """
    runs = [run for run in plan.output.runs() if run.is_complete]
    runs.append(Run(run_name(model.path), model.path, model.attributes, is_latest=False))
    expected = [run for run in runs if _is_expected(run, plan)]
    usable = (run for run in (*expected, *runs) if run.attributes.get(BASIS) == basis)
    found = next(usable, None)
    if expected and (found is None or not _is_expected(found, plan)):
        before = expected[0].attributes.get(BASIS, {})
        others = [_IN_WORDS[name] for name in basis if before.get(name) != basis[name]]
        _log_no_reuse(expected[0].run_id, "; other ".join(others))
    return found


def _is_expected(run: Run, plan: RunPlan) -> bool:
    """Whether a run had the same input, so that users expect it to be reused."""
    paths = (run.attributes.get("configuration", {}), dump_resolved(plan.configuration))
    earlier, now = (section.get("input", {}).get("path") for section in paths)
    return bool(earlier == now)


def reuse_attributes(
    assigned: AssignmentSummary, basis: dict[str, str], base: Run | None, plan: RunPlan
) -> dict[str, Any]:
    """Attributes of a score on the run that it reused; changed and lost blocks are logged.

    Returns
    -------
    dict
        ``n_new``, the rows that were assigned and not taken over, ``built_on``, the name of the
        run or None, and the basis.
    """
    n_rows = zip(plan.dataset.rows.chunks[0], assigned.origins, strict=True)
    n_new = sum(int(n) for n, origin in n_rows if origin is not BlockProvenance.KNOWN)
    is_built = base is not None and n_new < assigned.n_rows
    if base is not None and (is_built or _is_expected(base, plan)):
        _log_reuse(assigned.origins, base, plan.dataset)
    built_on = base.run_id if base is not None and is_built else None
    return {BASIS: basis, "n_new": n_new, "built_on": built_on}


def _log_reuse(origins: tuple[BlockProvenance, ...], base: Run, dataset: Dataset) -> None:
    n_known = origins.count(BlockProvenance.KNOWN)
    if n_known:
        text = "built on the run %s: %d of %d blocks are as they were"
        _logger.info(text, base.run_id, n_known, len(origins))
    elif BlockProvenance.LOST not in origins:
        _log_no_reuse(base.run_id, "rows" if BlockProvenance.CHANGED in origins else _BOUNDS)
    for origin in (BlockProvenance.CHANGED, BlockProvenance.LOST):
        found = [block for block, its in enumerate(origins) if its is origin]
        if found and (n_known or origin is BlockProvenance.LOST):
            rows = ", ".join(_places(found, dataset))
            _logger.warning("%s are assigned again: %s (%s)", rows, origin.value, base.path)


def _log_no_reuse(run_id: str, others: str) -> None:
    text = "the run %s is not built on, because it has other %s: all rows are assigned"
    _logger.info(text, run_id, others)


def _places(blocks: list[int], dataset: Dataset) -> Iterator[str]:
    for block in blocks[:_LISTED_AT_MOST]:
        start, stop = dataset.bounds(block)
        yield f"rows {start} to {stop - 1}"
    if len(blocks) > _LISTED_AT_MOST:
        yield f"and {len(blocks) - _LISTED_AT_MOST} blocks more"
