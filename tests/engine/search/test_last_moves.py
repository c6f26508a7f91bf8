"""The end of a search: moves after EM has settled, and what splits of a mixture may gain."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.conjugate_prior import ConjugatePrior
from tests.engine.search.test_model_search import anisotropic, polished, search_on, truth_of


def two_for_one(mixture):
    """Its first two components as one, and its last one as two: a poor optimum."""
    weights, means, matrices = mixture.weights, mixture.means, mixture.matrices
    share = weights[:2] / weights[:2].sum()
    mean = share @ means[:2]
    apart = means[:2] - mean
    joint = np.einsum("k,kij->ij", share, matrices[:2] + apart[:, :, None] * apart[:, None])
    shift = 0.3 * np.sqrt(np.diagonal(matrices[-1]))
    return Parameters.from_covariances(
        "full",
        np.array([weights[:2].sum(), *weights[2:-1], weights[-1] / 2, weights[-1] / 2]),
        np.stack([mean, *means[2:-1], means[-1] - shift, means[-1] + shift]),
        np.stack([joint, *matrices[2:], matrices[-1]]),
    )


@pytest.fixture(scope="module")
def planted():
    """A search, and the mixture that made them."""
    rows, labels = anisotropic(4, 1_000, 2, seed=3)
    search = search_on(rows, ("full", 4))
    return search, truth_of(search, labels)


def test_moves_after_em_leave_a_poor_optimum(planted):
    search, truth = planted
    found = search._finish(two_for_one(truth), 0)
    assert polished(search, found) > polished(search, truth) - 1e-4


def test_trials_find_what_bounds_do_not_promise(planted, monkeypatch):
    search, truth = planted
    monkeypatch.setattr(ComponentMoves, "improve", lambda _, mixture, *__: mixture)
    found = search._finish(two_for_one(truth), 0)
    assert polished(search, found) > polished(search, truth) - 1e-4


def test_the_search_ends_once_no_move_gains(planted, monkeypatch):
    search, truth = planted
    settled = []
    monkeypatch.setattr(ComponentMoves, "improve", lambda _, mixture, *__: mixture)
    monkeypatch.setattr(ComponentMoves, "try_moves", lambda _, mixture, *__: mixture)
    monkeypatch.setattr(search, "_settle", lambda _, mixture: settled.append(mixture) or mixture)
    assert search._finish(truth, 0) is truth
    assert len(settled) == 1


def test_moves_that_gain_for_ever_end(planted, monkeypatch):
    search, truth = planted
    settled = []
    monkeypatch.setattr(ComponentMoves, "improve", lambda _, mixture, *__: replace(mixture))
    monkeypatch.setattr(ComponentMoves, "try_moves", lambda _, mixture, *__: mixture)
    monkeypatch.setattr(search, "_settle", lambda _, mixture: settled.append(mixture) or mixture)
    search._finish(truth, 0)
    assert 1 < len(settled) < 10


# --- what splits may gain ----------------------------------------------------------------------


@pytest.mark.parametrize(("n_components", "expected"), [(3, True), (4, False)])
def test_only_a_mixture_that_lacks_a_component_may_gain(planted, n_components, expected):
    search, truth = planted
    joint = two_for_one(truth)
    lacking = Parameters.from_covariances(
        "full",
        np.array([*joint.weights[:2], truth.weights[-1]]),
        np.stack([*joint.means[:2], truth.means[-1]]),
        np.stack([*joint.matrices[:2], truth.matrices[-1]]),
    )
    assert search.may_gain(lacking if n_components == 3 else truth) is expected


def test_what_chance_gains_is_no_reason_to_split():
    rows = np.random.default_rng(0).normal(size=(4_500, 2))
    search = search_on(rows, ("full", 1), ("full", 2))
    moments = np.ones(1), rows.mean(axis=0)[None], np.cov(rows.T)[None]
    assert not search.may_gain(Parameters.from_covariances("full", *moments))


def test_where_bounds_say_too_little_a_split_may_gain():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    tied = Parameters.from_covariances("tied", np.ones(1), np.zeros((1, 2)), np.eye(2))
    assert search_on(rows, ("tied", 1)).may_gain(tied)
    full = Parameters.from_covariances("full", np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    search = search_on(rows, ("full", 1))
    assert not search.may_gain(full)
    search.rows = replace(search.rows, prior=ConjugatePrior.of_data(rows.T @ rows, len(rows)))
    assert search.may_gain(full)


# --- larger models from the best one -----------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "gains", "expected"),
    [
        (2, True, [2]),  # the larger one is no better here, so that the next is not tried
        (2, False, []),
        (4, True, []),  # there is no larger one
    ],
)
def test_larger_models_are_made_from_the_best_one_alone(monkeypatch, first, gains, expected):
    rows, _ = anisotropic(4, 600, 2, seed=3)
    search = search_on(rows, *(("full", k) for k in (2, 3, 4)))
    grown = []
    monkeypatch.setattr(search.found, "mixture", lambda _, k: k)
    monkeypatch.setattr(search.found, "most_promising", lambda *_: first)
    monkeypatch.setattr(search, "may_gain", lambda _: gains)
    monkeypatch.setattr(search, "grow", lambda k, larger: grown.append(k) or larger)
    monkeypatch.setattr(search, "_settle", lambda _, mixture: mixture)
    monkeypatch.setattr(search, "_add", lambda _: True)
    search._step_up("full", [4, 3, 2])
    assert grown == expected


def test_splits_go_on_as_long_as_the_larger_model_would_be_chosen():
    rows, labels = anisotropic(4, 1_000, 2, seed=3)
    counts = [2, 3, 4, 5]
    search = search_on(rows, *(("full", k) for k in counts))
    truth = truth_of(search, labels)
    two = search._moves(search.rows).merge(truth, 2)
    for k in counts:  # as if none but the smallest had been found
        search._add(search.halve(two, k))
    search._step_up("full", counts[::-1])
    assert search.found.most_promising("full", counts) == 4
    assert polished(search, search.found.mixture("full", 4)) > polished(search, truth) - 1e-3
