"""Laws of the estimator, from drawn data."""

import warnings

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs

from dgmm import GaussianMixture
from tests.strategies import (
    COVARIANCE_TYPES,
    chunkings,
    covariance_types,
    datasets,
    mixtures,
    seeds,
)

laws = settings(max_examples=15)


def precisions_of(mixture):
    if mixture.covariance_type in ("full", "tied"):
        return np.linalg.inv(mixture.covariances)
    return 1 / mixture.covariances


def started(mixture, **parameters):
    return GaussianMixture(
        len(mixture.weights),
        covariance_type=mixture.covariance_type,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=precisions_of(mixture),
        **parameters,
    )


def quietly(model, *arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*arguments, **keywords)


@st.composite
def starts(draw):
    X = draw(datasets(min_rows=20, max_rows=80, max_features=4))
    return X, draw(mixtures(X, max_components=3))


def same_mixture(a, b, rtol):
    scale = max(1.0, abs(b.means_).max())
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(a.means_, b.means_, rtol=rtol, atol=rtol * scale)
    largest = abs(b.covariances_).max()
    np.testing.assert_allclose(a.covariances_, b.covariances_, rtol=rtol, atol=rtol * largest)


@laws
@given(start=starts(), data=st.data())
def test_any_chunking_gives_the_same_fit(start, data):
    X, mixture = start
    rows = da.from_array(X, chunks=(data.draw(chunkings(len(X))), 1))
    model = started(mixture, max_iter=3)
    whole = quietly(model, X)
    expected = whole.weights_, whole.means_, whole.covariances_
    chunked = quietly(model, rows)
    for a, b in zip(
        (chunked.weights_, chunked.means_, chunked.covariances_), expected, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * abs(b).max())
    assert chunked.bic(rows) == pytest.approx(chunked.bic(X), rel=1e-10)


@laws
@given(start=starts(), seed=seeds)
def test_a_weight_is_a_number_of_repetitions(start, seed):
    X, mixture = start
    repetitions = np.random.default_rng(seed).integers(0, 4, len(X))
    repetitions[:2] = 1
    weighted = quietly(started(mixture, max_iter=3), X, sample_weight=repetitions)
    repeated = quietly(started(mixture, max_iter=3), np.repeat(X, repetitions, axis=0))
    same_mixture(weighted, repeated, 1e-8)
    # A component on a handful of rows multiplies rounding by its conditioning.
    assert weighted.bic_ == pytest.approx(repeated.bic_, rel=1e-6)


@laws
@given(start=starts())
def test_responsibilities_are_proportions_and_agree_with_labels(start):
    X, mixture = start
    model = quietly(started(mixture, max_iter=1), X)
    responsibilities = model.predict_proba(X)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(responsibilities.argmax(axis=1), model.predict(X))


@laws
@given(start=starts())
def test_densities_are_scikit_learn_s(start):
    X, mixture = start
    ours = quietly(started(mixture, max_iter=0), X)
    theirs = Theirs(len(mixture.weights), covariance_type=mixture.covariance_type)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        setattr(theirs, name, getattr(ours, name))
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-7, atol=1e-7)
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-7)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-7)


@laws
@given(start=starts(), seed=seeds)
def test_the_order_of_rows_does_not_matter(start, seed):
    X, mixture = start
    order = np.random.default_rng(seed).permutation(len(X))
    same_mixture(
        quietly(started(mixture, max_iter=3), X),
        quietly(started(mixture, max_iter=3), X[order]),
        1e-8,
    )


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_fit_from_the_same_start_is_scikit_learn_s(covariance_type):
    X = load_iris().data
    parameters = {
        "covariance_type": covariance_type,
        "weights_init": np.full(3, 1 / 3),
        "means_init": X[[10, 75, 140]],
        "precisions_init": {
            "full": np.stack([np.linalg.inv(np.cov(X.T))] * 3),
            "tied": np.linalg.inv(np.cov(X.T)),
            "diag": np.tile(1 / X.var(axis=0), (3, 1)),
            "spherical": np.full(3, 1 / X.var()),
        }[covariance_type],
        "reg_covar": 1e-6,
    }
    ours = GaussianMixture(3, tol=1e-13, max_iter=5000, **parameters).fit(X)
    theirs = Theirs(3, tol=1e-14, max_iter=5000, **parameters).fit(X)
    same_mixture(ours, theirs, 1e-5)
    assert ours.lower_bound_ == pytest.approx(theirs.score(X), abs=1e-9)
    one = quietly(GaussianMixture(3, max_iter=1, **parameters), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        other = Theirs(3, max_iter=1, **parameters).fit(X)
    same_mixture(one, other, 1e-9)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_likelihood_never_falls_and_belongs_to_the_parameters(covariance_type):
    X = load_iris().data
    model = GaussianMixture(4, covariance_type=covariance_type, random_state=1, tol=1e-9).fit(X)
    steps = np.diff(model.lower_bounds_)
    assert (steps >= -1e-12).all()
    assert len(model.lower_bounds_) == model.n_iter_
    assert model.lower_bound_ == pytest.approx(model.score(X), rel=1e-12)
    assert model.bic_ == pytest.approx(model.bic(X), rel=1e-12)
    assert model.aic_ == pytest.approx(model.aic(X), rel=1e-12)
    assert model.icl_ == pytest.approx(model.icl(X), rel=1e-12)


@given(kind=covariance_types, seed=st.integers(0, 2**31))
@settings(max_examples=10)
def test_a_sample_has_the_mixture_s_moments(kind, seed):
    model = quietly(GaussianMixture(2, covariance_type=kind, random_state=seed), load_iris().data)
    rows, labels = model.sample(20_000)
    share = np.bincount(labels, minlength=2) / len(labels)
    np.testing.assert_allclose(share, model.weights_, atol=0.02)
    deviation = rows.std(axis=0) / np.sqrt(len(rows))
    expected = model.weights_ @ model.means_
    assert (abs(rows.mean(axis=0) - expected) < 6 * deviation).all()
    assert model.score(rows) == pytest.approx(model.score(model.sample(20_000)[0]), abs=0.1)


def test_a_warm_start_goes_on_where_it_ended():
    X = load_iris().data
    model = GaussianMixture(3, covariance_type="tied", warm_start=True, max_iter=4, random_state=0)
    bounds = []
    while not (bounds and model.converged_):
        bounds.append(quietly(model, X).lower_bound_)
    assert bounds == sorted(bounds)
    through = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
    assert model.lower_bound_ == pytest.approx(through.lower_bound_, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "columns"),
    [({"n_components": 2}, 4), ({"covariance_type": "diag"}, 4), ({}, 2)],
)
def test_a_warm_start_from_another_shape_is_a_new_one(change, columns):
    X = load_iris().data
    model = GaussianMixture(3, n_init=1, warm_start=True, random_state=0).fit(X)
    model.set_params(**change).fit(X[:, :columns])
    again = GaussianMixture(3, n_init=1, random_state=0).set_params(**change).fit(X[:, :columns])
    np.testing.assert_array_equal(model.means_, again.means_)
    np.testing.assert_array_equal(model.covariances_, again.covariances_)


def test_a_marginal_mixture_can_be_fitted_again():
    X = load_iris().data
    model = GaussianMixture(2, means_init=X[[0, 100]], n_init=1).fit(X)
    assert model.marginal([2, 0]).fit(X[:, [2, 0]]).means_.shape == (2, 2)


@laws
@given(start=starts(), seed=seeds)
def test_marginal_times_conditional_is_the_joint_density(start, seed):
    X, mixture = start
    if X.shape[1] < 2:
        return
    model = quietly(started(mixture, max_iter=0), X)
    known = [X.shape[1] - 1]
    rest = [j for j in range(X.shape[1]) if j not in known]
    row = X[np.random.default_rng(seed).integers(len(X))]
    joint = model.score_samples(row[None])[0]
    of_known = model.marginal(known).score_samples(row[None, known])[0]
    of_rest = model.condition(known, row[known]).score_samples(row[None, rest])[0]
    assert of_known + of_rest == pytest.approx(joint, rel=1e-7, abs=1e-7)


def test_one_component_is_the_normal_distribution():
    X = load_iris().data
    model = GaussianMixture().fit(X)
    expected = stats.multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True)).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-10)
