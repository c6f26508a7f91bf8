"""What holds for the stages in which starts are chosen."""

import numpy as np
import pytest

from dgmm.engine import schedule
from dgmm.engine.events import ignore
from dgmm.engine.fit import fit
from dgmm.engine.options import FitOptions
from dgmm.mixture.em import Rules
from dgmm.mixture.regularization import Regularization
from tests.engine.recording import SYNCHRONOUS, dataset_of


@pytest.fixture(scope="module")
def profile():
    kept = []
    options = FitOptions((("full", 1),))
    rows = np.random.default_rng(0).normal(size=(240, 2))
    fit(dataset_of(rows, (240,)), options, SYNCHRONOUS, keep=kept.append)
    return kept[0].profile


def rules_of(stage, profile, options):
    regularization = Regularization.for_data(profile.covariance, profile.mean)
    rules = Rules(1e-6, 100, regularization, profile.covariance)
    return schedule.on_sample(stage, profile, options, rules, ignore).rules


def test_starts_from_scratch_are_not_accelerated_and_those_carried_far_are(profile):
    options = FitOptions((("full", 2), ("full", 3)))
    stages = ("starts", "finalists", "relocations", "relocated", "sample")
    accelerated = {stage: rules_of(stage, profile, options).accelerate for stage in stages}
    assert accelerated.pop("starts") is False
    assert set(accelerated.values()) == {True}


def test_rounds_whose_ways_the_driver_could_not_hold_are_not_accelerated(profile):
    many = FitOptions(tuple(("full", k) for k in range(1, 500)))
    assert not rules_of("relocations", profile, many).accelerate
    assert rules_of("sample", profile, many).accelerate


def test_no_step_on_all_rows_means_none_on_the_sample(profile):
    options = FitOptions((("full", 2),), max_iter=0)
    assert rules_of("relocations", profile, options).max_iter == 0
