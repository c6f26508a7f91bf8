"""Rows that are assigned: compiled loops, those in NumPy, and textbook densities agree."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from dgmm.mixture.assignment_statistics import (
    AssigningMixture,
    AssignmentStatistics,
    assign_and_add,
)
from dgmm.mixture.density import assign
from dgmm.mixture.kernels import assignment_kernel, loops_numba, loops_numpy
from dgmm.mixture.merging.hierarchy import build_hierarchy
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

N_ROWS, N_COMPONENTS, D = 1_003, 4, 3


def a_problem(covariance_type="full", offset=0.0):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N_ROWS, D)) + 4 * rng.integers(0, 3, (N_ROWS, 1)) + offset
    mixture = random_mixture(rng, rows, covariance_type, N_COMPONENTS)
    return rows, relative_to(np.zeros(D), mixture), rng.random(N_ROWS)


def assigned_by(loops, monkeypatch, rows, mixture, weights=None, **options):
    monkeypatch.setattr(assignment_kernel, "loops_for", lambda *_: loops)
    hierarchy = build_hierarchy(assign(mixture, rows[:200]).responsibilities)
    by = AssigningMixture(mixture, None, hierarchy, -8.0)
    sums = AssignmentStatistics.zero(N_COMPONENTS, D)
    return assign_and_add(rows, weights, by, sums, **options), sums


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_compiled_loops_find_what_numpy_finds(covariance_type, is_weighted, monkeypatch):
    rows, mixture, weights = a_problem(covariance_type)
    given = (monkeypatch, rows, mixture, weights if is_weighted else None)
    found, sums = assigned_by(loops_numba, *given, with_responsibilities=True)
    expected, expected_sums = assigned_by(loops_numpy, *given, with_responsibilities=True)
    np.testing.assert_allclose(found.log_density, expected.log_density, rtol=1e-13)
    np.testing.assert_allclose(found.responsibilities, expected.responsibilities, atol=1e-13)
    np.testing.assert_array_equal(found.labels, expected.labels)
    for ours, theirs in zip(sums.arrays, expected_sums.arrays, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("loops", [loops_numba, loops_numpy])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_densities_are_those_of_scipy(loops, offset, monkeypatch):
    rows, mixture, _ = a_problem(offset=offset)
    found, _ = assigned_by(loops, monkeypatch, rows, mixture, with_responsibilities=False)
    logs = [
        np.log(weight) + multivariate_normal(mean - offset, covariance).logpdf(rows - offset)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.matrices, strict=True
        )
    ]
    tolerance = 1e-12 * max(offset, 1.0)
    np.testing.assert_allclose(found.log_density, logsumexp(logs, axis=0), rtol=tolerance)
    np.testing.assert_array_equal(found.labels, np.argmax(logs, axis=0))


@pytest.mark.parametrize("loops", [loops_numba, loops_numpy])
def test_labels_and_uncertainties_need_no_responsibilities(loops, monkeypatch):
    rows, mixture, _ = a_problem()
    few, _ = assigned_by(loops, monkeypatch, rows, mixture, with_responsibilities=False)
    assert few.responsibilities.shape == (N_ROWS, 0)
    r = assign(mixture, rows).responsibilities
    np.testing.assert_array_equal(few.labels, r.argmax(axis=1))
    np.testing.assert_array_equal(few.uncertainty, 1 - r.max(axis=1))
    complete = np.arange(N_ROWS + 1) != 5
    spread = few.spread(complete)
    assert spread.labels[5] == -1
    assert np.isnan(spread.uncertainty[5])
    np.testing.assert_array_equal(spread.labels[complete], few.labels)


@pytest.mark.parametrize("loops", [loops_numba, loops_numpy])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_a_row_without_a_density_is_seen_by_it(loops, value, monkeypatch):
    rows, mixture, _ = a_problem()
    rows[700, 1] = value
    with np.errstate(over="ignore", invalid="ignore"):
        found, _ = assigned_by(loops, monkeypatch, rows, mixture, with_responsibilities=False)
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(found.log_density)), [700])
