"""Candidates that cannot become the choice are given up; the choice is the same."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine.events import ignore
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.passes import PassRunner
from dgmm.engine.profiling.preparation import profile_data, rules_for
from dgmm.engine.search import early_stopping
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.em.quasi_newton import Iterate, QuasiNewtonState
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from tests.engine.recording import SYNCHRONOUS, dataset_of

CENTRES = np.random.default_rng(5).normal(size=(3, 2)) * 2.5
OPTIONS = FitOptions(tuple(("full", k) for k in range(1, 7)), n_init=2, tol=1e-6)


def rows_of(n_rows=4_000):
    rng = np.random.default_rng(0)
    return CENTRES[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, 2))


@pytest.fixture(scope="module")
def sweeps():
    dataset = dataset_of(rows_of(), (2_000,) * 2)
    whole = fit(dataset, replace(OPTIONS, finish_all=True)).sweep
    return whole, fit(dataset, OPTIONS).sweep


def test_the_choice_is_the_same_in_fewer_passes(sweeps):
    whole, raced = sweeps
    assert raced.n_passes < whole.n_passes
    assert raced.selected.candidate == whole.selected.candidate
    assert raced.selected.status is Status.CONVERGED
    np.testing.assert_array_equal(raced.selected.parameters.means, whole.selected.parameters.means)


def test_those_that_are_given_up_are_behind_to_the_end(sweeps):
    whole, raced = sweeps
    given_up = [r.candidate.n_components for r in raced.results if r.status is Status.STOPPED_EARLY]
    assert 4 in given_up
    for finished, result in zip(whole.results, raced.results, strict=True):
        if result.status is Status.STOPPED_EARLY:
            assert finished.status is Status.CONVERGED
            assert whole.selected.bic < finished.bic <= result.bic
            assert len(result.trace) < len(finished.trace)
            if not result.candidate.start:  # else it began at what a finished smaller model was
                assert result.trace == finished.trace[: len(result.trace)]


def test_the_likelihood_of_one_given_up_is_that_of_its_parameters(sweeps):
    raced = sweeps[1]
    rows = rows_of()
    for result in raced.results:
        if result.status is Status.STOPPED_EARLY:
            mixture, d = result.parameters, rows.shape[1]
            squares = np.stack(
                [
                    (((rows - mean) @ factor) ** 2).sum(axis=1)
                    for mean, factor in zip(mixture.means, mixture.precisions_cholesky, strict=True)
                ],
                axis=1,
            )
            halves = np.log(np.diagonal(mixture.precisions_cholesky, axis1=1, axis2=2)).sum(axis=1)
            logits = np.log(mixture.weights) + halves - 0.5 * (squares + d * np.log(2 * np.pi))
            expected = np.logaddexp.reduce(logits, axis=1).sum()
            assert result.log_likelihood == pytest.approx(expected, rel=1e-12)


def state(n_components, status, log_likelihood, predictions=()):
    ones = np.ones(n_components)
    mixture = Parameters("spherical", ones / n_components, ones[:, None], ones, ones)
    search = QuasiNewtonState(visit=Iterate(mixture, mixture), predictions=predictions)
    return FitState(
        Candidate("spherical", n_components), mixture, status, 7, (log_likelihood,), search=search
    )


def raced(*states, single=None, **options):
    chosen = FitOptions(tuple(("spherical", k) for k in (1, 2, 3)), **options)
    found = early_stopping.stop_dominated(states, 1_000.0, chosen, single)
    return [each.status for each in found]


def test_only_who_is_behind_by_more_than_its_hopes_is_given_up():
    leader = state(1, Status.CONVERGED, -2.0)
    near = state(2, Status.RUNNING, -1.999, (0.006, 0.003))
    far = state(3, Status.RUNNING, -1.998, (0.0002, 0.0001))
    assert raced(leader, near, far) == [Status.CONVERGED, Status.RUNNING, Status.STOPPED_EARLY]


@pytest.mark.parametrize("prior", [None, "conjugate"])
def test_a_prior_lets_all_go_on_and_fixed_parts_do_not(prior):
    rows = dataset_of(np.random.default_rng(0).normal(size=(3_000, 1)), (3_000,))
    leader = state(1, Status.CONVERGED, -2.0)
    far = state(3, Status.RUNNING, -1.9999, (0.0002, 0.0001))
    fixed = None if prior else FixedParts.of_mixture(leader.parameters, ("means",))
    options = FitOptions((("spherical", 1), ("spherical", 3)), prior=prior, fixed=fixed)
    profile = profile_data(PassRunner(rows, SYNCHRONOUS, ignore), options)
    rule = early_stopping.stop_rule(profile, options, rules_for(options, profile))
    expected = Status.RUNNING if prior else Status.STOPPED_EARLY
    assert rule((leader, far))[1].status is expected


def test_who_was_given_up_leads_if_nobody_else_does():
    far = state(3, Status.RUNNING, -1.9999, (0.0002, 0.0001))
    lost = state(1, Status.DEGENERATE, -2.0), state(2, Status.STOPPED_EARLY, -1.9)
    assert raced(*lost, far) == [Status.DEGENERATE, Status.RUNNING, Status.STOPPED_EARLY]


@pytest.mark.parametrize("status", [Status.MAX_ITER, Status.DEGENERATE])
def test_only_who_may_be_chosen_leads(status):
    far = state(3, Status.RUNNING, -1.9999, (0.0002, 0.0001))
    assert raced(state(1, status, -2.0), far)[1] is Status.RUNNING


def test_who_runs_leads_and_those_it_stopped_go_on_if_it_collapses():
    leader, far = state(3, Status.RUNNING, -1.5), state(1, Status.RUNNING, -1.9, (0.02, 0.01))
    chosen = FitOptions((("spherical", 3), ("spherical", 1)))
    _, stopped = early_stopping.stop_dominated((leader, far), 1_000.0, chosen, None)
    assert stopped.status is Status.STOPPED_EARLY
    collapsed = replace(leader, status=Status.DEGENERATE)
    _, again = early_stopping.stop_dominated((collapsed, stopped), 1_000.0, chosen, None)
    assert again.status is Status.RUNNING
    assert again.parameters is far.search.visit.successor
    assert again.n_iter == far.n_iter


def test_before_there_are_predictions_a_candidate_may_gain_what_it_has_gained():
    leader = state(3, Status.RUNNING, -1.5)
    near, far = state(2, Status.RUNNING, -1.7), state(2, Status.RUNNING, -1.8)
    assert raced(leader, near, single=lambda _: -2.0)[1] is Status.RUNNING
    assert raced(leader, far, single=lambda _: -2.0)[1] is Status.STOPPED_EARLY


def test_nobody_is_given_up_before_it_has_hopes_or_where_nobody_races():
    leader = state(1, Status.CONVERGED, -2.0)
    far = state(3, Status.RUNNING, -1.9999, (0.0002, 0.0001))
    assert raced(leader, replace(far, search=QuasiNewtonState()))[1] is Status.RUNNING
    assert raced(leader, far, finish_all=True)[1] is Status.RUNNING
    assert raced(leader, far, criterion="icl")[1] is Status.RUNNING
    assert raced(leader, far, criterion="aic")[1] is Status.STOPPED_EARLY


def test_results_of_the_first_version_are_read_by_their_word_for_it():
    assert Status("behind") is Status("stopped_early") is Status.STOPPED_EARLY
    with pytest.raises(ValueError, match="ahead"):
        Status("ahead")
