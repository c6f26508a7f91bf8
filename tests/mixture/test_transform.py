"""Standardising and principal components, against scikit-learn's, and the way back."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from dgmm.engine.dataset import Dataset
from dgmm.engine.fit import FitOptions, fit
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec
from tests.engine.recording import SYNCHRONOUS, in_blocks
from tests.engine.test_fit import clumps
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

RULES = [
    FeatureTransformSpec(standardize=True),
    FeatureTransformSpec(pca=2),
    FeatureTransformSpec(standardize=True, pca=3),
    FeatureTransformSpec(standardize=True, pca=0.8),
]
each_rule = pytest.mark.parametrize("rule", RULES)
each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def data(seed=0):
    """Features of different scales, far from zero."""
    return clumps(seed=seed, n_features=4) * [1, 1e3, 1e-4, 5] + [1e5, 0, 7, -3]


def fitted(rule, rows):
    return FeatureTransform.fit(rule, rows.mean(axis=0), np.cov(rows.T, bias=True))


def mixture_of(rows, covariance_type, n_components):
    mixture = random_mixture(np.random.default_rng(0), rows, covariance_type, n_components)
    return relative_to(np.zeros(rows.shape[1]), mixture)


def theirs(rule, rows):
    """The same by scikit-learn; the signs of axes are its own."""
    z = StandardScaler().fit_transform(rows) if rule.standardize else rows - rows.mean(axis=0)
    return z if rule.pca is None else PCA(rule.pca, svd_solver="full").fit_transform(z)


@each_rule
def test_prepared_rows_are_scikit_learns(rule):
    rows = data()
    ours, expected = fitted(rule, rows).apply(rows.T).T, theirs(rule, rows)
    assert ours.shape == expected.shape
    signs = np.sign((ours * expected).sum(axis=0))
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(ours / scale, expected * signs / scale, atol=1e-9)


@each_rule
def test_the_scatter_of_prepared_rows_follows_from_that_of_the_rows(rule):
    rows = data()
    transform = fitted(rule, rows)
    z = transform.apply(rows.T)
    expected = transform.scatter(np.cov(rows.T, bias=True))
    np.testing.assert_allclose(np.cov(z, bias=True), expected, atol=1e-9 * np.abs(expected).max())
    if rule.pca is not None:
        np.testing.assert_allclose(np.diagonal(expected), transform.variances, rtol=1e-9)


@pytest.mark.parametrize(
    ("share", "n_axes"), [(0.5, 1), (0.8, 1), (0.800001, 2), (0.95, 2), (0.99, 3), (1.0, 3)]
)
def test_a_share_of_the_variance_takes_as_few_axes_as_reach_it(share, n_axes):
    covariance = np.diag([1.5, 8.0, 0.5])
    found = FeatureTransform.fit(FeatureTransformSpec(pca=share), np.zeros(3), covariance)
    assert found.n_axes == n_axes
    np.testing.assert_array_equal(found.axes[0], [0, 1, 0])


def test_constant_features_keep_their_scale():
    found = fitted(FeatureTransformSpec(standardize=True), np.array([[1.0, 5], [3, 5]]))
    np.testing.assert_array_equal(found.scale, [1, 1])
    np.testing.assert_array_equal(found.apply(np.array([[3.0], [5.0]])), [[1], [0]])


@each_type
def test_parameters_come_back_in_the_units_of_the_data(covariance_type):
    rows = data()
    transform = fitted(FeatureTransformSpec(standardize=True, pca=4), rows)
    mixture = mixture_of(transform.apply(rows.T).T, covariance_type, 3)
    means = transform.inverse_means(mixture)
    np.testing.assert_allclose(transform.apply(means.T).T, mixture.means, atol=1e-9)
    matrices = structure_of(covariance_type).matrices(mixture.covariances, 3, 4)
    back = transform.inverse_covariances(mixture)
    for k in range(3):
        np.testing.assert_allclose(transform.scatter(back[k]), matrices[k], atol=1e-9)


@each_rule
def test_a_fit_of_prepared_data_is_a_fit_to_what_they_become(rule):
    rows, chunks = data(), (100, 1, 99, 200)
    models = (("full", 2), ("diag", 3), ("tied", 2), ("spherical", 3))
    inside = fit(
        Dataset.from_array(in_blocks(rows, chunks)),
        FitOptions(models, n_init=2, prepare=rule),
        SYNCHRONOUS,
    )
    z = inside.transform.apply(rows.T).T
    outside = fit(
        Dataset.from_array(in_blocks(z, chunks)), FitOptions(models, n_init=2), SYNCHRONOUS
    )
    for ours, expected in zip(inside.sweep.results, outside.sweep.results, strict=True):
        np.testing.assert_allclose(ours.log_likelihood, expected.log_likelihood, rtol=1e-7)
        np.testing.assert_allclose(ours.parameters.weights, expected.parameters.weights, atol=1e-4)
    mixture = inside.sweep.selected.parameters
    prepared = assign(mixture, rows, inside.transform)
    np.testing.assert_allclose(prepared.log_density, assign(mixture, z).log_density, rtol=1e-9)


def test_full_mixtures_of_standardised_and_of_rotated_data_are_those_of_the_data():
    rows = data()
    for rule in (
        FeatureTransformSpec(standardize=True),
        FeatureTransformSpec(standardize=True, pca=4),
    ):
        transform = fitted(rule, rows)
        z = transform.apply(rows.T).T
        mixture = mixture_of(z, "full", 2)
        back = Parameters.from_covariances(
            "full",
            mixture.weights,
            transform.inverse_means(mixture),
            transform.inverse_covariances(mixture),
        )
        log_scale = np.log(transform.scale).sum()
        np.testing.assert_allclose(
            assign(back, rows).log_density,
            assign(mixture, rows, transform).log_density - log_scale,
            rtol=1e-6,
        )


@pytest.mark.parametrize("standardize", [False, True])
def test_principal_components_of_rounding_alone_are_left_out(standardize, caplog):
    rows = clumps(n_features=2)
    flat = np.column_stack([rows, rows @ [1.0, 2.0]])
    models = (("full", 1), ("full", 3))
    found, direct = (
        fit(
            Dataset.from_array(in_blocks(flat, (len(flat),))),
            FitOptions(models, n_init=2, prepare=FeatureTransformSpec(standardize, n_axes)),
            SYNCHRONOUS,
        )
        for n_axes in (3, 2)
    )
    assert found.transform.n_axes == 2
    assert found.sweep.selected.bic == direct.sweep.selected.bic
    assert "vary in 2 directions only" in caplog.text
