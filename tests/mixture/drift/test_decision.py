"""What is steady, what has changed, and what is broken, and in which words."""

import numpy as np
import pytest

from dgmm.mixture.drift.component_drift import component_drift
from dgmm.mixture.drift.decision import DriftStatus, DriftThresholds, assess_drift
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import SKEW, Estimate, HeldOutTest, compare_log_densities
from dgmm.mixture.noise.noise_component import Noise
from tests.mixture.drift.test_drift import spherical

LIMITS = DriftThresholds(1.5, 0.3, 1.0, 0.3, 0.3, 0.1, 0.01)
UNLIMITED = DriftThresholds(None, None, None, None, None, None, 0.01)


def drift_of(
    older,
    newer,
    labels,
    *,
    loss=0.0,
    by_chance=0.0,
    p_value=0.5,
    limits=LIMITS,
    unsound="",
    repeats=None,
):
    """A verdict on components, with these measurements beside them."""
    log_newer = np.zeros(100)
    log_older = np.full(100, np.log((np.exp(-loss) - SKEW) / (1 - SKEW)))
    return assess_drift(
        component_drift(older, newer, *labels),
        compare_log_densities(log_older, log_newer, None),
        HeldOutTest(10, Estimate(0.02, 0.001), p_value),
        by_chance,
        limits,
        unsound,
        repeats,
    )


TWO = spherical([0.6, 0.4], [[0.0, 0.0], [9.0, 0.0]])
SAME = ((0, 1), (0, 1))
ELSE = {"loss": 0.1}  # another density


def test_the_same_is_steady():
    found = drift_of(TWO, TWO, SAME)
    assert (found.verdict, found.reasons) == (DriftStatus.STEADY, ())


@pytest.mark.parametrize(
    ("newer", "labels", "measured", "words"),
    [
        (spherical([0.6, 0.4], [[1.6, 0], [9, 0]]), SAME, ELSE, ["more than 1.5", "0 by 1.6"]),
        (spherical([0.2, 0.8], [[0, 0], [9, 0]]), SAME, ELSE, ["0 from 0.6 to 0.2", "1 from 0.4"]),
        (
            spherical([1.0], [[0, 0]]),
            ((3, 8), (3,)),
            ELSE,
            ["0.4 of the weight vanished", "8 (0.4)"],
        ),
        (
            spherical([0.4, 0.25, 0.35], [[0, 0], [9, 0], [0, 30]]),
            ((3, 8), (3, 8, 9)),
            ELSE,
            ["0.35 of the weight appeared", "9 (0.35)"],
        ),
        (
            TWO.with_noise(Noise(-9.0, 0.35)),
            SAME,
            ELSE,
            ["more than 0.3 (max_weight_change)", "noise from 0 to 0.35"],
        ),
        (TWO, SAME, {"loss": 1.2}, ["loses 1.2 nats", "max_loss"]),
        (
            TWO,
            SAME,
            {"repeats": DuplicateRates(0.02, 0.125)},
            ["0.125 of the sampled rows repeat", "0.02 of", "0.1 more", "max_repeated"],
        ),
        (TWO, SAME, {"unsound": "It collapsed."}, ["No candidate is sound. It collapsed."]),
    ],
)
def test_what_exceeds_a_limit_is_broken_and_named(newer, labels, measured, words):
    found = drift_of(TWO, newer, labels, **measured)
    assert found.verdict is DriftStatus.BROKEN
    assert all(word in found.reasons[0] for word in words)
    if "unsound" not in measured:
        without = drift_of(TWO, newer, labels, **measured, limits=UNLIMITED)
        assert without.verdict is not DriftStatus.BROKEN


def test_components_in_another_arrangement_of_the_same_density_are_no_damage():
    newer = spherical([0.6, 0.4], [[1.6, 0], [9, 0]])
    found = drift_of(TWO, newer, SAME, loss=0.04)
    assert found.verdict is DriftStatus.CHANGED
    assert "0 by 1.6" in found.reasons[0]
    assert "same density" in found.reasons[1]
    assert drift_of(TWO, newer, SAME, loss=0.1, by_chance=0.09).verdict is DriftStatus.CHANGED
    assert drift_of(TWO, newer, SAME, loss=-0.1).verdict is DriftStatus.BROKEN


def test_a_loss_that_chance_explains_is_none():
    assert drift_of(TWO, TWO, SAME, loss=1.2, by_chance=0.3).verdict is DriftStatus.STEADY
    assert "0.1 of it by chance" in drift_of(TWO, TWO, SAME, loss=1.2, by_chance=0.1).reasons[0]


@pytest.mark.parametrize("repeats", [None, DuplicateRates(0.5, 0.55), DuplicateRates(0.99, 0.0)])
def test_rows_that_repeat_others_as_before_or_less_are_no_damage(repeats):
    found = drift_of(TWO, TWO, SAME, repeats=repeats)
    assert (found.verdict, found.repeats) == (DriftStatus.STEADY, repeats)


def test_what_comes_and_goes_within_the_limits_has_changed():
    newer = spherical([0.55, 0.4, 0.05], [[0, 0], [9, 0], [0, 30]])
    found = drift_of(TWO, newer, ((3, 8), (3, 8, 9)))
    assert found.verdict is DriftStatus.CHANGED
    assert found.reasons == ("A component appeared: 9 (0.05).",)


def test_what_is_significant_has_changed_and_reasons_to_hold_back_come_first():
    found = drift_of(TWO, TWO, SAME, p_value=0.009)
    assert found.verdict is DriftStatus.CHANGED
    assert "0.02 +- 0.001" in found.reasons[0]
    assert drift_of(TWO, TWO, SAME, p_value=0.011).verdict is DriftStatus.STEADY
    both = drift_of(TWO, TWO, SAME, p_value=1e-9, loss=2.0)
    assert both.verdict is DriftStatus.BROKEN
    assert "max_loss" in both.reasons[0]
    assert "p = 1.0e-09" in both.reasons[1]


def test_verdicts_have_sentences():
    assert len({verdict.sentence for verdict in DriftStatus}) == 3
