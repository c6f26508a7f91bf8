"""Nights drawn from known mixtures: what is steady, what has changed, what is broken."""

import numpy as np
import pytest

from dgmm.engine import comparison, in_memory
from dgmm.engine.comparison import ComparedMixture, compare, refit
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.decision import DriftStatus, DriftThresholds
from dgmm.mixture.drift.predictive_test import is_held_out, row_segments
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization

LIMITS = DriftThresholds(1.5, 0.3, 1.0, 0.3, 0.3, 0.1, 0.01)
TRUTH = Parameters.from_covariances(
    "full",
    np.array([0.5, 0.3, 0.2]),
    np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 5.0]]),
    np.array([[[1.0, 0.3], [0.3, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.0, -0.5], [-0.5, 1.0]]]),
)
LABELS = (0, 1, 2)


def rows_of(mixture, n_rows, seed):
    rng = np.random.default_rng(seed)
    which = rng.choice(mixture.n_components, n_rows, p=mixture.weights)
    factors = np.linalg.cholesky(mixture.covariances)
    noise = rng.normal(size=(n_rows, mixture.n_features))
    return mixture.means[which] + np.einsum("nij,nj->ni", factors[which], noise)


def rules_for(rows):
    covariance = np.cov(rows.T, bias=True)
    return EMOptions(1e-6, 1000, Regularization.for_data(covariance, rows.mean(axis=0)), covariance)


def night(rows, weights=None, status=Status.CONVERGED, older_status=Status.CONVERGED):
    """A comparison of the truth with the optimum near it."""
    rules = rules_for(rows)
    newer = refit(TRUTH, rows, weights, rules)
    older = ComparedMixture(TRUTH, LABELS, 10**6, older_status)
    return compare(
        older, ComparedMixture(newer, LABELS, len(rows), status), rows, weights, rules, LIMITS
    )


def test_a_refit_is_the_optimum_of_the_rows_it_is_given():
    rows = rows_of(TRUTH, 4_000, seed=0)
    found = refit(TRUTH, rows, None, rules_for(rows))
    again = refit(found, rows, None, rules_for(rows))
    np.testing.assert_allclose(found.means, again.means, atol=0.02)
    assert np.abs(found.means - TRUTH.means).max() < 0.2
    assert found.weights.sum() == pytest.approx(1.0)


def test_a_weight_of_two_is_a_row_twice():
    rows = rows_of(TRUTH, 2_000, seed=1)
    weights = np.random.default_rng(1).integers(1, 4, len(rows)).astype(float)
    found = refit(TRUTH, rows, weights, rules_for(rows))
    repeated = refit(TRUTH, np.repeat(rows, weights.astype(int), axis=0), None, rules_for(rows))
    np.testing.assert_allclose(found.means, repeated.means, rtol=1e-6, atol=1e-6)


def test_a_refit_never_sees_the_rows_it_is_tested_on(monkeypatch):
    rows = rows_of(TRUTH, 1_000, seed=2)
    seen = []

    def watched(mixture, rows, *arguments):
        seen.append(rows)
        return refit(mixture, rows, *arguments)

    monkeypatch.setattr(comparison, "refit", watched)
    compare(*[ComparedMixture(TRUTH, LABELS, 1_000)] * 2, rows, None, rules_for(rows), LIMITS)
    np.testing.assert_array_equal(seen[0], rows[~is_held_out(row_segments(1_000))])
    assert len(seen[0]) == 800


def test_nothing_new_is_steady():
    found = night(rows_of(TRUTH, 5_000, seed=3))
    assert (found.verdict, found.reasons) == (DriftStatus.STEADY, ())
    assert found.prediction.loss.mean < 0.01
    assert found.test.p_value > 0.01


def test_a_small_shift_is_noticed_and_let_through():
    found = night(rows_of(TRUTH, 10_000, seed=4) + np.array([0.3, 0.0]))
    assert found.verdict is DriftStatus.CHANGED
    assert found.test.gain.mean > 5 * found.test.gain.standard_error
    assert np.nanmax(found.components.mean_shifts) < 0.5


@pytest.mark.parametrize("factor", [[10.0, 1.0], [0.1, 1.0], [1.0, 0.0]])
def test_a_feature_of_another_size_is_broken(factor):
    assert night(rows_of(TRUTH, 5_000, seed=5) * factor).verdict is DriftStatus.BROKEN


def test_half_of_the_rows_zero_is_broken():
    rows = rows_of(TRUTH, 5_000, seed=6)
    rows[np.random.default_rng(6).random(5_000) < 0.5] = 0.0
    assert night(rows).verdict is DriftStatus.BROKEN


def test_a_few_rows_of_a_new_kind_are_let_through_however_far_they_are():
    rows = rows_of(TRUTH, 5_000, seed=7)
    few = np.random.default_rng(7).random(5_000) < 0.05
    losses = []
    for far in (15.0, 1e6):
        rows[few] = rows_of(TRUTH, int(few.sum()), seed=8) + far
        newer = Parameters.from_covariances(
            "full",
            np.append(0.95 * TRUTH.weights, 0.05),
            np.vstack([TRUTH.means, [far, far + 1]]),
            np.concatenate([TRUTH.covariances, 9 * np.eye(2)[None]]),
        )
        sides = ComparedMixture(TRUTH, LABELS, 10**6), ComparedMixture(newer, (*LABELS, 3), 5_000)
        found = compare(*sides, rows, None, rules_for(rows), LIMITS)
        assert found.verdict is DriftStatus.CHANGED
        assert any("appeared: 3 (0.05)" in reason for reason in found.reasons)
        losses.append(found.prediction.loss.mean)
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    # the others' density has gone down by a factor of 0.95
    assert losses[0] == pytest.approx(0.05 * np.log(100) + 0.95 * np.log(0.95), abs=0.01)


def test_a_mixture_that_became_unsound_is_broken_and_one_that_always_was_is_not():
    rows = rows_of(TRUTH, 3_000, seed=9)
    found = night(rows, status=Status.DEGENERATE)
    assert found.verdict is DriftStatus.BROKEN
    assert Status.DEGENERATE.sentence in found.reasons[0]
    both = night(rows, status=Status.DEGENERATE, older_status=Status.DEGENERATE)
    assert both.verdict is DriftStatus.STEADY


@pytest.mark.parametrize("n_rows", [1, 2, 10, 14, 16])
def test_few_rows_are_no_reason_to_fail(n_rows):
    rows = rows_of(TRUTH, n_rows, seed=10)
    found = compare(
        ComparedMixture(TRUTH, LABELS, 100),
        ComparedMixture(TRUTH, LABELS, n_rows),
        rows,
        None,
        rules_for(rows_of(TRUTH, 99, 1)),
        LIMITS,
    )
    assert (found.test is None) == (n_rows < 13)
    assert found.verdict is DriftStatus.STEADY


def test_rows_beyond_every_density_are_broken_in_finite_numbers():
    rows = rows_of(TRUTH, 1_000, seed=12)
    far = ComparedMixture(TRUTH.translate(np.array([1e170, 0.0])), (7, 8, 9), 100)
    found = compare(far, ComparedMixture(TRUTH, LABELS, 1_000), rows, None, rules_for(rows), LIMITS)
    assert found.verdict is DriftStatus.BROKEN
    assert np.isfinite(
        [found.prediction.older.mean, found.prediction.difference.standard_error]
    ).all()
    assert found.prediction.loss.mean == pytest.approx(np.log(100))
    assert found.test.p_value < 1e-9


def test_threads_do_not_matter(monkeypatch):
    rows = rows_of(TRUTH, 30_000, seed=11)
    weights = np.random.default_rng(11).uniform(0.5, 2.0, len(rows))
    found = []
    for n_threads in (1, 4):
        monkeypatch.setattr(in_memory, "n_threads", lambda n=n_threads: n)
        drift = night(rows, weights)
        found.append((drift.prediction, drift.test, drift.components.mean_shifts.tobytes()))
    assert found[0] == found[1]
