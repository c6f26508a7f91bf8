"""Mixtures carried from rows prepared in one way to rows prepared in another."""

import numpy as np
import pytest

from dgmm.mixture.density import assign
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec, transform_mixture
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

D = 4


def data(seed, stretch=1.0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, D)) @ rng.normal(size=(D, D)) * stretch + rng.normal(size=D) * 9
    return rows, np.cov(rows.T, bias=True), rows.mean(axis=0)


def prepared(seed, rule, stretch=1.0):
    rows, covariance, mean = data(seed, stretch)
    return rows, covariance, FeatureTransform.fit(rule, mean, covariance)


def mixture_of(rows, covariance_type):
    found = random_mixture(np.random.default_rng(1), rows, covariance_type, 3)
    return relative_to(np.zeros(rows.shape[1]), found)


RULES = [
    None,
    FeatureTransformSpec(standardize=True),
    FeatureTransformSpec(pca=D),
    FeatureTransformSpec(standardize=True, pca=D),
]


@pytest.mark.parametrize("older_rule", RULES)
@pytest.mark.parametrize("newer_rule", RULES)
def test_rows_have_the_densities_that_they_had_up_to_the_units(older_rule, newer_rule):
    rows, covariance, older = prepared(0, older_rule or RULES[1])
    older = older if older_rule else None
    _, covariance, newer = prepared(0, newer_rule or RULES[1], stretch=1.5)
    newer = newer if newer_rule else None
    start = rows if older is None else older.apply(rows.T).T
    mixture = mixture_of(start, "full")
    of_all = covariance if newer is None else newer.scatter(covariance)
    rules = Regularization.for_data(of_all, np.zeros(len(of_all)))
    found = transform_mixture(mixture, older, newer, of_all, rules)
    before, after = assign(mixture, rows, older), assign(found, rows, newer)
    np.testing.assert_allclose(after.responsibilities, before.responsibilities, atol=1e-9)
    volume = after.log_density - before.log_density
    np.testing.assert_allclose(volume, volume[0], atol=1e-8)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_without_preparations_nothing_changes(covariance_type):
    rows, covariance, mean = data(0)
    mixture = mixture_of(rows, covariance_type)
    rules = Regularization.for_data(covariance, mean)
    assert transform_mixture(mixture, None, None, covariance, rules) is mixture


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_structure_stays(covariance_type):
    rows, _, older = prepared(0, RULES[1])
    _, newer_covariance, newer = prepared(1, RULES[3])
    mixture = mixture_of(older.apply(rows.T).T, covariance_type)
    of_all = newer.scatter(newer_covariance)
    rules = Regularization.for_data(of_all, np.zeros(D))
    found = transform_mixture(mixture, older, newer, of_all, rules)
    assert found.covariance_type == covariance_type
    assert found.covariances.shape == mixture.covariances.shape
    exact = newer.apply(older.inverse_means(mixture).T).T
    np.testing.assert_allclose(found.means, exact, atol=1e-10)
    size = structure_of(covariance_type).matrices(found.covariances, 3, D)
    assert np.linalg.eigvalsh(size).min() > 0


def test_directions_that_were_left_out_vary_as_the_data_do():
    rows, covariance, older = prepared(0, FeatureTransformSpec(pca=2))
    mean = rows.mean(axis=0)
    mixture = mixture_of(older.apply(rows.T).T, "full")
    rules = Regularization.for_data(covariance, mean)
    found = transform_mixture(mixture, older, None, covariance, rules)
    left_out = np.linalg.svd(older.axes)[2][2:]
    for matrix in found.covariances:
        np.testing.assert_allclose(
            left_out @ matrix @ left_out.T, left_out @ covariance @ left_out.T, rtol=1e-8
        )
    np.testing.assert_allclose(older.apply(found.means.T).T, mixture.means, atol=1e-9)
