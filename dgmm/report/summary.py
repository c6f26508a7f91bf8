"""The summary of a run in words and tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dgmm.io.results.layout import run_name
from dgmm.io.results.record import Record
from dgmm.io.results.result import Result
from dgmm.mixture.fit_result import FitResult
from dgmm.plots.colours import component_colours
from dgmm.report.findings import count_fitted_rows
from dgmm.report.sample import Sample

MOST_CANDIDATES = 12
MOST_COMPONENTS = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of tuple of str
    n_words : int
        How many columns, from the left, are words and not numbers.
    marked : int or None
        The row to mark.
    colours : tuple of str
        Of the rows, or empty.
    remark : str
        What the table leaves out.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_words: int = 1
    marked: int | None = None
    colours: tuple[str, ...] = ()
    remark: str = ""


def describe_run(result: Result) -> str:
    """What was done and what was found, in sentences."""
    sweep, attributes = result.sweep, result.attributes
    chosen = sweep.selected
    counts = sorted({r.n_components for r in sweep.results})
    kinds = list(dict.fromkeys(r.covariance_type for r in sweep.results))
    span = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    n_rows = count_fitted_rows(result)
    rows = f"{n_rows:,} rows of " if n_rows else ""
    what = _pluralize(len(result.feature_names), "feature")
    source = attributes.get("configuration", {}).get("input", {}).get("path", "")
    where = f" in {source}" if source else ""
    where += _describe_transform(result)
    mixture = (
        f"{_pluralize(chosen.n_components, 'component')} with {chosen.parameters.structure.label}"
    )
    if attributes.get("kind") == "score":
        n_scored = attributes["n_samples"] - attributes["n_missing"]
        return (
            f"A mixture of {mixture}, which the run {attributes['model_run']} had fitted, was "
            f"applied to {n_scored:,} rows of {what}{where}."
        )
    if result.posterior is not None:
        most = _pluralize(len(result.posterior.labels), "component")
        fitted = f"A Bayesian mixture of at most {most} was fitted to {rows}{what}{where}."
        return f"{fitted} Its mean has {mixture}."
    if len(sweep.results) == 1:
        return f"A mixture of {mixture} was fitted to {rows}{what}{where}."
    return (
        f"Of {len(sweep.results)} candidate mixtures ({', '.join(kinds)}; K = {span}), "
        f"{sweep.criterion.upper()} chose {mixture} for the {rows}{what}{where}."
    )


def _describe_transform(result: Result) -> str:
    """The feature transform before the fit, in words."""
    transform = result.transform
    if transform is None:
        return ""
    steps = []
    if transform.functions is not None:
        kinds = dict.fromkeys(str(each) for each in transform.functions.functions if each)
        steps.append(f"after {', '.join(kinds)}")
    if (transform.scale != 1).any():
        steps.append("standardised")
    if transform.axes is not None:
        steps.append(f"as {_pluralize(transform.n_axes, 'principal component')}")
    return f", {' and '.join(steps)}" if steps else ""


def key_numbers(result: Result, record: Record | None) -> tuple[tuple[str, str], ...]:
    """The most important numbers, with names."""
    best, criterion = result.sweep.selected, result.sweep.criterion
    goal = criterion.upper(), f"{best.criteria[criterion]:,.1f}"
    if result.posterior is not None:
        goal = "lower bound", f"{result.posterior.state.lower_bounds[-1]:,.1f}"
    found = [
        ("components", str(best.n_components)),
        ("covariances", best.covariance_type),
        goal,
        ("status", best.status.value),
        ("passes over all rows", str(result.sweep.n_passes)),
    ]
    size = result.sweep.size
    if size is not None and size.is_weighted:
        found.append(("rows that criteria count", f"{size.n_effective:,.6g}"))
    if record is not None:
        found.append(("seconds", f"{record.seconds:,.1f}"))
    return tuple(found)


def tabulate_candidates(result: Result) -> Table:
    """The best candidates, best first."""
    sweep = result.sweep
    name, ranked = sweep.criterion, sweep.rank()
    best = sweep.selected.criteria[name]
    names = [found.candidate.name for found in sweep.results]
    differences = dict(zip(names, sweep.differences, strict=False))

    def row(found: FitResult) -> tuple[str, ...]:
        value, sign = found.criteria[name], "< " if found.is_bound else ""
        return (
            found.covariance_type,
            str(found.n_components),
            f"{sign}{value:,.1f}",
            f"{sign}{value - best:,.1f}",
            differences[found.candidate.name].text
            if differences
            else f"{found.log_likelihood:,.1f}",
            str(found.n_iter),
            found.status.value,
        )

    title = name.upper()
    header = (
        "type",
        "K",
        title,
        f"{title} - best",
        "nats a row" if differences else "log-likelihood",
        "iter",
        "status",
    )
    left = len(ranked) - MOST_CANDIDATES
    return Table(
        header,
        tuple(row(found) for found in ranked[:MOST_CANDIDATES]),
        marked=ranked.index(sweep.selected) if sweep.selected in ranked[:MOST_CANDIDATES] else None,
        remark=f"and {left} more" if left > 0 else "",
    )


def tabulate_components(result: Result, sample: Sample | None) -> Table:
    """Weights of the components, and how certain their rows are."""
    mixture, n_rows = result.sweep.selected.parameters, count_fitted_rows(result)
    k = mixture.n_components
    shown = range(min(k, MOST_COMPONENTS))
    header = ["component", "weight"]
    labels = result.labelling.labels
    columns = [[str(labels[i]) for i in shown], [_weight(result, i) for i in shown]]
    if n_rows:
        header.append("rows")
        columns.append([f"{mixture.weights[i] * n_rows:,.0f}" for i in shown])
    if sample is not None and k > 1:
        certainties = [_certainty(sample, i, labels) for i in shown]
        header.append("certainty")
        columns.append([sure for sure, _ in certainties])
        if any(other for _, other in certainties):
            header.append("confused with")
            columns.append([other for _, other in certainties])
    if result.goodness is not None:
        header += ["not Gaussian", "kurtosis"]
        discrepancy, kurtosis = result.goodness.discrepancy, result.goodness.kurtosis
        columns += [[f"{discrepancy[i]:.1%}" for i in shown], [f"{kurtosis[i]:.2f}" for i in shown]]
    left = k - MOST_COMPONENTS
    return Table(
        tuple(header),
        tuple(zip(*columns, strict=True)),
        colours=component_colours(labels[:MOST_COMPONENTS]),
        remark=f"and {left} more" if left > 0 else "",
    )


def _weight(result: Result, k: int) -> str:
    """The weight of a component, with its standard error."""
    weight = result.model.weights[k]
    if result.errors is None or result.attributes.get("kind") == "score":
        return f"{weight:.2%}"
    return f"{100 * weight:.2f} ± {result.errors.weight[k]:.2%}"


def _certainty(sample: Sample, k: int, labels: tuple[int, ...]) -> tuple[str, str]:
    """Mean probability of a component for its own rows, and the next most probable one."""
    own = sample.labels_and_noise == k
    if not own.any():
        return "", ""
    mean = np.average(sample.responsibilities[own], axis=0, weights=sample.weights[own])
    others = np.delete(mean, k)
    other = int(np.argsort(-np.where(np.arange(len(mean)) == k, -1.0, mean))[0])
    return f"{mean[k]:.1%}", f"{labels[other]} ({others.max():.1%})" if others.max() >= 5e-4 else ""


def tabulate_stages(record: Record) -> Table:
    """Passes and seconds of each stage."""
    rows = [
        (
            stage.stage,
            f"{stage.seconds:,.1f}",
            str(stage.n_passes),
            f"{stage.n_rows:,}",
            _format_bytes(stage.n_bytes) if stage.n_bytes else "",
        )
        for stage in record.stages
    ]
    rest = record.seconds - sum(stage.seconds for stage in record.stages)
    rows.append(("all else", f"{max(rest, 0.0):,.1f}", "", "", ""))
    return Table(("stage", "seconds", "passes", "rows a pass", "bytes in all"), tuple(rows))


def tabulate_outliers(result: Result, sample: Sample, most: int = 5) -> Table:
    """The sampled rows with the lowest density."""
    order = np.argsort(sample.log_density)
    places = [i for i in order if sample.is_outlier[i]][:most]
    names = result.feature_names[:6]
    return Table(
        ("component", "log density", *names),
        tuple(
            (
                str(result.labelling.labels[sample.labels[i]]),
                f"{sample.log_density[i]:.1f}",
                *(f"{value:.5g}" for value in sample.rows[i, : len(names)]),
            )
            for i in places
        ),
    )


def list_origins(result: Result) -> tuple[tuple[str, str], ...]:
    """The origin of a result: input, versions, starting result."""
    attributes = result.attributes
    versions = attributes.get("versions", {})
    found = {
        "run": run_name(result.path),
        "created": attributes.get("created", ""),
        "input": attributes.get("input", ""),
        "machine": attributes.get("machine", ""),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        **{
            role: " | ".join("; ".join(process.values()) for process in processes)
            for role, processes in attributes.get("arithmetic", {}).items()
        },
    }
    return tuple((name, str(value)) for name, value in found.items() if value)


def format_configuration(result: Result) -> str:
    """The configuration as it was stored, as YAML."""
    lines = []
    for section, keys in result.attributes.get("configuration", {}).items():
        lines.append(f"{section}:")
        lines += [f"  {key}: {_scalar(value)}" for key, value in keys.items()]
    return "\n".join(lines)


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return "[" + ", ".join(map(_scalar, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {_scalar(v)}" for key, v in value.items()) + "}"
    return str(value)


def _pluralize(n: int, name: str) -> str:
    return f"{n:,} {name}" if n == 1 else f"{n:,} {name}s"


def _format_bytes(n: float) -> str:
    """A number of bytes for people.

    Examples
    --------
    >>> _format_bytes(819_840), _format_bytes(5 * 2**40)
    ('801 KiB', '5.0 TiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if n >= 10 or unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
