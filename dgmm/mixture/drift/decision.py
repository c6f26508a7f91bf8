"""Decide whether a newer mixture agrees with an older one, and whether to accept it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.drift.component_drift import ComponentDrift
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import SKEW, HeldOutTest, Prediction
from dgmm.mixture.types import Array
from dgmm.text import join_names

_MOST_NAMED = 6
_SAME = 0.05  # nats per row: below this, two mixtures describe the rows equally well


class DriftStatus(Enum):
    """The verdict of a comparison."""

    STEADY = "steady"
    CHANGED = "changed"
    BROKEN = "broken"

    @property
    def sentence(self) -> str:
        """What the verdict means."""
        return _SENTENCES[self]


_SENTENCES = {
    DriftStatus.STEADY: "Nothing speaks for a change.",
    DriftStatus.CHANGED: "The data have changed, within the limits.",
    DriftStatus.BROKEN: "The change exceeds a limit: the data may be damaged.",
}


@dataclass(frozen=True, slots=True)
class DriftThresholds:
    """How much may change; None means no limit.

    Different components may give the same density. Their changes count only where the density has
    changed too, by 0.05 nats per row beyond chance.

    Attributes
    ----------
    mean_shift : float or None
        Of any component's mean, in standard deviations of the older component.
    weight_change : float or None
        Of any component's weight, either way.
    loss : float or None
        Skew divergence of the rows from the older mixture
        (:func:`dgmm.mixture.drift.predictive_test.skew_divergence_terms`) beyond chance, in
        nats per unit of weight.
    vanished, appeared : float or None
        Weight of all components that vanished, and of all that appeared.
    repeated : float or None
        Share of rows that repeat another one, beyond the share that did so before.
    level : float
        Significance level of the test on rows held out.
    """

    mean_shift: float | None
    weight_change: float | None
    loss: float | None
    vanished: float | None
    appeared: float | None
    repeated: float | None
    level: float


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """The comparison of an older result with a newer one.

    Attributes
    ----------
    components : ComponentDrift
    prediction : Prediction
        Of a sample of the newer rows.
    test : HeldOutTest, or None
        None where there are too few rows.
    verdict : DriftStatus
    reasons : tuple of str
        Sentences with numbers and labels, those that exceed a limit first.
    repeats : DuplicateRates, or None
        None where it is not known of the older rows.
    """

    components: ComponentDrift
    prediction: Prediction
    test: HeldOutTest | None
    verdict: DriftStatus
    reasons: tuple[str, ...]
    repeats: DuplicateRates | None = None


def assess_drift(
    components: ComponentDrift,
    prediction: Prediction,
    test: HeldOutTest | None,
    by_chance: float,
    limits: DriftThresholds,
    unsound: str = "",
    repeats: DuplicateRates | None = None,
) -> Drift:
    """The comparison with its verdict.

    Parameters
    ----------
    components : ComponentDrift
    prediction : Prediction
    test : HeldOutTest, or None
    by_chance : float
        What of the loss is to be expected without a change, in nats: neither mixture is the truth
        (:func:`dgmm.mixture.drift.predictive_test.estimate_overfit`).
    limits : DriftThresholds
    unsound : str
        Why the newer mixture is unsound where the older one was sound; empty if it is not.
    repeats : DuplicateRates, or None
        None if not known.
    """
    too_much = [f"No candidate is sound. {unsound}"] if unsound else []
    changes = []
    arranged = list(_describe_component_changes(components, limits))
    if abs(prediction.loss.mean - by_chance) > _SAME:
        too_much += arranged
    elif arranged:
        changes = [*arranged, "But the rows are as likely as before: it is the same density."]
    too_much += [
        *_describe_loss(prediction, by_chance, limits),
        *_describe_repeated_rows(repeats, limits),
    ]
    changes += [*_describe_small_changes(components, limits), *_describe_test(test, limits.level)]
    verdict = (
        DriftStatus.BROKEN if too_much else DriftStatus.CHANGED if changes else DriftStatus.STEADY
    )
    return Drift(components, prediction, test, verdict, (*too_much, *changes), repeats)


def _describe_component_changes(drift: ComponentDrift, limits: DriftThresholds) -> Iterator[str]:
    """Sentences on changes of components that exceed a limit."""
    for what, which, weights, limit in _shares(drift, limits):
        if _exceeds(weights[which].sum(), limit):
            yield (
                f"Components with {weights[which].sum():.3g} of the weight {what}, more than "
                f"{limit:g} (max_{what}): {_list_weights(drift, which, weights)}."
            )
    far = _beyond(drift.mean_shifts, limits.mean_shift)
    if far.any():
        found = [f"{drift.names[i]} by {drift.mean_shifts[i]:.3g}" for i in np.flatnonzero(far)]
        yield (
            f"Means of components moved by more than {limits.mean_shift:g} standard deviations "
            f"(max_mean_shift): {join_names(found, _MOST_NAMED)}."
        )
    heavy = _beyond(np.abs(drift.weight_changes), limits.weight_change)
    if heavy.any():
        found = [
            f"{drift.names[i]} from {drift.older_weights[i]:.3g} to {drift.newer_weights[i]:.3g}"
            for i in np.flatnonzero(heavy)
        ]
        yield (
            f"Weights of components changed by more than {limits.weight_change:g} "
            f"(max_weight_change): {join_names(found, _MOST_NAMED)}."
        )


def _describe_loss(
    prediction: Prediction, by_chance: float, limits: DriftThresholds
) -> Iterator[str]:
    loss = prediction.loss.mean
    if _exceeds(loss - by_chance, limits.loss):
        yield (
            f"The older mixture loses {loss:.3g} nats per row on these data, {by_chance:.2g} of it "
            f"by chance, where {-np.log(SKEW):.3g} is the most that counts and {limits.loss:g} the "
            f"limit (max_loss); without that bound {prediction.difference.mean:.4g}."
        )


def _describe_repeated_rows(
    repeats: DuplicateRates | None, limits: DriftThresholds
) -> Iterator[str]:
    if repeats is not None and _exceeds(repeats.newer - repeats.older, limits.repeated):
        yield (
            f"{repeats.newer:.3g} of the sampled rows repeat another one, {repeats.older:.3g} of "
            f"the older did, and {limits.repeated:g} more is the limit (max_repeated)."
        )


def _describe_small_changes(drift: ComponentDrift, limits: DriftThresholds) -> Iterator[str]:
    """Sentences on components that appeared or vanished within the limits."""
    for what, which, weights, limit in _shares(drift, limits):
        if which.any() and not _exceeds(weights[which].sum(), limit):
            some = "A component" if which.sum() == 1 else f"{which.sum()} components"
            yield f"{some} {what}: {_list_weights(drift, which, weights)}."


def _describe_test(test: HeldOutTest | None, level: float) -> Iterator[str]:
    if test is not None and test.p_value < level:
        yield (
            f"Rows held out are described better by a fit to the others than by the older mixture: "
            f"by {test.gain.mean:.3g} +- {test.gain.standard_error:.2g} nats per row "
            f"(p = {test.p_value:.1e}, level {level:g})."
        )


def _shares(
    drift: ComponentDrift, limits: DriftThresholds
) -> tuple[tuple[str, NDArray[np.bool_], Array, float | None], ...]:
    return (
        ("vanished", drift.has_vanished, drift.older_weights, limits.vanished),
        ("appeared", drift.has_appeared, drift.newer_weights, limits.appeared),
    )


def _list_weights(drift: ComponentDrift, which: NDArray[np.bool_], weights: Array) -> str:
    found = [f"{drift.names[i]} ({weights[i]:.3g})" for i in np.flatnonzero(which)]
    return join_names(found, _MOST_NAMED)


def _exceeds(value: float, limit: float | None) -> bool:
    return limit is not None and bool(value > limit)


def _beyond(values: Array, limit: float | None) -> NDArray[np.bool_]:
    """Which values exceed a limit; missing values do not."""
    return np.zeros(len(values), bool) if limit is None else values > limit
