"""scikit-learn's own tests of GaussianMixture, run against ours.

They ship in its wheel. What is left out is named with its reason.
"""

import numpy as np
import pytest
from sklearn.mixture.tests import test_gaussian_mixture as suite

import dgmm

_NOT_OURS = "it tests a private function of scikit-learn, and no estimator"
_INSIDE = "it calls a private method, or replaces a private function, of scikit-learn's class"
_ORDER = "it compares components one by one with those of scikit-learn's k-means of the same seed"
_ARRAY_API = "arrays of other libraries (PyTorch, CuPy) are not taken"

_TOO_NEAR = (
    "it needs a start that five iterations do not bring to its optimum; a search ends nearer"
)

_FLAT_RIDGE = (
    "converged_ says that less than tol is left to gain, which 600 fits of one step each do not "
    "reach on the flat ridge of its diagonal case; scikit-learn's says that the last step was short"
)

LEFT_OUT = {
    "test_monotonic_likelihood": _FLAT_RIDGE,
    "test_warm_start": _TOO_NEAR,
    "test_suffstat_sk_full": _NOT_OURS,
    "test_suffstat_sk_tied": _NOT_OURS,
    "test_suffstat_sk_diag": _NOT_OURS,
    "test_gaussian_suffstat_sk_spherical": _NOT_OURS,
    "test_compute_log_det_cholesky": _NOT_OURS,
    "test_gaussian_mixture_log_probabilities": _NOT_OURS,
    "test_gaussian_mixture_precisions_init": _INSIDE,
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": _INSIDE,
    "test_gaussian_mixture_precisions_init_diag": _ORDER,
    "test_gaussian_mixture_array_api_compliance": _ARRAY_API,
    "test_gaussian_mixture_raises_where_array_api_not_implemented": _ARRAY_API,
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _ours(monkeypatch):
    monkeypatch.setattr(suite, "GaussianMixture", dgmm.GaussianMixture)


@pytest.fixture
def global_dtype():
    return np.float64


@pytest.fixture
def global_random_seed():
    return 42


_theirs = {name: test for name, test in vars(suite).items() if name.startswith("test_")}
globals().update({name: test for name, test in _theirs.items() if name not in LEFT_OUT})
test_init = pytest.mark.slow(suite.test_init)  # more starts are never worse: tests/engine/search


def test_what_is_left_out_exists():
    assert set(LEFT_OUT) <= set(_theirs)


def test_warm_start_goes_on_until_it_has_converged():
    X = np.random.RandomState(0).rand(500, 2)
    mixture = dgmm.GaussianMixture(2, max_iter=1, tol=1e-9, warm_start=True, random_state=0)
    scores = [mixture.fit(X).score(X)]
    while not mixture.converged_ and len(scores) < 1000:
        scores.append(mixture.fit(X).score(X))
    assert mixture.converged_
    assert len(scores) > 2
    assert (np.diff(scores) >= -1e-12).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_one_step_at_a_time_never_loses_likelihood(covariance_type):
    X = suite.RandomData(np.random.RandomState(0), scale=7).X[covariance_type]
    mixture = dgmm.GaussianMixture(
        2, covariance_type=covariance_type, max_iter=1, tol=1e-7, warm_start=True, random_state=0
    )
    scores = [mixture.fit(X).score(X) for _ in range(100)]
    assert (np.diff(scores) >= 0).all()
    exact = dgmm.GaussianMixture(2, covariance_type=covariance_type, tol=1e-7, random_state=0)
    assert scores[-1] <= exact.fit(X).score(X) + 1e-7
