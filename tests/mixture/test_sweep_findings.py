"""What a sweep gives to doubt."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.errors import Remedy
from dgmm.mixture.candidate import Status
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.sweep_findings import (
    find_bumps,
    find_dependent_features,
    find_edge,
    find_failed_candidates,
)
from tests.report.results import fitted, mixture

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 3)) * [1.0, 1e5, 1e-5] + [1e3, 0.0, 0.0]
KINDS = ("full", "tied", "diag", "spherical")


def sweep_of(bics, statuses=(), chosen=None):
    results = [fitted(mixture(k), bic) for k, bic in bics.items()]
    for place, status in dict(statuses).items():
        results[place] = replace(results[place], status=status)
    best = min(results, key=lambda result: result.bic) if chosen is None else results[chosen]
    return Sweep(tuple(results), "bic", best, 4)


def dependent(rows, kinds=KINDS):
    names = [f"x{j}" for j in range(rows.shape[1])]
    found = [*find_dependent_features(np.cov(rows.T), rows.mean(axis=0), len(rows), names, kinds)]
    return found[0].text if found else None


def test_features_in_units_of_their_own_are_not_dependent():
    assert dependent(X) is None


@pytest.mark.parametrize("n_rows", [2, 3])
def test_no_more_rows_than_features_are_told_as_that(n_rows):
    text = dependent(X[:n_rows])
    assert text is not None
    assert text.startswith(f"There are only {n_rows} rows of 3 features, so that")
    assert "full and tied candidates" in text
    assert dependent(X[:4]) is None
    assert dependent(X[:n_rows], ["diag"]) is None


def test_features_that_differ_by_little_are_not_dependent():
    assert dependent(np.column_stack([X[:, 0], X[:, 0] + 1e-4 * RNG.normal(size=500)])) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.column_stack([X, 3 * X[:, 1] + 7]), "x1, x3 are"),
        (np.column_stack([X, X[:, 0] - X[:, 2] * 1e5]), "x0, x2, x3 are"),
        (np.column_stack([X[:, 0], np.eye(3)[RNG.integers(0, 3, 500)]]), "x1, x2, x3 are"),
        (np.column_stack([X, X[:, 1].astype(np.float32)]), None),
        (np.column_stack([X, np.full(500, 7.0)]), None),
    ],
)
def test_dependent_features_are_named(rows, said):
    text = dependent(rows)
    assert said is None or f"The features {said} linearly dependent" in text
    assert said is None or "full and tied candidates" in text


def test_diagonal_candidates_do_not_see_that_features_depend_on_each_other():
    assert dependent(np.column_stack([X, X]), ("diag", "spherical")) is None


def test_a_criterion_that_rises_and_falls_again_is_told():
    (finding,) = find_bumps(sweep_of({1: 900.0, 2: 500.0, 3: 650.0, 4: 480.0, 5: 700.0}))
    assert "BIC of full rises and falls again: at K = 3 it is 150.0 or more above" in finding.text
    assert "K = 2 and K = 4" in finding.text
    assert finding.remedy is Remedy.SEARCH_MORE


@pytest.mark.parametrize(
    ("bics", "statuses"),
    [
        ({1: 900.0, 2: 500.0, 3: 505.0, 4: 504.0, 5: 700.0}, {}),
        ({1: 900.0, 2: 500.0, 3: 650.0, 4: 480.0, 5: 700.0}, {2: Status.STOPPED_EARLY}),
        ({1: 900.0, 2: 500.0, 3: 650.0, 4: 480.0, 5: 700.0}, {2: Status.DEGENERATE}),
        ({1: 900.0, 2: 500.0}, {}),
    ],
)
def test_bounds_and_noise_make_no_rise(bics, statuses):
    assert [*find_bumps(sweep_of(bics, statuses))] == []


@pytest.mark.parametrize(
    ("bics", "remedy"),
    [
        ({1: 3.0, 2: 2.0, 3: 1.0}, Remedy.MORE_COMPONENTS),
        ({2: 1.0, 3: 2.0}, Remedy.FEWER_COMPONENTS),
        ({1: 1.0, 2: 2.0}, None),
        ({3: 1.0}, None),
    ],
)
def test_a_choice_at_an_end_is_told(bics, remedy):
    found = [finding.remedy for finding in find_edge(sweep_of(bics))]
    assert found == ([] if remedy is None else [remedy])


def test_failed_candidates_are_named():
    statuses = {1: Status.DEGENERATE, 2: Status.MAX_ITER, 3: Status.STOPPED_EARLY}
    found = [*find_failed_candidates(sweep_of({1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}, statuses))]
    assert [finding.text.split(":")[-1] for finding in found] == [" full-2.", " full-3."]


def test_stopped_fits_are_bounds():
    statuses = {1: Status.MAX_ITER, 2: Status.STOPPED_EARLY, 3: Status.DEGENERATE}
    found = sweep_of({1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}, statuses)
    assert [result.is_bound for result in found.results] == [False, True, True, False]
