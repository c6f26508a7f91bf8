"""What each rule makes of the number of components, and which number is safe to speak of."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dgmm.io.results.result import Result
from dgmm.mixture.candidate import Status
from dgmm.mixture.criteria import COARSENING, TOLERANCE
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.model_selection.dependence import N_GROUPS
from dgmm.report.findings import count_fitted_rows
from dgmm.report.summary import Table
from dgmm.text import join_names

_MEANINGS = {
    "bic": "the true model, if rows are independent",
    "aic": "the best prediction of new rows",
    "icl": "BIC, of components that do not overlap",
    "bic_effective": "BIC of the effective number of rows",
    "icl_effective": "ICL of the effective number of rows",
    "bic_coarsened": f"what {COARSENING:,.0f} rows would show",
    "tolerance": f"the simplest within {TOLERANCE} nats a row of the best",
    "slope": "where more components gain only by chance",
}
_CHANGES = (
    (0.9, "would hardly change"),
    (0.6, "would change in part"),
    (-1.0, "would be quite different"),
)  # by the adjusted Rand index
_NOT_COUNTED = "aic"  # which is for prediction, and hardly ever agrees


@dataclass(frozen=True, slots=True)
class ChoiceSummary:
    """The choice for a person.

    Attributes
    ----------
    sentences : tuple of str
    rules : Table
        What each rule chooses.
    """

    sentences: tuple[str, ...]
    rules: Table


def summarize_choice(result: Result) -> ChoiceSummary | None:
    """What to say; None of one candidate, and of results of earlier versions."""
    sweep = result.sweep
    if len(sweep.results) < 2 or "tolerance" not in sweep.selected.criteria:
        return None
    chosen = {name: _choice(sweep, name) for name in sweep.selected.criteria}
    sentences = (
        *_say_what_is_safe(result, chosen),
        *_say_what_is_as_likely(sweep),
        *_say_what_neighbours_do(sweep),
        *_say_what_rows_are_worth(result),
        *_say_who_was_stopped(sweep),
    )
    return ChoiceSummary(sentences, _tabulate(result, chosen))


def _choice(sweep: Sweep, criterion: str) -> FitResult | None:
    """The sound candidate of the smallest value; None if none has one."""
    known = [
        result
        for result in sweep.results
        if result.status is not Status.DEGENERATE and math.isfinite(result.criteria[criterion])
    ]
    return min(known, key=lambda result: result.criteria[criterion], default=None)


def _say_what_is_safe(result: Result, chosen: dict[str, FitResult | None]) -> Iterator[str]:
    counts = Counter(
        found.n_components
        for name, found in chosen.items()
        if found is not None and name != _NOT_COUNTED
    )
    if not counts:
        return
    largest = max(found.n_components for found in result.sweep.results)
    sound = {
        found.n_components
        for found in result.sweep.results
        if found.status is not Status.DEGENERATE
    }
    if len(sound) == 1 and largest > 1:
        yield (
            "The candidates with all other numbers of components collapsed, so that there is "
            "nothing to compare."
        )
        return
    clustering = result.clustering
    if len(counts) == 1:
        (count,) = counts
        components = "component" if count == 1 else "components"
        if count < largest:
            other = chosen[_NOT_COUNTED]
            rules = "rules" if other is None or other.n_components == count else "rules but AIC"
            yield f"All {rules} agree on {count} {components}: this number is safe to speak of."
            if clustering is not None and 1 < clustering.n_clusters < count:
                yield (
                    f"They make {clustering.n_clusters} separate clusters, because rows of some "
                    "are often taken for rows of others."
                )
            return
        yield f"All rules choose the largest number that was tried, {count}: try more."
    else:
        yield _say_how_far_rules_agree(counts)
    if clustering is not None and clustering.hierarchy.n_components > 1:
        yield _say_what_clusters_there_are(clustering)


def _say_how_far_rules_agree(counts: Counter[int]) -> str:
    count, n_rules = counts.most_common(1)[0]
    if 2 * n_rules <= counts.total():
        return (
            "No number of components is safe to speak of: the rules below choose from "
            f"{min(counts)} to {max(counts)}."
        )
    others = join_names([str(other) for other in sorted(counts) if other != count])
    return (
        f"Not all rules agree: {n_rules} of {counts.total()} choose {count} components, the others "
        f"{others}."
    )


def _say_what_clusters_there_are(clustering: Clustering) -> str:
    n_components, n_clusters = clustering.hierarchy.n_components, clustering.n_clusters
    if n_clusters == 1:
        return (
            f"There are no separate clusters either: the {n_components} components of the choice "
            "overlap too much."
        )
    if n_clusters == n_components:
        return (
            f"The {n_components} components of the choice are separate clusters: rows of one are "
            "rarely taken for rows of another."
        )
    return (
        f"Speak of {n_clusters} clusters instead: components whose rows are often taken for each "
        f"other count as one, and the {n_components} of the choice make {n_clusters}."
    )


def _say_what_is_as_likely(sweep: Sweep) -> Iterator[str]:
    """The confidence set of models beside the size of the effect."""
    if not sweep.differences:
        return
    n_groups = N_GROUPS if sweep.dependence is None else sweep.dependence.n_groups
    pairs = list(zip(sweep.results, sweep.differences, strict=True))
    as_likely, nearly = (
        min(r.n_components for r, gap in pairs if gap.may_be_above(bound, n_groups))
        for bound in (0.0, -TOLERANCE)
    )
    if as_likely == min(r.n_components for r in sweep.results):
        yield "Even the smallest candidate may describe the rows as well as the choice does."
        return
    yield (
        f"With fewer than {as_likely} components the rows are described worse than by the choice, "
        "by more than chance explains (95 % confidence)."
    )
    if nearly < as_likely:
        yield (
            f"But with {nearly} or more the loss may be too small to matter: a typical row becomes "
            f"at most {math.expm1(TOLERANCE):.0%} less probable ({TOLERANCE} nats)."
        )


def _say_what_neighbours_do(sweep: Sweep) -> Iterator[str]:
    for result in sweep.neighbours:
        agreement = sweep.agreements.get(result.candidate.name)
        if agreement is not None:
            n, index = result.n_components, agreement.adjusted_rand
            components = "1 component" if n == 1 else f"{n} components"
            change = next(words for least, words in _CHANGES if index >= least)
            yield (
                f"With {components} instead, labels {change} (agreement {index:.2f}; 1 is no "
                "change, 0 is chance)."
            )


def _say_what_rows_are_worth(result: Result) -> Iterator[str]:
    dependence, n_rows = result.sweep.dependence, count_fitted_rows(result)
    if dependence is None:
        yield "There are too few blocks of rows to tell whether rows depend on their neighbours."
        return
    effect = dependence.design_effect
    low, high = (_number(bound) for bound in (dependence.low, dependence.high))
    interval = f"design effect {_number(effect)}, from {low} to {high}"
    if dependence.low <= 1:
        yield f"Rows next to each other look independent ({interval})."
    elif n_rows:
        worth = dependence.effective(n_rows)
        yield (
            f"Rows next to each other are alike: these {n_rows:,} say no more than {worth:,.0f} "
            f"that have nothing to do with each other ({interval})."
        )
    if dependence.is_long:
        yield (
            f"This is measured by {dependence.n_groups} groups of rows. Neighbouring groups are "
            "alike too, so the rows say even less."
        )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _say_who_was_stopped(sweep: Sweep) -> Iterator[str]:
    n = sum(result.status is Status.STOPPED_EARLY for result in sweep.results)
    if n:
        were, them = ("was", "it") if n == 1 else ("were", "them")
        yield (
            f"{n} of {len(sweep.results)} candidates {were} stopped early, because "
            f"{sweep.criterion.upper()} could not choose {them} any more. The other rules see "
            f"{them} unfinished, unless the run is repeated with model.finish_all."
        )


def _tabulate(result: Result, chosen: dict[str, FitResult | None]) -> Table:
    rows = [
        (
            name.replace("_", " "),
            "not known" if found is None else found.covariance_type,
            "" if found is None else str(found.n_components),
            _MEANINGS.get(name, ""),
        )
        for name, found in chosen.items()
    ]
    if result.clustering is not None:
        meaning = f"clusters of the choice, by {result.clustering.hierarchy.method}"
        rows.append(("merging", "", str(result.clustering.n_clusters), meaning))
    return Table(
        ("rule", "type", "K", "asks for"),
        tuple(rows),
        n_words=4,
        marked=list(chosen).index(result.sweep.criterion),
        remark="The rule that chose is marked. AIC, which is for prediction, is not counted above.",
    )
