"""What holds for the stages of EM, and the law of likelihoods that the last of them keeps."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine import candidates, events, stages
from dgmm.engine.events import PassFinished, ignore
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.search.model_search import ModelSearch
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.density import assign
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.engine.test_fit import clumps
from tests.mixture.one_step import relative_to
from tests.strategies import random_mixture


def profile_of(rows, options, weights=None):
    kept = []
    fit(dataset_of(rows, weights=weights), options, SYNCHRONOUS, save=kept.append)
    return kept[0].profile


@pytest.fixture(scope="module")
def profile():
    rows = np.random.default_rng(0).normal(size=(240, 2))
    return profile_of(rows, FitOptions((("full", 1),)))


def rules_for(profile):
    regularization = Regularization.for_data(profile.covariance, profile.mean)
    return EMOptions(1e-6, 100, regularization, profile.covariance)


@pytest.mark.parametrize(
    ("models", "n_sampled", "expected"),
    [
        ((("full", 2),), 240, ("fit",)),
        ((("full", 2),), 100, ("sample", "fit")),
        ((("full", 2), ("full", 3)), 240, ("fit", "repair")),
        ((("full", 2), ("diag", 3)), 100, ("sample", "fit")),
        ((("full", 2), ("diag", 2), ("full", 3)), 100, ("sample", "fit", "repair")),
    ],
)
def test_a_whole_sample_and_lone_models_need_fewer_stages(profile, models, n_sampled, expected):
    some = replace(profile, sample=profile.sample[:n_sampled])
    assert stages.stages(some, FitOptions(models), is_in_memory=False) == expected


def test_many_rows_that_are_read_are_climbed_in_memory_first(profile):
    n_rows = 1 << 18
    whole = replace(profile, n_rows=n_rows, sample=np.broadcast_to(0.0, (n_rows, 2)))
    for is_in_memory in (False, True):
        found = stages.stages(whole, FitOptions((("full", 2),)), is_in_memory=is_in_memory)
        assert found == (("fit",) if is_in_memory else ("sample", "fit"))


def test_what_em_did_on_a_sample_of_all_rows_stays_done(profile):
    drawn = random_mixture(np.random.default_rng(0), profile.sample, "full", 2)
    mixture, options = relative_to(np.zeros(2), drawn), FitOptions((("full", 2),))
    some = replace(profile, sample=profile.sample[:100])
    for status in (Status.STOPPED_EARLY, Status.CONVERGED, Status.MAX_ITER):
        done = replace(final(Candidate("full", 2), mixture, -2.0, status), trace=(-3.0, -2.0))
        (same,) = stages.next_states("sample", [done], options, None, profile)
        (other,) = stages.next_states("sample", [done], options, None, some)
        assert other.is_running
        assert not other.search.is_settled
        assert same.is_running is (status is not Status.STOPPED_EARLY)
        assert same.search.is_settled is (status is Status.CONVERGED)
        assert same.trace == (() if same.is_running else (-2.0,))


def test_the_sample_is_climbed_by_the_rules_of_the_fit(profile):
    rules = replace(rules_for(profile), tol=1e-9, max_iter=7)
    sample = stages.search_rows(profile, rules)
    found = stages.sample_stage(sample, profile, rules, ignore).rules
    assert (found.tol, found.max_iter) == (1e-9, 7)
    some = replace(profile, sample=profile.sample[:100])
    assert stages.sample_stage(sample, some, rules, ignore).rules.tol == 1e-5
    assert found.regularization is rules.regularization


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 1e12])
def test_weights_of_the_search_are_one_on_average_whatever_their_unit(scale):
    rows, weights = clumps(60), np.arange(60.0)
    profile = profile_of(rows, FitOptions((("full", 1),)), weights * scale)
    found = stages.search_rows(profile, rules_for(profile))
    np.testing.assert_allclose(found.weights, weights[1:] / weights[1:].mean(), rtol=1e-12)
    np.testing.assert_allclose(found.rows, rows[1:] - profile.mean, rtol=1e-12)


# --- the law of likelihoods -------------------------------------------------------------------


def final(candidate, mixture, log_likelihood, status=Status.CONVERGED):
    return FitState(candidate, mixture, status, log_likelihood=log_likelihood)


@pytest.mark.parametrize(
    ("likelihoods", "status", "expected"),
    [
        ((-3.0, -2.5, -2.6), Status.CONVERGED, [(3, 2)]),
        ((-3.0, -3.5, -2.6), Status.CONVERGED, [(2, 1)]),
        ((-3.0, -3.5, -3.6), Status.CONVERGED, [(2, 1), (3, 1)]),
        ((-3.0, -2.5, -2.4), Status.CONVERGED, []),
        ((-3.0, -2.5, -2.5), Status.CONVERGED, []),
        ((-3.0, -2.5, -2.6), Status.DEGENERATE, []),
        ((-3.0, -2.5, -2.6), Status.MAX_ITER, []),
    ],
)
def test_a_model_that_does_worse_than_a_smaller_one_starts_from_it(likelihoods, status, expected):
    rows = clumps(seed=1)
    options = FitOptions(tuple(("full", k) for k in (1, 2, 3)))
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
    asked = []

    def way(mixture, n_components):
        asked.append((n_components, mixture.n_components))
        return relative_to(np.zeros(3), random_mixture(rng, rows, "full", n_components))

    made = candidates.repair_starts(states, options, (way, way))
    assert asked == [pair for pair in expected for _ in range(2)]
    assert [state.candidate for state in made] == [
        Candidate("full", k, number) for k, _ in expected for number in (1, 2)
    ]
    assert all(candidates.repair_round(state) > 0 for state in made)
    assert not any(candidates.repair_round(state) > 0 for state in states)
    assert all(state.is_running for state in made)


def test_a_model_that_converged_starts_from_a_smaller_one_that_had_no_time_to():
    rows = clumps(seed=1)
    rng = np.random.default_rng(0)
    mixtures = [relative_to(np.zeros(3), random_mixture(rng, rows, "full", k)) for k in (16, 18)]
    states = [
        final(Candidate("full", 16), mixtures[0], -2.5, Status.MAX_ITER),
        final(Candidate("full", 18, 2), mixtures[1], -2.6, Status.CONVERGED),
    ]
    options = FitOptions((("full", 16), ("full", 18)))
    made = candidates.repair_starts(states, options, (lambda mixture, _: mixture,) * 2)
    assert [state.candidate.start for state in made] == [3, 4]  # the second round
    assert [candidates.repair_round(state) for state in (*states, *made)] == [0, 1, 2, 2]
    assert made[0].parameters is mixtures[0]


@pytest.mark.parametrize("gains", [False, True])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_a_model_stopped_below_a_smaller_one_becomes_as_likely_without_a_pass(kind, gains):
    rows, rng = clumps(seed=1), np.random.default_rng(0)
    mixtures = [relative_to(np.zeros(3), random_mixture(rng, rows, kind, k)) for k in (2, 3, 5)]
    ends = (Status.CONVERGED, Status.STOPPED_EARLY, Status.STOPPED_EARLY)
    states = [
        replace(
            final(Candidate(kind, mixture.n_components), mixture, value, status),
            trace=(-9.0, value),
        )
        for mixture, value, status in zip(mixtures, (-2.5, -2.6, -2.4), ends, strict=True)
    ]
    two, three, five = candidates.match_smaller(states, lambda _: gains)
    assert (two is states[0], three is states[1], five is states[2]) == (True, gains, True)
    if not gains:
        assert (three.status, three.log_likelihood, three.trace) == (ends[1], -2.5, (-9.0, -2.5))
        assert three.candidate.n_components == three.parameters.n_components == 3
        expected = assign(two.parameters, rows).log_density
        np.testing.assert_allclose(assign(three.parameters, rows).log_density, expected, rtol=1e-12)


@pytest.mark.parametrize("counts", [(2, 4, 5), (2, 3, 6, 8)])
def test_with_steps_in_the_list_no_model_ends_below_a_smaller_one(counts, monkeypatch):
    """After a search that finds the smallest alone, and a repair that outdoes what was sound."""
    rows = clumps(600, seed=3)
    original, kind = ModelSearch.find_all, "full"

    def bad(*arguments):
        found = original(*arguments)
        first, *others = (found[kind, k] for k in counts)
        stuck = {(kind, m.n_components): _alike(m, rows) for m in others}
        last = ModelSearch.halve(arguments[0], first, counts[-1])
        return {**found, **stuck, (kind, counts[-1]): last}

    monkeypatch.setattr(ModelSearch, "find_all", bad)
    told = []
    options = FitOptions(tuple((kind, k) for k in counts), max_iter=300, finish_all=True)
    sweep = fit(dataset_of(rows), options, SYNCHRONOUS, told.append).sweep
    likelihoods = np.array([result.log_likelihood for result in sweep.results])
    assert (np.diff(likelihoods) >= -1e-9 * abs(likelihoods[0])).all()
    assert {result.status for result in sweep.results} == {Status.CONVERGED}
    finished = [event for event in told if isinstance(event, PassFinished)]
    assert sweep.n_passes == sum(event.stage in events.READ_ALL_ROWS for event in finished)


def _alike(mixture, rows):
    """All components alike: EM cannot tell them apart and stays with one Gaussian."""
    means = np.zeros(mixture.means.shape)
    covariances = np.broadcast_to(np.cov(rows.T), mixture.covariances.shape)
    return Parameters.from_covariances("full", mixture.weights, means, covariances)


@pytest.mark.parametrize(
    ("few_rows", "reads_of"), [(600, ["profile", "fit", "repair"]), (100, ["profile", "fit"])]
)
def test_a_sweep_that_breaks_the_law_is_mended_before_it_is_done(monkeypatch, few_rows, reads_of):
    """A search so bad that three components do worse than two, but for the repair.

    Where EM runs on a sample of all rows, these mend it.
    """
    monkeypatch.setattr(stages, "_FEW_ROWS", few_rows)
    rows = clumps(600, seed=3)
    options = FitOptions((("full", 2), ("full", 3)), max_iter=60)

    original = ModelSearch.find_all

    def bad(*arguments):
        found = original(*arguments)
        return {**found, ("full", 3): _alike(found["full", 3], rows)}

    def no_repair(*arguments):
        del arguments
        return ()

    monkeypatch.setattr(ModelSearch, "find_all", bad)
    with monkeypatch.context() as without:
        without.setattr(candidates, "repair_starts", no_repair)
        broken = fit(dataset_of(rows), options, SYNCHRONOUS).sweep.results
    assert broken[1].log_likelihood < broken[0].log_likelihood
    told, kept = [], []
    sweep = fit(dataset_of(rows), options, SYNCHRONOUS, told.append, save=kept.append).sweep
    two, three = sweep.results
    assert three.log_likelihood > two.log_likelihood
    assert [result.candidate.n_components for result in sweep.results] == [2, 3]
    finished = [event for event in told if isinstance(event, PassFinished)]
    reads = [event for event in finished if event.stage in events.READ_ALL_ROWS]
    assert list(dict.fromkeys(event.stage for event in reads)) == reads_of
    assert sweep.n_passes == len(reads)
    for progress in kept[1 :: len(kept) // 5]:
        again = fit(dataset_of(rows), options, SYNCHRONOUS, progress=progress).sweep
        assert [r.log_likelihood for r in again.results] == [r.log_likelihood for r in (two, three)]
        assert again.n_passes == sweep.n_passes
