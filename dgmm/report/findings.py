"""What a reader should know before relying on a result."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dgmm.errors import Remedy
from dgmm.io.results.record import Record
from dgmm.io.results.result import Result
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.decision import DriftStatus
from dgmm.mixture.sweep_findings import NO_STRONG_EVIDENCE, Finding, find_births, find_in_sweep
from dgmm.report.sample import OUTLIER_SHARE, Sample
from dgmm.report.widths import relative_widths
from dgmm.text import join_names

_MOST_NAMED = 6
_ROWS_PER_PARAMETER = 5
_NARROW = 1e-3
_ALSO_FINDINGS = ("Constant features", "No candidate is sound", "The weights of")
_REMEDIES = {
    Remedy.NORMALIZE_WEIGHTS: "Set input.weights.normalize to rows, kish or counts.",
    Remedy.MORE_COMPONENTS: "Raise model.n_components.",
    Remedy.FEWER_COMPONENTS: "Lower model.n_components.",
    Remedy.SEARCH_MORE: "Raise model.n_init to tell.",
}
_LEAST_AGREEMENT = 0.8  # of given labels with those of the mixture
_MANY_OUTLIERS = 10  # times as many as there should be


def collect_findings(
    result: Result, record: Record | None, sample: Sample | None
) -> tuple[Finding, ...]:
    """All findings, serious ones first."""
    found = [
        *_find_drift(result),
        *_find_bad_choice(result),
        *find_in_sweep(result.sweep, is_bayesian=result.posterior is not None),
        *find_births(result.sweep),
        *_find_weak_choice(result),
        *_find_uncertain_components(result),
        *_find_components_that_do_not_fit(result),
        *_find_noise(result),
        *_find_labelled_rows(result),
        *_find_prior(result),
        *_find_posterior(result),
        *_find_missing_rows(result),
        *_find_constant_features(result, record),
        *_find_outliers(sample),
        *_describe_record(record),
    ]
    advised = (replace(finding, text=finding.advised(_REMEDIES)) for finding in found)
    return tuple(sorted(advised, key=lambda finding: not finding.is_grave))


def select_warnings(record: Record | None) -> tuple[str, ...]:
    """Warnings logged during the run that no finding repeats."""
    if record is None:
        return ()
    return tuple(text for text in record.warnings if not text.startswith(_ALSO_FINDINGS))


def _find_drift(result: Result) -> Iterator[Finding]:
    drift = result.drift
    if drift is not None and drift.verdict is DriftStatus.BROKEN:
        yield Finding(
            True, f"This is too far from the last result to be trusted unseen. {drift.reasons[0]}"
        )


def _find_bad_choice(result: Result) -> Iterator[Finding]:
    best = result.sweep.selected
    if best.status is not Status.CONVERGED:
        chosen = "No candidate is sound; the" if best.status is Status.DEGENERATE else "The"
        yield Finding(True, f"{chosen} chosen one is {best.status.value}. {best.status.sentence}")


def _find_weak_choice(result: Result) -> Iterator[Finding]:
    sweep = result.sweep
    best, criterion = sweep.selected, sweep.criterion
    sound = [r for r in sweep.rank() if r.status is not Status.DEGENERATE]
    if criterion == "bic" and len(sound) > 1:
        second, ahead = sound[1], sound[1].bic - best.bic
        if ahead < NO_STRONG_EVIDENCE:
            yield Finding(
                False,
                f"{second.candidate.name} is only {ahead:.1f} behind in BIC. A difference of less "
                f"than {NO_STRONG_EVIDENCE:.0f} is no strong evidence for either.",
            )


def _find_uncertain_components(result: Result) -> Iterator[Finding]:
    best, n_rows = result.sweep.selected, count_fitted_rows(result)
    mixture, labels = best.parameters, result.labelling.labels
    if n_rows and mixture.n_components > 1:
        n_parameters = mixture.structure.n_component_parameters(mixture.n_features)
        least = _ROWS_PER_PARAMETER * n_parameters
        few = np.flatnonzero(mixture.weights * n_rows < least)
        if few.size:
            sizes = [f"{labels[k]} ({mixture.weights[k] * n_rows:,.0f} rows)" for k in few]
            yield Finding(
                False,
                f"{_components(len(few))} on fewer than {least} rows, "
                f"{_ROWS_PER_PARAMETER} for each parameter of a component: "
                f"{join_names(sizes, _MOST_NAMED)}. "
                "Their means and covariances are uncertain.",
            )
    widths = relative_widths(mixture) if mixture.n_components > 1 else None
    if widths is not None and (narrow := np.flatnonzero(widths < _NARROW)).size:
        sizes = [f"{labels[k]} ({widths[k]:.0e})" for k in narrow]
        yield Finding(
            True,
            f"{len(narrow)} of {len(widths)} components are nearly flat: in some direction they "
            f"are less than a thousandth as wide as the data: "
            f"{join_names(sizes, _MOST_NAMED)}. Repeated or "
            "rounded values do that; such densities say little about where rows may lie.",
        )


def _find_components_that_do_not_fit(result: Result) -> Iterator[Finding]:
    goodness, components = result.goodness, result.components
    if goodness is None or components is None:
        return
    labels, found = result.labelling.labels, goodness.notable(components.size)
    if found.size:
        worst = found[np.argsort(-goodness.discrepancy[found], kind="stable")]
        shares = [f"{labels[k]} ({goodness.discrepancy[k]:.0%})" for k in worst]
        n = len(found)
        what = (
            "1 component is a patch" if n == 1 else f"{n} of {len(labels)} components are patches"
        )
        yield Finding(
            False,
            f"{what} of something that is not Gaussian: {join_names(shares, _MOST_NAMED)}. In "
            "brackets is the share of its rows that a Gaussian would have at other distances from "
            "the mean. Count clusters rather than components, and trust labels more than "
            "densities.",
        )


def _find_noise(result: Result) -> Iterator[Finding]:
    noise = result.model.noise
    if noise is not None:
        share = result.attributes.get("noise_share", noise.weight)
        yield Finding(
            False,
            f"{share:.1%} of the rows belong to no component: they are noise, with the label -1.",
        )


def _find_labelled_rows(result: Result) -> Iterator[Finding]:
    weights = result.attributes.get("labelled_weights")
    if not weights:
        return
    text = (
        f"The components of {sum(weights):,.0f} rows were given: labels 0 to {len(weights) - 1} "
        "are the classes of these rows."
    )
    agreement = result.attributes.get("labelled_agreement")
    if agreement is not None and agreement < 1:
        text += f" The mixture would label {1 - agreement:.1%} of those in the sample otherwise."
    is_grave = agreement is not None and agreement < _LEAST_AGREEMENT
    if is_grave:
        text += " Some labels may be wrong, or classes may not be Gaussian."
    yield Finding(is_grave, text)


def _find_prior(result: Result) -> Iterator[Finding]:
    if result.attributes.get("prior"):
        yield Finding(
            False,
            "Means and covariances have a conjugate prior (Fraley & Raftery 2007): mixtures are "
            "the most probable ones, and the log-likelihood after each pass includes the log "
            "prior. Criteria do not.",
        )
    relevance = result.attributes.get("relevance")
    if relevance:
        yield Finding(
            False,
            f"An earlier mixture was adapted to these rows: each of its components counts as "
            f"{relevance:g} rows, and the log-likelihood after each pass includes this prior. "
            "Criteria do not.",
        )
    fixed = result.attributes.get("fixed")
    if fixed:
        n = result.attributes["n_fixed_components"]
        yield Finding(
            False,
            f"The {join_names(fixed)} of the first {n} components were fixed: they are those of an "
            "earlier mixture, and criteria do not count them as parameters.",
        )


def _find_posterior(result: Result) -> Iterator[Finding]:
    if result.posterior is not None:
        n_allowed = len(result.posterior.labels)
        weights = [f"{weight:.2%}" for weight in sorted(result.model.weights)[::-1]]
        yield Finding(
            False,
            f"A Bayesian mixture was fitted by variational inference. Of the {n_allowed} "
            f"components that were allowed, {len(weights)} have rows; their mean weights are "
            f"{join_names(weights, _MOST_NAMED)}. The mixture shown is the mean of the posterior; "
            "labels and responsibilities are by this mixture.",
        )


def _find_missing_rows(result: Result) -> Iterator[Finding]:
    n_missing, absent = (result.attributes.get(n) for n in ("n_missing", "n_missing_values"))
    if n_missing:
        share = n_missing / result.attributes["n_samples"]
        what = "lack a value" if absent is None else "have no value"
        yield Finding(False, f"{n_missing:,} rows ({share:.1%}) {what} and were left out.")
    n_rows = count_fitted_rows(result)
    if absent and n_rows:
        patterns, total = result.attributes["n_patterns"], sum(absent.values())
        most = sorted(absent.items(), key=lambda item: -item[1])
        shares = [f"{name} ({n / n_rows:.1%})" for name, n in most if n]
        yield Finding(
            False,
            f"{total / (n_rows * len(absent)):.1%} of the values are missing, in {patterns:,} "
            f"patterns: {join_names(shares, _MOST_NAMED)}. Rows count by the values that they "
            "have. This is right if values are missing at random: given those values, whether "
            "another one is missing must not depend on it.",
        )


def count_fitted_rows(result: Result) -> int | None:
    """Number of fitted rows; None if unknown, as for a score of other rows."""
    if result.attributes.get("kind") == "score":
        return None
    n_samples: int | None = result.attributes.get("n_samples")
    return None if n_samples is None else n_samples - int(result.attributes.get("n_missing", 0))


def _find_constant_features(result: Result, record: Record | None) -> Iterator[Finding]:
    if record is None:
        return
    rounding = 4 * np.finfo(np.float64).eps * np.abs(record.mean)
    constant = np.flatnonzero(record.standard_deviation <= rounding)
    if constant.size:
        names = [result.feature_names[j] for j in constant]
        listed = join_names(names, _MOST_NAMED)
        yield Finding(False, f"Constant features add nothing and can be left out: {listed}.")


def _find_outliers(sample: Sample | None) -> Iterator[Finding]:
    if sample is None:
        return
    share = float(sample.weights[sample.is_outlier].sum())
    if share > _MANY_OUTLIERS * OUTLIER_SHARE:
        yield Finding(
            False,
            f"{share:.1%} of the sampled rows lie farther from their component than one row in "
            f"{1 / OUTLIER_SHARE:,.0f} would, were the mixture the whole truth: the data have "
            "outliers, or heavier tails than Gaussians.",
        )


def _describe_record(record: Record | None) -> Iterator[Finding]:
    if record is None:
        yield Finding(
            False,
            "This run kept no record, so that its times, and pictures of its rows, are left out.",
        )
    elif record.is_resumed:
        yield Finding(
            False,
            "The run was interrupted and resumed. Its results are the same; times and passes are "
            "those of the last attempt alone.",
        )


def _components(n: int) -> str:
    return "1 component rests" if n == 1 else f"{n} components rest"
