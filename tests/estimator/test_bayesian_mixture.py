"""``BayesianGaussianMixture`` beside scikit-learn's."""

import dask.array as da
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import BayesianGaussianMixture as Theirs
from sklearn.utils.estimator_checks import parametrize_with_checks

from dgmm import BayesianGaussianMixture, GaussianMixture

KINDS = ("full", "tied", "diag", "spherical")
POINT = GaussianMixture().fit(np.random.default_rng(0).normal(size=(20, 3)))
_OF_THE_POSTERIOR = (
    *("weight_concentration_", "mean_precision_", "means_", "degrees_of_freedom_"),
    *("covariances_", "precisions_", "precisions_cholesky_", "weights_"),
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    parts = [
        rng.normal(0, 1, (150, 3)),
        rng.normal(4, 2, (100, 3)),
        rng.normal([0, 8, 1], [1, 0.5, 2], (75, 3)),
    ]
    return rng.permutation(np.concatenate(parts))


# One fits rows without clusters, which takes long; scikit-learn gives its own 5 iterations.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([BayesianGaussianMixture(n_components=2, max_iter=100)])
def test_scikit_learn_s_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("weights", "kind"),
    [
        *(("dirichlet_process", kind) for kind in KINDS),
        ("dirichlet_distribution", "full"),
        *(
            pytest.param("dirichlet_distribution", kind, marks=pytest.mark.slow)
            for kind in KINDS[1:]
        ),
    ],
)
def test_bounds_are_as_high_and_predictions_those_of_scikit_learn(kind, weights, rows):
    options = {
        "n_components": 8,
        "covariance_type": kind,
        "weight_concentration_prior_type": weights,
        "weight_concentration_prior": 0.01,
        "random_state": 0,
    }
    ours = BayesianGaussianMixture(**options, tol=1e-9).fit(rows)
    theirs = Theirs(**options, tol=1e-3, max_iter=2000, reg_covar=0).fit(rows)
    assert ours.lower_bound_ > np.squeeze(theirs.lower_bound_) - 0.01
    assert np.all(np.diff(ours.lower_bounds_) > -1e-8)
    for name in _OF_THE_POSTERIOR:
        setattr(theirs, name, getattr(ours, name))
    np.testing.assert_allclose(ours.score_samples(rows), theirs.score_samples(rows), rtol=1e-10)
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), atol=1e-11)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    assert ours.score(rows) == pytest.approx(theirs.score(rows), rel=1e-12)


def test_components_that_are_not_needed_have_no_rows(rows):
    found = BayesianGaussianMixture(n_components=10, random_state=0).fit(rows)
    assert found.n_active_ == 3
    mixture = found.to_gaussian_mixture()
    assert isinstance(mixture, GaussianMixture)
    assert mixture.weights_.shape == (3,)
    assert mixture.weights_.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(mixture.weights_, [150 / 325, 100 / 325, 75 / 325], atol=0.03)
    agreement = np.mean(found.means_[found.predict(rows)] == mixture.means_[mixture.predict(rows)])
    assert agreement > 0.99


def test_lazy_rows_in_any_chunks_give_the_same_and_a_sample_leads_to_it():
    rng = np.random.default_rng(1)
    many = rng.normal(size=(2000, 3)) * [1, 2, 3] + 10 * rng.integers(0, 3, (2000, 1))
    options = {"n_components": 6, "random_state": 0, "tol": 1e-10}
    whole = BayesianGaussianMixture(**options).fit(many)
    lazy = BayesianGaussianMixture(**options, sample_size=700).fit(da.from_array(many, (377, 3)))
    assert lazy.n_active_ == whole.n_active_ == 3
    assert lazy.lower_bound_ == pytest.approx(whole.lower_bound_, rel=1e-6)
    labels = lazy.predict(da.from_array(many, (377, 3)))
    assert isinstance(labels, da.Array)
    np.testing.assert_array_equal(labels.compute(), lazy.predict(many))


def test_a_weight_of_two_is_a_row_that_occurs_twice(rows):
    weights = np.random.default_rng(2).integers(0, 4, len(rows))
    options = {"n_components": 3, "random_state": 0, "tol": 1e-12}
    weighted = BayesianGaussianMixture(**options).fit(rows, sample_weight=weights)
    repeated = BayesianGaussianMixture(**options).fit(np.repeat(rows, weights, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-7)
    np.testing.assert_allclose(weighted.covariance_prior_, repeated.covariance_prior_)


def test_weights_below_one_row_give_no_active_component(rows):
    found = BayesianGaussianMixture(n_components=2, random_state=0)
    found.fit(rows, sample_weight=np.full(len(rows), 0.5 / len(rows)))
    assert found.n_active_ == 0
    with pytest.raises(ValueError, match="weights that count rows"):
        found.to_gaussian_mixture()


def test_a_warm_start_goes_on(rows):
    found = BayesianGaussianMixture(n_components=6, random_state=0, warm_start=True, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        found.fit(rows[:100])
    found.set_params(max_iter=1000).fit(rows[:100])
    once = found.lower_bound_
    found.fit(rows[:100])
    assert found.n_iter_ <= 3
    assert found.lower_bound_ == pytest.approx(once, rel=1e-6)


def test_priors_are_those_that_are_given(rows):
    prior = {
        "weight_concentration_prior": 2.0,
        "mean_precision_prior": 3.0,
        "mean_prior": [1.0, 2.0, 3.0],
        "degrees_of_freedom_prior": 7.5,
        "covariance_prior": [1.0, 2.0, 3.0],
    }
    found = BayesianGaussianMixture(n_components=2, covariance_type="diag", **prior).fit(rows)
    for name, value in prior.items():
        np.testing.assert_array_equal(getattr(found, f"{name}_"), value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight_concentration_prior": 0.0}, "weight_concentration_prior is 0.0; expected a numb"),
        ({"mean_precision_prior": -1}, "mean_precision_prior is -1; expected a number above 0"),
        ({"degrees_of_freedom_prior": 2}, "degrees_of_freedom_prior is 2; expected a number abov"),
        ({"mean_prior": [0.0]}, r"mean_prior has shape \(1,\); expected finite .* \(3,\)"),
        ({"covariance_prior": np.eye(2)}, r"covariance_prior has shape \(2, 2\); expected"),
        ({"covariance_prior": -np.eye(3)}, "covariance_prior is not positive definite"),
        ({"weight_concentration_prior_type": "x"}, "'x'; expected one of 'dirichlet_process'"),
        ({"covariance_type": "x"}, "covariance_type is 'x'; expected one of 'full'"),
        ({"n_components": 0}, "n_components is 0; expected an integer of at least 1"),
        ({"max_iter": 0}, "max_iter is 0; expected an integer of at least 1"),
        ({"init_params": POINT}, "init_params is a mixture; expected kinds of start"),
    ],
)
def test_what_cannot_be_used_is_refused(parameters, message, rows):
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(**parameters).fit(rows)


def test_a_mixture_without_a_fit_says_so(rows):
    with pytest.raises(NotFittedError):
        BayesianGaussianMixture().predict(rows)
