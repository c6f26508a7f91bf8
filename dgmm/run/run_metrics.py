"""A complete run in numbers, for programs that watch runs: JSON fields, and a metrics file."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from dgmm.io.results.layout import run_name
from dgmm.io.results.record import read_record
from dgmm.io.results.result import open_result
from dgmm.io.storage.atomic_writes import make_directory, replace_file
from dgmm.io.storage.location import output_path
from dgmm.io.storage.zarr_arrays import creation_failures

_HELP = {
    "rows": "Rows of the input.",
    "missing_rows": "Rows that lacked a value and were left out.",
    "features": "Features of a row.",
    "components": "Components of the selected mixture.",
    "log_likelihood_per_row": "Mean log density of the rows, in nats.",
    "held_back": "1 if the result was too far from the last one to be published.",
    "duration_seconds": "From the beginning of the last attempt to its last pass.",
    "completed_timestamp_seconds": "When the run was complete, since 1970-01-01 UTC.",
}


def collect_metrics(run: str, storage_options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What programs ask of a run; what it did not keep is None.

    Parameters
    ----------
    run : str
        A complete run.
    storage_options : mapping, optional
        How the store of the run is reached.

    Returns
    -------
    dict
        ``output``, ``run_id``, ``model`` (TYPE-K), ``drift`` (the verdict), ``stage_seconds`` (by
        stage), and numbers.

    Examples
    --------
    >>> import dgmm
    >>> result = dgmm.open_result("results/iris")
    >>> from dgmm.run import collect_metrics
    >>> found = collect_metrics(str(result.path))
    >>> found["model"], found["rows"], round(found["log_likelihood_per_row"], 3)
    ('full-2', 150, -1.429)
    """
    result = open_result(run, storage_options)
    found, best = result.attributes, result.sweep.selected
    record = read_record(result.path / "record")
    created = found.get("created")
    return {
        "output": str(result.path.parent.parent),
        "run_id": run_name(result.path),
        "model": best.candidate.name,
        "rows": found.get("n_samples"),
        "missing_rows": found.get("n_missing"),
        "features": len(result.feature_names),
        "components": best.n_components,
        "log_likelihood_per_row": found.get("mean_log_density", best.trace[-1]),
        "drift": None if result.drift is None else result.drift.verdict.value,
        "held_back": int(bool(found.get("held_back"))),
        "duration_seconds": None if record is None else record.seconds,
        "stage_seconds": {}
        if record is None
        else {stage.stage: stage.seconds for stage in record.stages},
        "completed_timestamp_seconds": None
        if created is None
        else datetime.fromisoformat(created).timestamp(),
    }


def write_metrics(
    run: str, path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
) -> None:
    """Write the metrics of a run for the textfile collector of Prometheus' node exporter.

    The file is replaced in one step, so that a collector never reads half of it.

    Parameters
    ----------
    run : str
        A complete run.
    path : str or path
        Usually ``NAME.prom``.
    storage_options : mapping, optional
        How the store of the run is reached.

    Raises
    ------
    OutputError
        If the file cannot be created.

    Examples
    --------
    >>> import dgmm
    >>> result = dgmm.open_result("results/iris")
    >>> from pathlib import Path
    >>> from dgmm.run import write_metrics
    >>> write_metrics(str(result.path), "iris.prom")
    >>> Path("iris.prom").read_text().splitlines()[0]
    '# HELP dgmm_run_rows Rows of the input.'
    """
    text = "\n".join(_lines(collect_metrics(run, storage_options)))
    place = output_path(path)
    with creation_failures(place):
        make_directory(place.parent)
        replace_file(place, f"{text}\n".encode())


def _lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The text format, which the node exporter reads; OpenMetrics ends with EOF."""
    where = f'output="{_escape(metrics["output"])}"'
    for name, text in _HELP.items():
        if metrics[name] is not None:
            yield from (f"# HELP dgmm_run_{name} {text}", f"# TYPE dgmm_run_{name} gauge")
            yield f"dgmm_run_{name}{{{where}}} {metrics[name]}"
    yield "# HELP dgmm_run_stage_duration_seconds Of the passes of a stage."
    yield "# TYPE dgmm_run_stage_duration_seconds gauge"
    for stage, seconds in metrics["stage_seconds"].items():
        yield f'dgmm_run_stage_duration_seconds{{{where},stage="{stage}"}} {seconds}'
    words = {name: metrics[name] or "" for name in ("run_id", "model", "drift")}
    labels = ",".join(f'{name}="{_escape(value)}"' for name, value in words.items())
    yield "# HELP dgmm_run_info The run, its model, and the verdict on drift."
    yield "# TYPE dgmm_run_info gauge"
    yield f"dgmm_run_info{{{where},{labels}}} 1"
    yield "# EOF"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
