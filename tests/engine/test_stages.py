"""What holds for the stages in which starts are chosen."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine import candidates, events, stages
from dgmm.engine.events import PassFinished, ignore
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.engine.test_fit import clumps
from tests.mixture.one_step import relative_to
from tests.strategies import random_mixture


@pytest.fixture(scope="module")
def profile():
    kept = []
    options = FitOptions((("full", 1),))
    rows = np.random.default_rng(0).normal(size=(240, 2))
    fit(dataset_of(rows, (240,)), options, SYNCHRONOUS, keep=kept.append)
    return kept[0].profile


def rules_of(stage, profile, options):
    regularization = Regularization.for_data(profile.covariance, profile.mean)
    rules = EMOptions(1e-6, 100, regularization, profile.covariance)
    return stages.sample_stage(stage, profile, options, rules, ignore).rules


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


@pytest.mark.parametrize(("n_sampled", "guides"), [(240, False), (61, False), (60, True)])
def test_a_sample_guides_where_it_is_a_quarter_of_the_rows_or_less(profile, n_sampled, guides):
    some = replace(profile, sample=profile.sample[:n_sampled])
    regularization = Regularization.for_data(profile.covariance, profile.mean)
    rules = EMOptions(1e-6, 100, regularization, profile.covariance)
    assert (stages.surrogate_guide(some, rules) is not None) is guides
    assert stages.surrogate_guide(some, replace(rules, accelerate=False)) is None


# --- the law of likelihoods -------------------------------------------------------------------


def final(candidate, mixture, log_likelihood, status=Status.CONVERGED):
    return FitState(candidate, mixture, status, log_likelihood=log_likelihood)


@pytest.mark.parametrize(
    ("likelihoods", "status", "expected"),
    [
        ((-3.0, -2.5, -2.6), Status.CONVERGED, {3}),
        ((-3.0, -3.5, -2.6), Status.CONVERGED, {2}),
        ((-3.0, -2.5, -2.4), Status.CONVERGED, set()),
        ((-3.0, -2.5, -2.5), Status.CONVERGED, set()),
        ((-3.0, -2.5, -2.6), Status.DEGENERATE, set()),
    ],
)
def test_a_model_that_does_worse_than_a_smaller_one_starts_from_it(likelihoods, status, expected):
    rows = clumps(seed=1)
    covariance = np.cov(rows.T)
    rules = EMOptions(1e-6, 100, Regularization.for_data(covariance, rows.mean(axis=0)), covariance)
    options = FitOptions(tuple(("full", k) for k in (1, 2, 3)), n_init=2)
    rng = np.random.default_rng(0)
    states = [
        final(
            Candidate("full", k, 0),
            relative_to(np.zeros(3), random_mixture(rng, rows, "full", k)),
            value,
            status,
        )
        for k, value in zip((1, 2, 3), likelihoods, strict=True)
    ]
    made = candidates.repair_starts(states, options, rules)
    assert {state.candidate.n_components for state in made} == expected
    assert all(candidates.is_repair(state, options) for state in made)
    assert not any(candidates.is_repair(state, options) for state in states)
    assert all(state.is_running for state in made)


def test_a_sweep_that_breaks_the_law_is_mended_before_it_is_done(monkeypatch):
    """Starts so bad that three components do worse than two, but for the repair."""
    rows = clumps(600, seed=3)
    options = FitOptions((("full", 2), ("full", 3)), n_init=2, max_iter=60)

    def spoilt(states, options, rules):
        del states, options, rules
        return ()

    original = candidates.initial_states

    def bad(*arguments):
        made = original(*arguments)
        return tuple(
            replace(state, parameters=stuck(state.parameters))
            if state.candidate.n_components == 3
            else state
            for state in made
        )

    def stuck(mixture):
        """All components alike: EM cannot tell them apart and stays with one Gaussian."""
        means = np.zeros(mixture.means.shape)
        covariances = np.broadcast_to(np.cov(rows.T), mixture.covariances.shape)
        return Parameters.from_covariances("full", mixture.weights, means, covariances)

    monkeypatch.setattr(candidates, "initial_states", bad)
    monkeypatch.setattr(candidates, "split_merge_starts", spoilt)
    with monkeypatch.context() as without:
        without.setattr(candidates, "repair_starts", spoilt)
        broken = fit(dataset_of(rows), options, SYNCHRONOUS).sweep.results
    assert broken[1].log_likelihood < broken[0].log_likelihood
    told = []
    sweep = fit(dataset_of(rows), options, SYNCHRONOUS, told.append).sweep
    two, three = sweep.results
    assert three.log_likelihood > two.log_likelihood
    assert [result.candidate.n_components for result in sweep.results] == [2, 3]
    finished = [event for event in told if isinstance(event, PassFinished)]
    reads = [event for event in finished if event.stage in events.READ_ALL_ROWS]
    assert {event.stage for event in reads} == {"profile", "fit", "repair"}
    assert sweep.n_passes == len(reads)
