"""Fits to rows some of whose values are missing at random."""

import numpy as np
import pytest
from hypothesis import given, settings

from dgmm.engine.dataset import Dataset
from dgmm.engine.events import ignore
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.engine.profiling.preparation import profile_data
from dgmm.errors import DataError
from dgmm.mixture.density import assign
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from tests.engine.recording import SYNCHRONOUS, in_blocks
from tests.engine.test_fit import clumps
from tests.strategies import chunkings

NAMES = ("a", "b", "c")


def with_holes(n_rows=600, share=0.3, seed=0):
    """Clumps of which every value is missing with the same probability; some rows have none."""
    rows = clumps(n_rows, seed=seed)
    rows[np.random.default_rng(seed + 1).random(rows.shape) < share] = np.nan
    rows[7] = np.nan
    return rows


def fitted(rows, models, chunks=None, weights=None, **options):
    chunks = chunks or (len(rows),)
    lazy = None if weights is None else in_blocks(weights, chunks)
    dataset = Dataset.from_array(in_blocks(rows, chunks), lazy, NAMES, "marginalize")
    return fit(dataset, FitOptions(models, **options), SYNCHRONOUS)


def textbook_em(rows, n_steps):
    """Mean and covariance of one Gaussian by EM (Little & Rubin 2002, sec. 11.2.1)."""
    n, d = rows.shape
    mean, covariance = np.nanmean(rows, axis=0), np.diag(np.nanvar(rows, axis=0))
    for _ in range(n_steps):
        first, second = np.zeros(d), np.zeros((d, d))
        for row in rows:
            o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
            slope = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
            x = row.copy()
            x[m] = mean[m] + slope @ (row[o] - mean[o])
            first += x
            second += np.outer(x, x)
            second[np.ix_(m, m)] += covariance[np.ix_(m, m)] - slope @ covariance[np.ix_(o, m)]
        mean = first / n
        covariance = second / n - np.outer(mean, mean)
    return mean, covariance


def test_one_component_is_the_maximum_that_a_textbook_finds():
    rows = with_holes(200)
    found = fitted(rows, (("full", 1),), tol=1e-12).sweep.selected
    mean, covariance = textbook_em(rows[~np.isnan(rows).all(axis=1)], 200)
    np.testing.assert_allclose(found.parameters.means[0], mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.parameters.covariances[0], covariance, rtol=1e-4, atol=1e-4)


def test_rows_without_any_value_are_left_out_and_counted():
    rows = with_holes()
    nothing = np.isnan(rows).all(axis=1)
    found = fitted(rows, (("full", 2),))
    assert (found.profile.n_missing, found.profile.n_rows) == (nothing.sum(), (~nothing).sum())
    assert found.sweep.size.n_effective == (~nothing).sum()
    expected = assign(
        found.sweep.selected.parameters, rows[~nothing], may_lack=True
    ).log_density.sum()
    np.testing.assert_allclose(found.sweep.selected.log_likelihood, expected, rtol=1e-9)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_data_without_holes_have_the_same_bits_as_ever(covariance_type):
    rows, models = clumps(500), ((covariance_type, 2), (covariance_type, 3))
    ours = fitted(rows, models, (200, 300)).sweep
    dataset = Dataset.from_array(in_blocks(rows, (200, 300)), None, NAMES)
    theirs = fit(dataset, FitOptions(models), SYNCHRONOUS).sweep
    for a, b in zip(ours.results, theirs.results, strict=True):
        np.testing.assert_array_equal(a.parameters.means, b.parameters.means)
        np.testing.assert_array_equal(a.parameters.covariances, b.parameters.covariances)
        assert a.trace == b.trace


@settings(max_examples=6)
@given(chunks=chunkings(600))
def test_the_profile_does_not_depend_on_blocks(chunks):
    rows = with_holes() + 1e6
    weights = np.random.default_rng(2).integers(1, 4, len(rows)) * 1.0
    dataset = Dataset.from_array(
        in_blocks(rows, chunks), in_blocks(weights, chunks), NAMES, "marginalize"
    )
    profile = profile_data(PassRunner(dataset, SYNCHRONOUS, ignore), FitOptions((("full", 1),)))
    there = ~np.isnan(rows)
    mean = np.array([np.average(rows[o, j], weights=weights[o]) for j, o in enumerate(there.T)])
    np.testing.assert_allclose(profile.mean, mean, rtol=1e-14)
    both = there[:, 0] & there[:, 2]
    pair = np.cov(rows[both][:, [0, 2]].T, aweights=weights[both], ddof=0)
    np.testing.assert_allclose(profile.covariance[0, 2], pair[0, 1], rtol=1e-8)
    variance = np.average((rows[there[:, 1], 1] - mean[1]) ** 2, weights=weights[there[:, 1]])
    np.testing.assert_allclose(profile.covariance[1, 1], variance, rtol=1e-8)
    np.testing.assert_array_equal(profile.observed.n_observed, there.sum(axis=0))
    patterns = {tuple(row) for row in there if row.any()}
    assert profile.observed.n_patterns == len(patterns)


def test_weights_count_rows():
    rows = with_holes(300)
    weights = np.random.default_rng(3).integers(0, 3, len(rows)) * 1.0
    models = (("full", 1),)
    weighted = fitted(rows, models, weights=weights, tol=1e-10).sweep.selected
    repeated = fitted(np.repeat(rows, weights.astype(int), axis=0), models, tol=1e-10)
    np.testing.assert_allclose(
        weighted.log_likelihood, repeated.sweep.selected.log_likelihood, rtol=1e-6
    )


def test_a_fit_without_a_complete_row_finds_its_start():
    rows = clumps(600)
    rows[np.arange(600), np.arange(600) % 3] = np.nan
    found = fitted(rows, (("full", 3),)).sweep.selected
    known = fitted(clumps(600), (("full", 3),)).sweep.selected.parameters
    start = InitialParameters(known.weights, known.means, known.precisions)
    from_known = fitted(rows, (("full", 3),), given=start).sweep.selected
    assert found.log_likelihood > from_known.log_likelihood - 3


def test_the_trace_never_falls_and_larger_models_are_as_likely():
    sweep = fitted(with_holes(), tuple(("full", k) for k in (1, 2, 3))).sweep
    for result in sweep.results:
        assert (np.diff(result.trace) > -1e-9).all()
    likelihoods = [result.log_likelihood for result in sweep.results]
    assert likelihoods == sorted(likelihoods)


def test_rows_in_memory_are_fitted_by_the_same_rules():
    rows = with_holes()
    held = InMemoryRows(rows, None, NAMES, "marginalize")
    ours = fit(held, FitOptions((("full", 2),))).sweep.selected
    theirs = fitted(rows, (("full", 2),)).sweep.selected
    np.testing.assert_allclose(ours.parameters.means, theirs.parameters.means, rtol=1e-6)


def test_a_feature_that_no_row_has_is_named():
    rows = with_holes()
    rows[:, 1] = np.nan
    with pytest.raises(DataError, match="no value in any row, the first 'b'"):
        fitted(rows, (("full", 1),))


def test_infinite_values_are_an_error_still():
    rows = with_holes()
    rows[3, 2] = np.inf
    with pytest.raises(DataError, match=r"row 3 column 'c' \(inf\)"):
        fitted(rows, (("full", 1),))
