"""What must not change a fit, and what must move it along: units, axes, dtypes, memory layouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.base import clone

from dgmm import GaussianMixture
from tests.estimator.test_laws import precisions_of, quietly, same_mixture, started, starts
from tests.reference import Mixture
from tests.strategies import seeds

laws = settings(max_examples=12)
DTYPES = ("f2", "f4", "f8", ">f4", "i1", "i4", ">i8", "u2", "?")


def matrices_of(model):
    """Covariances as (n_components, n_features, n_features), whatever their structure."""
    n_components, n_features = model.means_.shape
    if model.covariance_type == "full":
        return model.covariances_
    if model.covariance_type == "tied":
        return np.stack([model.covariances_] * n_components)
    variances = np.reshape(model.covariances_, (n_components, -1)) * np.ones((1, n_features))
    return variances[:, :, None] * np.eye(n_features)


def map_of(covariance_type, n_features, rng):
    """An invertible matrix that leaves covariances of this structure in their structure."""
    rotation = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    scales = np.exp(rng.uniform(-2, 2, n_features))
    if covariance_type == "diag":
        return np.eye(n_features)[rng.permutation(n_features)] * scales
    if covariance_type == "spherical":
        return rotation * scales[0]
    return rotation * scales


def moved(mixture, matrix, shift):
    """The mixture of rows X matrix' + shift, for a mixture of rows X."""
    means = mixture.means @ matrix.T + shift
    covariances = mixture.covariances
    if mixture.covariance_type in ("full", "tied"):
        covariances = matrix @ covariances @ matrix.T
    elif mixture.covariance_type == "diag":
        covariances = covariances @ (matrix**2).T
    else:
        covariances = covariances * (matrix[0] @ matrix[0])
    return Mixture(mixture.covariance_type, mixture.weights, means, covariances)


@laws
@given(start=starts(), seed=seeds)
def test_a_fit_moves_with_an_affine_map_of_the_data(start, seed):
    X, mixture = start
    rng = np.random.default_rng(seed)
    matrix = map_of(mixture.covariance_type, X.shape[1], rng)
    shift = X.std() * rng.normal(size=X.shape[1])
    plain = quietly(started(mixture, max_iter=3), X)
    mapped = quietly(started(moved(mixture, matrix, shift), max_iter=3), X @ matrix.T + shift)
    found = Mixture(plain.covariance_type, plain.weights_, plain.means_, plain.covariances_)
    expected = moved(found, matrix, shift)
    scale = abs(expected.means).max()
    np.testing.assert_allclose(mapped.weights_, expected.weights, atol=1e-7)
    np.testing.assert_allclose(mapped.means_, expected.means, atol=1e-7 * scale)
    largest = abs(expected.covariances).max()
    np.testing.assert_allclose(mapped.covariances_, expected.covariances, atol=1e-7 * largest)
    jacobian = np.linalg.slogdet(matrix)[1]
    assert mapped.lower_bound_ + jacobian == pytest.approx(plain.lower_bound_, abs=1e-6)


@pytest.mark.parametrize("units", [(1e-9, 1e-9), (1e4, 1e-9)])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_labels_and_criteria_are_the_same_in_any_units(covariance_type, units):
    """Variances of 1e-18 and densities of 1e18 are nothing special: both have units."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) + 5.0 * (np.arange(100) % 2)[:, None]
    plain = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    found = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X * units)
    np.testing.assert_array_equal(found.predict(X * units), plain.predict(X))
    shift = 2 * len(X) * np.log(units).sum()
    assert found.bic(X * units) - shift == pytest.approx(plain.bic(X), abs=1e-6)


@laws
@given(start=starts(), seed=seeds)
def test_the_order_of_features_does_not_matter(start, seed):
    X, mixture = start
    order = np.random.default_rng(seed).permutation(X.shape[1])
    plain = quietly(started(mixture, max_iter=3), X)
    other = moved(mixture, np.eye(X.shape[1])[order], 0.0)
    permuted = quietly(started(other, max_iter=3), X[:, order])
    np.testing.assert_allclose(
        permuted.predict_proba(X[:, order]), plain.predict_proba(X), atol=1e-6
    )
    again = plain.marginal(order.tolist())  # all features, in another order
    same_mixture(permuted, again, 1e-8)


@laws
@given(start=starts(), dtype=st.sampled_from(DTYPES), layout=st.integers(0, 3))
def test_a_dtype_and_a_layout_give_the_bits_of_their_float64_copy(start, dtype, layout):
    X, mixture = start
    unit = 20 * (X - X.mean(axis=0)) / X.std()
    rows = (unit > 0 if dtype == "?" else abs(unit) if dtype == "u2" else unit).astype(dtype)
    rows = [
        rows,
        np.asfortranarray(rows),
        np.repeat(rows, 2, axis=0)[::2],
        rows[::-1].copy()[::-1],
    ][layout]
    rows.flags.writeable = False
    widened = np.ascontiguousarray(rows, dtype=np.float64)
    model = started(mixture._replace(means=20 * (mixture.means - X.mean(axis=0)) / X.std()))
    model.set_params(max_iter=2, reg_covar=1e-2)
    stored, copied = quietly(clone(model), rows), quietly(clone(model), widened)
    assert stored.score(rows) == copied.score(widened)
    for name in ("weights_", "means_", "covariances_", "lower_bound_"):
        found = np.asarray(getattr(stored, name))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, getattr(copied, name))


@laws
@given(start=starts(), seed=st.integers(0, 2**31))
def test_a_sample_has_the_moments_of_its_components(start, seed):
    X, mixture = start
    model = quietly(started(mixture, max_iter=0, random_state=seed), X)
    rows, labels = model.sample(6000)
    assert (np.diff(labels) >= 0).all()
    for k, (mean, covariance) in enumerate(zip(model.means_, matrices_of(model), strict=True)):
        of_k = rows[labels == k]
        share, expected = len(of_k) / len(rows), model.weights_[k]
        assert abs(share - expected) < 6 * np.sqrt(expected * (1 - expected) / len(rows)) + 1e-12
        if len(of_k) < 50:
            continue
        white = (of_k - mean) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
        error = 6 / np.sqrt(len(of_k))
        np.testing.assert_allclose(white.mean(axis=0), 0, atol=error)
        second = white.T @ white / len(of_k)
        np.testing.assert_allclose(second, np.eye(len(mean)), atol=1.5 * error)


@laws
@given(start=starts(), data=st.data())
def test_marginal_and_conditional_mixtures_have_their_closed_forms(start, data):
    X, mixture = start
    n_features = X.shape[1]
    known = data.draw(st.permutations(range(n_features)))[: data.draw(st.integers(1, n_features))]
    model = quietly(started(mixture, max_iter=0), X)
    matrices = matrices_of(model)
    marginal = model.marginal(known)
    np.testing.assert_array_equal(marginal.means_, model.means_[:, known])
    np.testing.assert_allclose(matrices_of(marginal), matrices[:, known][:, :, known], rtol=1e-12)
    rest = [place for place in range(n_features) if place not in known]
    if not rest:
        return
    values = X[0, known]
    conditional = model.condition(known, values)
    weights, means, covariances = [], [], []
    for weight, mean, covariance in zip(model.weights_, model.means_, matrices, strict=True):
        # By precisions (Bishop 2006, eqs 2.73 and 2.75), where the code takes covariances.
        precision = np.linalg.inv(covariance)
        covariances.append(np.linalg.inv(precision[np.ix_(rest, rest)]))
        pull = precision[np.ix_(rest, known)] @ (values - mean[known])
        means.append(mean[rest] - covariances[-1] @ pull)
        of_known = multivariate_normal(mean[known], covariance[np.ix_(known, known)])
        weights.append(np.log(weight) + of_known.logpdf(values))
    weights = np.exp(np.array(weights) - max(weights))
    scale = abs(np.array(means)).max() + np.sqrt(abs(matrices).max())
    np.testing.assert_allclose(conditional.weights_, weights / weights.sum(), atol=1e-8)
    np.testing.assert_allclose(conditional.means_, means, atol=1e-8 * scale)
    tolerance = 1e-8 * abs(matrices).max()
    np.testing.assert_allclose(matrices_of(conditional), covariances, atol=tolerance)


@laws
@given(start=starts())
def test_precisions_are_the_inverses_of_covariances(start):
    X, mixture = start
    model = quietly(started(mixture, max_iter=0), X)
    np.testing.assert_allclose(model.precisions_, precisions_of(mixture), rtol=1e-7, atol=1e-300)
    factors, precisions = model.precisions_cholesky_, model.precisions_
    if model.covariance_type in ("full", "tied"):
        assert (np.tril(factors, -1) == 0).all()
        squares = factors @ np.swapaxes(factors, -1, -2)
    else:
        squares = factors**2
    np.testing.assert_allclose(squares, precisions, rtol=1e-7, atol=1e-9 * abs(precisions).max())
