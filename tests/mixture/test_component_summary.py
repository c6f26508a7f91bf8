"""What the rows of components are like, against textbook sums over all rows."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from dgmm.mixture.component_summary import (
    ComponentStatistics,
    component_pivots,
    sample_quantiles,
    summarize_components,
)
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec
from tests.engine.test_fit import clumps
from tests.mixture.assigned_sums import sums_of
from tests.mixture.one_step import relative_to
from tests.strategies import random_mixture

is_weighted = pytest.mark.parametrize("is_weighted", [False, True])


def a_mixture(rows, n_components=3):
    mixture = random_mixture(np.random.default_rng(0), rows, "full", n_components)
    return relative_to(np.zeros(rows.shape[1]), mixture)


@is_weighted
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_sums_over_parts_are_the_moments_of_all_rows(is_weighted, offset):
    rows = clumps(5_000) + offset
    w = np.random.default_rng(1).random(len(rows)) if is_weighted else np.ones(len(rows))
    mixture = a_mixture(rows)
    pivots = component_pivots(mixture, None)
    parts = [slice(0, 1), slice(1, 3_000), slice(3_000, 3_000), slice(3_000, None)]
    sums = reduce(
        add,
        [sums_of(rows[p], mixture, w[p] if is_weighted else None).components for p in parts],
    )
    found = summarize_components(sums, pivots, (), np.empty((3, 0, 3)))
    whole = assign(mixture, rows)
    np.testing.assert_array_equal(found.n_labelled, np.bincount(whole.labels, minlength=3))
    for k in range(3):
        r = w * whole.responsibilities[:, k]
        np.testing.assert_allclose(found.size[k], r.sum(), rtol=1e-12)
        mean = np.average(rows - offset, axis=0, weights=r)
        np.testing.assert_allclose(found.mean[k] - offset, mean, atol=1e-8)
        variance = np.average((rows - offset - mean) ** 2, axis=0, weights=r)
        np.testing.assert_allclose(found.standard_deviation[k], np.sqrt(variance), rtol=1e-7)


def test_pivots_are_means_in_the_units_of_the_data():
    rows = clumps() * [1, 100, 1e-3] + 7
    transform = FeatureTransform.fit(
        FeatureTransformSpec(standardize=True, pca=2), rows.mean(axis=0), np.cov(rows.T)
    )
    mixture = a_mixture(transform.apply(rows.T).T)
    np.testing.assert_array_equal(
        component_pivots(mixture, transform), transform.inverse_means(mixture)
    )
    assert component_pivots(a_mixture(rows), None).shape == (3, 3)


def test_a_component_without_rows_has_no_mean():
    sums = ComponentStatistics.zero(2, 3)
    found = summarize_components(sums, np.zeros((2, 3)), (), np.empty((2, 0, 3)))
    assert np.isnan(found.mean).all()
    assert np.isnan(found.standard_deviation).all()


@is_weighted
def test_quantiles_are_where_the_weighted_share_is_reached(is_weighted):
    rng = np.random.default_rng(0)
    rows, r = rng.normal(size=(500, 2)), rng.random((500, 3))
    r[:, 2] = 0
    w = rng.random(500) if is_weighted else None
    levels = (0.05, 0.5, 0.9)
    found = sample_quantiles(rows, w, r, levels)
    assert found.shape == (3, 3, 2)
    assert np.isnan(found[2]).all()
    for k in range(2):
        share = r[:, k] if w is None else r[:, k] * w
        for i, level in enumerate(levels):
            for j in range(2):
                below = share[rows[:, j] < found[k, i, j]].sum() / share.sum()
                reached = share[rows[:, j] <= found[k, i, j]].sum() / share.sum()
                assert below < level <= reached + 1e-12


def test_uncertainty_and_the_most_probable_components():
    r = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [np.nan] * 3])
    found = RowPosteriors(np.array([-1.0, -2.0, np.nan]), r)
    np.testing.assert_allclose(found.uncertainty, [0.5, 0.6, np.nan])
    np.testing.assert_array_equal(found.most_probable(2), [[1, 2], [0, 1], [-1, -1]])
    np.testing.assert_array_equal(found.labels, [1, 0, -1])
