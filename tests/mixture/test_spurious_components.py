"""Components that too few rows carry, and what that means for a choice."""

import numpy as np
import pytest

import dgmm
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.spurious_components import find_spurious_components
from dgmm.mixture.sweep_findings import find_in_sweep, find_spurious_candidates


def mixture_of(weights, kind="full", d=4):
    weights = np.array(weights, dtype=float)
    k = len(weights)
    shapes = {"full": (k, 1, 1), "diag": (k, 1), "tied": (1, 1)}
    unit = np.ones(d) if kind == "diag" else np.eye(d)
    covariances = np.broadcast_to(unit, np.broadcast_shapes(shapes[kind], unit.shape)).copy()
    if kind == "tied":
        covariances = np.eye(d)
    means = np.arange(k * d, dtype=float).reshape(k, d)
    return Parameters.from_covariances(kind, weights, means, covariances)


@pytest.mark.parametrize(
    ("kind", "own"),
    [("full", 15), ("diag", 9), ("tied", 5)],  # weight, mean and covariance in four dimensions
)
def test_a_component_needs_as_many_rows_as_it_has_parameters(kind, own):
    n_rows = 10_000
    for rows, places in [(own - 1, [2]), (own + 1, [])]:
        mixture = mixture_of([0.5, 0.5 - rows / n_rows, rows / n_rows], kind)
        assert find_spurious_components(mixture, n_rows).tolist() == places


def test_of_few_rows_a_quarter_of_a_fair_share_is_enough():
    # 60 rows, four components: a fair share is 15, a quarter of it less than d + 2 = 6
    assert find_spurious_components(mixture_of([0.5, 0.3, 0.11, 0.09]), 60).tolist() == [3]
    # 160 rows, four components: a quarter of a fair share is 10, fewer than 15 parameters
    assert find_spurious_components(mixture_of([0.5, 0.37, 0.07, 0.06]), 160).tolist() == [3]


def test_one_component_is_never_spurious():
    assert not find_spurious_components(mixture_of([1.0]), 3).size


def result_of(weights, bic, status=Status.CONVERGED):
    mixture = mixture_of(weights)
    criteria = {"bic": bic, "aic": bic, "icl": bic}
    candidate = Candidate("full", len(weights))
    return FitResult(candidate, mixture, status, 3, (-1.0,), -1000.0, 20, criteria)


def sweep_of(*results):
    ranked = Sweep(results, "bic", results[0], 4).rank()
    return Sweep(results, "bic", ranked[0], 4)


def test_a_spurious_candidate_comes_after_sound_ones_and_before_degenerate_ones():
    sound = result_of([0.6, 0.4], 50.0)
    spurious = result_of([0.5, 0.495, 0.005], 10.0)  # 5 of 1,000 rows
    degenerate = result_of([0.4, 0.3, 0.2, 0.1], 1.0, Status.DEGENERATE)
    sweep = sweep_of(degenerate, spurious, sound)
    assert sweep.rank() == (sound, spurious, degenerate)
    (finding,) = find_spurious_candidates(sweep)
    assert not finding.is_grave
    assert "By BIC alone full-3 would be chosen" in finding.text
    worse = result_of([0.5, 0.495, 0.005], 60.0)
    assert not list(find_spurious_candidates(sweep_of(worse, sound)))


def test_a_choice_among_spurious_candidates_is_a_grave_finding():
    sweep = sweep_of(result_of([0.5, 0.495, 0.005], 10.0), result_of([0.9, 0.098, 0.002], 5.0))
    assert sweep.selected.bic == 5.0
    assert any(
        finding.is_grave and "fewer rows" in finding.text for finding in find_in_sweep(sweep)
    )


def test_rows_in_a_line_do_not_decide_how_many_components_are_chosen():
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(size=(500, 3)), rng.normal(size=(500, 3)) + 8.0]
    rows[:7] = [4.0, -4.0, 4.0] + np.linspace(0, 1, 7)[:, None] * [1.0, 1.0, 1.0]
    rows[:7] += rng.normal(size=(7, 3)) * 1e-4
    with pytest.warns(UserWarning, match="left out of the choice"):
        found = dgmm.sweep(rows, [1, 2, 3], "full", random_state=0)
    assert found.best.n_components == 2
    assert min(found.results, key=lambda result: result.bic).n_components == 3
