"""List, show, publish and prune the runs of an output."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from dgmm.io.results.layout import LATEST_REPORT, report_path
from dgmm.io.results.output import Output, Run
from dgmm.io.storage.location import AnyPath, output_path
from dgmm.report.publication import try_publish_report

_FACTS = (
    "created",
    "input",
    "n_samples",
    "n_missing",
    "n_new",
    "built_on",
    "n_features",
    "status",
    "verdict",
    "machine",
)


def format_runs(output: Output) -> Iterator[str]:
    """A line for each run, newest first; a star marks the published one."""
    rows = [("", "run", "created", "kind", "selected", "rows", "status")]
    for run in output.runs():
        facts, status = run.attributes, "not complete"
        if run.is_complete:
            status = str(facts.get("status", "complete"))
            status += ", held back" * run.is_held_back
        rows.append(
            (
                "*" if run.is_latest else "",
                run.run_id,
                run.created or "-",
                str(facts.get("kind", "fit")) if run.is_complete else "-",
                str(facts.get("selected", "-")),
                f"{facts['n_samples']:,}" if "n_samples" in facts else "-",
                status,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()


def format_run(run: Run) -> Iterator[str]:
    """The attributes of a complete run, as lines."""
    yield f"{'run':10}  {run.run_id}{' (latest)' if run.is_latest else ''}"
    for name in _FACTS:
        if name in run.attributes:
            yield f"{name:10}  {run.attributes[name]}"
    versions = run.attributes.get("versions", {})
    yield f"{'versions':10}  {', '.join(f'{name} {number}' for name, number in versions.items())}"
    for role, processes in run.attributes.get("arithmetic", {}).items():
        for process in processes:
            yield f"{role:10}  {'; '.join(process.values())}"
    yield "configuration"
    yield json.dumps(run.attributes.get("configuration", {}), indent=2)


def publish(
    output: str | os.PathLike[str] | AnyPath,
    run_id: str,
    storage_options: Mapping[str, Any] | None = None,
) -> Run:
    """Publish a run of an output, even if it was held back.

    Parameters
    ----------
    output : str or path
        The directory that keeps it, or the URL of one in an object store.
    run_id : str
        Its name, or as much of the beginning as no other shares.
    storage_options : mapping, optional
        How the store is reached.

    Raises
    ------
    InputNotFoundError
        If there is no such run.
    OutputError
        If it is not complete.
    TemporaryError
        If a run is being written there.

    Examples
    --------
    >>> import dgmm
    >>> result = dgmm.open_result("results/iris")
    >>> from dgmm.run import publish
    >>> publish("results/iris", result.path.stem[:8]).is_latest
    True
    """
    kept = Output(output_path(output, storage_options))
    kept.find(run_id)  # refuse what is not an output before a lock would make it one
    with kept.lock() as confirm:
        run = kept.find(run_id)
        confirm()
        kept.publish(run)
        if report_path(kept.place, run.run_id).exists() or (kept.place / LATEST_REPORT).exists():
            try_publish_report(run.path)
    return run


def prune(
    output: str | os.PathLike[str] | AnyPath,
    keep: int,
    storage_options: Mapping[str, Any] | None = None,
    *,
    only_say: bool = False,
    grace_hours: float = 1.0,
) -> tuple[Run, ...]:
    """Remove all complete runs but the newest few and the published one, and remains of others.

    Where there is nothing to remove, the output may be in use by another process.

    Parameters
    ----------
    output : str or path
        The directory that keeps them, or the URL of one in an object store.
    keep : int
        How many stay.
    storage_options : mapping, optional
        How the store is reached.
    only_say : bool, optional
        Whether nothing is removed.
    grace_hours : float, optional
        A run that readers saw until less long ago stays too: it may still be in use.

    Returns
    -------
    tuple of Run
        Those that are gone, or would be.

    Raises
    ------
    TemporaryError
        If a run is being written there.

    Examples
    --------
    >>> from dgmm.run import prune
    >>> prune("results/iris", keep=1)
    ()
    """
    kept, grace = Output(output_path(output, storage_options)), timedelta(hours=grace_hours)
    found = kept.prune(keep, grace, only_say=True)  # refuse what is not an output before locking it
    if only_say or not found:
        return found
    with kept.lock():
        return kept.prune(keep, grace)
