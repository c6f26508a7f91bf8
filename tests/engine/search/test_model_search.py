"""The search for all models of a sweep: what it finds, its laws, and its bits."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.search import search_rows
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.conjugate_prior import ConjugatePrior
from dgmm.mixture.regularization import Regularization
from tests.strategies import COVARIANCE_TYPES, random_mixture

RNG = np.random.default_rng(0)


def anisotropic(n_components=8, n_rows=6_000, n_features=4, seed=0):
    """Rows of long thin components that lie side by side, about zero, and who made them."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(n_components, n_features)) * 2.5
    factors = np.linalg.qr(rng.normal(size=(n_components, n_features, n_features)))[0]
    factors = factors * np.geomspace(0.15, 2.0, n_features)
    labels = rng.integers(0, n_components, n_rows)
    noise = rng.normal(size=(n_rows, n_features))
    rows = means[labels] + np.einsum("nij,nj->ni", factors[labels], noise)
    return rows - rows.mean(axis=0), labels


def search_on(rows, *models, weights=None, **options):
    covariance = np.cov(rows.T)
    regularization = Regularization.for_data(covariance, np.zeros(rows.shape[1]))
    options = FitOptions(models, **options)
    weights = np.ones(len(rows)) if weights is None else weights
    at = SearchRows(np.ascontiguousarray(rows), weights, regularization)
    rules = EMOptions(1e-5, 100, regularization, covariance)
    prospects = Prospects(options, len(rows), rows.shape[1])
    return ModelSearch(at, options, rules, prospects=prospects)


def found_by(search, earlier=None):
    done = []
    origin = np.zeros(search.rows.rows.shape[1])
    found = search.find_all(earlier or {}, origin, done.append)
    assert done == list(range(1, search.count(earlier or {}) + 1))
    return found


def polished(search, mixture, n_steps=100):
    """Log-likelihood per row after EM, in nats."""
    rows = search.rows
    return rows.expect(rows.climb(mixture, n_steps)).log_likelihood / rows.n_rows


def truth_of(search, labels):
    rows = search.rows.rows
    each = [rows[labels == k] for k in range(labels.max() + 1)]
    return Parameters.from_covariances(
        "full",
        np.array([len(part) for part in each]) / len(rows),
        np.stack([part.mean(axis=0) for part in each]),
        np.stack([np.cov(part.T) for part in each]),
    )


@pytest.mark.parametrize("seed", range(4))
def test_planted_mixtures_are_found(seed):
    rows, labels = anisotropic(seed=seed)
    search = search_on(rows, ("full", 8))
    best = polished(search, truth_of(search, labels))
    assert polished(search, found_by(search)["full", 8]) > best - 1e-3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_mixtures_are_found_that_a_start_by_k_means_misses(seed):
    rows, labels = anisotropic(12, seed=seed)
    search = search_on(rows, ("full", 12))
    best = polished(search, truth_of(search, labels))
    start = search_on(rows, ("full", 12), max_iter=0)  # no search, but the start alone
    assert polished(start, found_by(start)["full", 12]) < best - 0.1
    assert polished(search, found_by(search)["full", 12]) > best - 1e-3


def test_no_moves_are_tried_where_components_are_apart(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5_000, 2)) + 20 * rng.normal(size=(5, 2))[rng.integers(0, 5, 5_000)]
    rows -= rows.mean(axis=0)
    monkeypatch.delattr(ComponentMoves, "try_moves")
    found = found_by(search_on(rows, ("full", 5)))
    assert found["full", 5].weights.min() > 0.15
    with pytest.raises(AttributeError, match="try_moves"):
        found_by(search_on(rows, ("full", 4)))


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_all_models_of_a_sweep_are_found_and_likelihoods_rise(kind):
    rows, _ = anisotropic(4, 2_000, 3)
    models = [(kind, k) for k in (5, 1, 3, 2, 4)]
    search = search_on(rows, *models)
    found = found_by(search)
    assert list(found) == models
    for (_, k), mixture in found.items():
        assert (mixture.covariance_type, mixture.n_components) == (kind, k)
    values = [polished(search, found[kind, k], 30) for k in range(1, 6)]
    assert values == sorted(values)


def bits(found):
    return [
        (mixture.weights.tobytes(), mixture.means.tobytes(), mixture.covariances.tobytes())
        for mixture in found.values()
    ]


def test_the_bits_are_the_same_for_any_number_of_threads(monkeypatch):
    rows, _ = anisotropic(5, 9_000, 3)
    models = [(kind, k) for kind in COVARIANCE_TYPES for k in (3, 5)]
    outcomes = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(search_rows.in_memory, "n_threads", lambda n=n_threads: n)
        search_rows.in_memory.pool.cache_clear()
        outcomes.append(bits(found_by(search_on(rows, *models, seed=3))))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_more_searches_are_never_worse():
    rows, _ = anisotropic(6, 1_500, 3, seed=1)
    values = []
    for n_init in (1, 3):
        search = search_on(rows, ("full", 6), n_init=n_init)
        values.append(search.rows.expect(found_by(search)["full", 6]).log_likelihood)
    assert values[1] >= values[0]


def test_a_later_descent_ends_where_it_is_no_better(monkeypatch):
    """It would lead to no other mixtures."""
    rows, _ = anisotropic(3, 900, 2)
    merged = []
    merge = ComponentMoves.merge
    monkeypatch.setattr(
        ComponentMoves, "merge", lambda at, *given: merged.append(at.seed[1]) or merge(at, *given)
    )
    found_by(search_on(rows, ("full", 3), ("full", 2), ("full", 1), n_init=2))
    assert merged == [0, 0]


def test_the_best_model_is_split_while_the_larger_would_be_chosen(monkeypatch):
    """A search on few rows may miss that a rare component is two."""
    rows, labels = anisotropic(4, 5_000, 2, seed=3)
    two = found_by(search_on(rows, ("full", 2)))["full", 2]
    search = search_on(rows, *(("full", k) for k in (5, 4, 3, 2)))
    monkeypatch.setattr(search, "_find_simply", lambda *_: search.halve(two, 5))
    monkeypatch.setattr(search, "_find_better", lambda *_: [])
    monkeypatch.setattr(ComponentMoves, "improve", lambda _, mixture, *__: mixture)
    found = found_by(search)
    best = polished(search, truth_of(search, labels))
    assert polished(search, found["full", 4]) > best - 1e-3
    scores = {k: search.prospects.score(*each) for k, each in likelihoods_of(search, found).items()}
    assert min(scores, key=scores.__getitem__) == 4


def test_the_model_that_is_best_in_the_end_is_searched_for_as_such(monkeypatch):
    rows, labels = anisotropic(3, 5_000, 2, seed=3)
    two = found_by(search_on(rows, ("full", 2)))["full", 2]
    search = search_on(rows, *(("full", k) for k in (4, 3, 2)))
    truth, thorough = truth_of(search, labels), []
    monkeypatch.setattr(search, "_find_simply", lambda *_: search.halve(two, 4))
    monkeypatch.setattr(
        search, "_find_better", lambda one, *_: [search.halve(truth, len(one.means))]
    )
    monkeypatch.setattr(search, "_find_best", lambda one: thorough.append(one.n_components) or [])
    monkeypatch.setattr(ComponentMoves, "improve", lambda _, mixture, *__: mixture)
    found_by(search)
    assert thorough == [2, 4]  # which was not the best when its turn came


def test_a_structure_of_which_no_model_may_be_chosen_has_no_thorough_search(monkeypatch):
    rows, _ = anisotropic(3, 5_000, 2, seed=3)
    search = search_on(rows, ("full", 3), ("full", 2))
    monkeypatch.setattr(search.found, "may_be_chosen", lambda *_: False)
    monkeypatch.setattr(search, "_find_best", lambda _: pytest.fail("searched for"))
    assert {k for _, k in found_by(search)} == {2, 3}


def likelihoods_of(search, found):
    """Models and log-likelihoods per row, by number of components."""
    rows = search.rows
    return {
        model[1]: (model, rows.expect(mixture).log_likelihood / rows.n_rows)
        for model, mixture in found.items()
    }


def test_with_a_prior_merged_components_go_on_with_it():
    rows, _ = anisotropic(3, 900, 2)
    search = search_on(rows, ("full", 2), ("full", 1))
    known = replace(search.rows, prior=ConjugatePrior.of_data(rows.T @ rows, len(rows)))
    mixture = Parameters.from_covariances(*random_mixture(RNG, rows, "full", 2))
    merged = ComponentMoves(known, search.rules, (0, 0)).merge(mixture, 1)
    after = known.climb(merged, 1)  # one component is at its maximum after a step
    np.testing.assert_allclose(merged.covariances, after.covariances, rtol=1e-9)


# --- mixtures that are known -------------------------------------------------------------------


def test_an_earlier_mixture_takes_the_place_of_the_only_search():
    rows, labels = anisotropic(seed=2)
    search = search_on(rows, ("full", 8), ("full", 3))
    earlier = truth_of(search, labels)
    assert search.count({}) == 3  # for both numbers, for those that may be chosen, and one more
    assert search.count({("full", 8): earlier}) == 2  # and one for the other number alone
    found = found_by(search, {("full", 8): earlier})
    assert polished(search, found["full", 8]) > polished(search, earlier) - 1e-3
    alone = search_on(rows, ("full", 8), n_init=1)
    assert alone.count({("full", 8): earlier}) == 1


def test_without_steps_an_earlier_mixture_stays_as_it_is():
    rows, labels = anisotropic(seed=2)
    search = search_on(rows, ("full", 8), max_iter=0)
    earlier = truth_of(search, labels)
    assert found_by(search, {("full", 8): earlier})["full", 8] is earlier


def test_given_parts_are_not_searched_for():
    rows, _ = anisotropic(3, 900, 2)
    means = np.arange(6.0).reshape(3, 2)
    search = search_on(rows, ("full", 3), given=InitialParameters(means=means))
    np.testing.assert_array_equal(found_by(search)["full", 3].means, means)


# --- repairs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("n_components", [3, 4, 7])
def test_grown_and_halved_mixtures_are_as_likely_as_what_they_come_from(kind, n_components):
    rows, _ = anisotropic(6, 2_000, 3)
    search = search_on(rows, (kind, 2), (kind, n_components))
    start = Parameters.from_covariances(*random_mixture(np.random.default_rng(0), rows, kind, 2))
    start = search.rows.climb(start, 20)
    before = search.rows.expect(start).log_likelihood
    grown, halved = search.grow(start, n_components), search.halve(start, n_components)
    assert grown.n_components == halved.n_components == n_components
    assert search.rows.expect(search.rows.climb(grown, 5)).log_likelihood > before
    change = search.rows.expect(halved).log_likelihood - before
    assert abs(change) < 2e-5 * len(rows)
