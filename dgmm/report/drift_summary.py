"""Changes since the result that a run started from, in words and a table."""

from dataclasses import dataclass

import numpy as np

from dgmm.io.results.result import Result
from dgmm.mixture.drift.component_drift import NOISE, ComponentDrift
from dgmm.mixture.drift.decision import Drift, DriftStatus
from dgmm.mixture.drift.predictive_test import SKEW, Estimate
from dgmm.plots.colours import component_colours
from dgmm.report.summary import MOST_COMPONENTS, Table

_GONE = "#cbd2d9"


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """A comparison in words and a table.

    Attributes
    ----------
    is_grave : bool
    sentence : str
        The verdict.
    reasons : tuple of str
    facts : tuple of (str, str)
        Names and numbers.
    components : Table
        By label.
    """

    is_grave: bool
    sentence: str
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    components: Table


def summarize_drift(result: Result) -> DriftSummary | None:
    """The comparison of a result with the one it started from; None if there is none."""
    drift = result.drift
    if drift is None:
        return None
    earlier = result.attributes.get("started_from", {}).get("run_id")
    beside = f", the run {earlier}" if earlier else ""
    return DriftSummary(
        is_grave=drift.verdict is DriftStatus.BROKEN,
        sentence=f"Beside the last result{beside}: {drift.verdict.value}. {drift.verdict.sentence}",
        reasons=drift.reasons,
        facts=tuple(_list_facts(drift)),
        components=_tabulate(drift.components),
    )


def _list_facts(drift: Drift) -> list[tuple[str, str]]:
    """Log likelihoods of a sample of the rows, before and after."""
    found, nats = drift.prediction, "nats per row"
    facts = [
        ("sampled rows", f"{found.n_rows:,}"),
        ("log-likelihood, last mixture", f"{_format_estimate(found.older)} {nats}"),
        ("log-likelihood, this mixture", f"{_format_estimate(found.newer)} {nats}"),
        ("difference", f"{_format_estimate(found.difference)} {nats}"),
        (
            "loss with a bound",
            f"{_format_estimate(found.loss)} {nats}, at most {-np.log(SKEW):.2f}",
        ),
    ]
    if drift.repeats is not None:
        then, now = drift.repeats.older, drift.repeats.newer
        facts.append(("rows that repeat another", f"{now:z.2%}, {then:z.2%} of the last"))
    test = drift.test
    if test is not None:
        gain = f"{_format_estimate(test.gain)} {nats}"
        facts.append(("gain on rows held out", f"{gain}, p = {test.p_value:.2g}"))
    return facts


def _format_estimate(estimate: Estimate) -> str:
    """A number with as many digits as its error justifies."""
    mean, error = estimate.mean, estimate.standard_error
    if not error > 1e-6 or abs(mean) >= 1e6:
        return f"{mean:.4g}"
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 6))
    return f"{mean:,.{digits}f} ± {error:,.{digits}f}"


def _tabulate(drift: ComponentDrift) -> Table:
    """Every component of the last mixture and of this one."""
    n_labels = len(drift.labels)
    own = component_colours(max(0, int(label)) for label in drift.labels)
    pale = drift.has_vanished | (drift.labels == NOISE)
    colours = [_GONE if is_pale else colour for is_pale, colour in zip(pale, own, strict=True)]
    columns = [
        list(drift.names),
        [_format_cell(x, ".2%") for x in drift.older_weights],
        [_format_cell(x, ".2%") for x in drift.newer_weights],
        [_format_cell(x, "+z.2%") for x in drift.weight_changes],
        [_format_cell(x, ".3f") for x in drift.mean_shifts],
        [_format_cell(x, ".3g") for x in drift.divergences],
        [
            "appeared" if new else "vanished" if gone else ""
            for new, gone in zip(drift.has_appeared, drift.has_vanished, strict=True)
        ],
    ]
    left = n_labels - MOST_COMPONENTS
    return Table(
        ("component", "weight then", "now", "change", "mean moved, sd", "divergence, nats", ""),
        tuple(zip(*columns, strict=True))[:MOST_COMPONENTS],
        colours=tuple(colours)[:MOST_COMPONENTS],
        remark=f"and {left} more" if left > 0 else "",
    )


def _format_cell(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)
