"""Compare the result of a run with the one it started from, and hold it back if need be."""

import logging
from typing import Any

from dgmm.engine.comparison import ComparedMixture, compare
from dgmm.engine.events import Observer
from dgmm.engine.fit import Fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.profiling.preparation import rules_for
from dgmm.engine.stages import positive_weight_sample
from dgmm.errors import HeldBackError
from dgmm.io.results.drift_arrays import read_drift
from dgmm.io.results.layout import run_name
from dgmm.io.results.output import Output, Run
from dgmm.io.results.result import Result
from dgmm.mixture.drift.decision import Drift, DriftStatus, DriftThresholds
from dgmm.mixture.drift.duplicates import (
    Counts,
    DuplicateRates,
    SampleCounts,
    compare_duplicate_rates,
)
from dgmm.run.config.drift_section import DriftLimits
from dgmm.run.warm_start import LabelledSweep

_logger = logging.getLogger(__name__)


def check_drift(
    earlier: Result | None,
    goes_on: LabelledSweep,
    fitted: Fit,
    counts: Counts,
    options: FitOptions,
    allowed: DriftLimits,
    observer: Observer,
) -> Drift | None:
    """Compare a fit with the earlier result; None without one.

    Parameters
    ----------
    earlier : Result, or None
    goes_on : LabelledSweep
        What was fitted, with the labels of the earlier one.
    fitted : Fit
    counts : ndarray of shape (n_distinct,), int64
        How often each distinct row of the sample is in it.
    options : FitOptions
    allowed : DriftLimits
    observer : callable
        Told of the passes over the sample.
    """
    if earlier is None or goes_on.older is None:
        return None
    profile = fitted.profile.transform(fitted.transform)
    rows, weights = positive_weight_sample(profile)
    newer, origin = goes_on.sweep.selected, profile.mean
    n_older = max(1, earlier.attributes["n_samples"] - earlier.attributes.get("n_missing", 0))
    drift = compare(
        ComparedMixture(
            goes_on.older.translate(-origin),
            earlier.labelling.labels,
            n_older,
            earlier.sweep.selected.status,
        ),
        ComparedMixture(
            newer.parameters.translate(-origin),
            goes_on.labelling.labels,
            profile.n_rows,
            newer.status,
        ),
        rows - origin,
        weights,
        rules_for(options, profile),
        drift_thresholds(allowed),
        _repeats(earlier.attributes, n_older, profile.n_rows, counts),
        observer,
    )
    said = " ".join((drift.verdict.sentence, *drift.reasons))
    _logger.info("compared with %s: %s. %s", run_name(earlier.path), drift.verdict.value, said)
    return drift


def duplicate_attributes(counts: Counts) -> dict[str, int]:
    """Counts of the sample for the root of a run, for a later run that starts from it."""
    return {"n_sampled": int(counts.sum()), "n_distinct": len(counts)}


def _repeats(
    of_older: dict[str, Any], n_older: int, n_newer: int, counts: Counts
) -> DuplicateRates | None:
    """Rates of duplicate rows, before and now; None if unknown."""
    if "n_sampled" not in of_older:  # earlier versions did not count duplicates
        return None
    return compare_duplicate_rates(
        SampleCounts(n_older, of_older["n_sampled"], of_older["n_distinct"]), n_newer, counts
    )


def drift_thresholds(section: DriftLimits) -> DriftThresholds:
    """The limits of a configuration."""
    return DriftThresholds(
        mean_shift=section.max_mean_shift,
        weight_change=section.max_weight_change,
        loss=section.max_loss,
        vanished=section.max_vanished,
        appeared=section.max_appeared,
        repeated=section.max_repeated,
        level=section.significance_level,
    )


def verdict_attributes(drift: Drift | None, allowed: DriftLimits) -> dict[str, Any]:
    """The verdict for the root of a run, for listings."""
    if drift is None:
        return {}
    is_broken = drift.verdict is DriftStatus.BROKEN
    return {"verdict": drift.verdict.value, "held_back": is_broken and allowed.hold_back}


def raise_if_held_back(output: Output, run: Run) -> None:
    """Raise if a run is complete but held back.

    Raises
    ------
    HeldBackError
        With the reasons, and what to do.
    """
    if not run.is_held_back:
        return
    drift = read_drift(run.path)
    reasons = "" if drift is None else " ".join(drift.reasons)
    raise HeldBackError(
        f"{run.path} is complete, but held back: readers of {output.place} go on seeing the last "
        f"result. {reasons} Look at its report; accept it by `dgmm runs {output.place} --publish "
        f"{run.run_id}`, or repair the data and run again."
    )
