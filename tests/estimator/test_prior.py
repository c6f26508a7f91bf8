"""A conjugate prior through the estimator."""

import dask.array as da
import numpy as np
import pytest

import dgmm
from dgmm.errors import ConfigurationError
from tests.estimator.test_labels import likelihood, planted


def test_no_component_collapses():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(40, 4)), np.zeros((5, 4))])  # five equal rows
    found = dgmm.GaussianMixture(4, prior="conjugate", random_state=0).fit(rows)
    assert found.converged_
    assert np.linalg.eigvalsh(found.covariances_).min() > 1e-3
    assert found.bic_ == pytest.approx(found.bic(rows), rel=1e-9)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_a_trace_includes_the_prior_and_never_falls(kind):
    rows, _ = planted(400)
    model = dgmm.GaussianMixture(3, covariance_type=kind, prior="conjugate", random_state=0)
    found = model.fit(rows)
    assert (np.diff(found.lower_bounds_) >= -1e-12).all()
    n = model._n_parameters()
    assert found.bic_ == pytest.approx(n * np.log(400) - 2 * 400 * found.score(rows), rel=1e-9)
    assert abs(found.lower_bound_ - found.score(rows)) > 1e-4


def test_many_rows_outweigh_the_prior():
    rows, _ = planted(3_000)
    without = dgmm.GaussianMixture(4, random_state=0).fit(rows)
    found = dgmm.GaussianMixture(4, prior="conjugate", random_state=0).fit(rows)
    lazy = dgmm.GaussianMixture(4, prior="conjugate", sample_size=600, random_state=0)
    lazy.fit(da.from_array(rows, (1_000, 2)))
    np.testing.assert_allclose(found.means_, without.means_, atol=0.1)
    assert lazy.lower_bound_ == pytest.approx(found.lower_bound_, abs=1e-4)


def test_labels_go_with_a_prior():
    rows, labels = planted(600)
    found = dgmm.GaussianMixture(3, prior="conjugate", tol=1e-10, random_state=0)
    found.fit(rows, labels=labels)
    _, counts, means = likelihood(found._mixture(), rows, labels)
    pulled = (counts[:, None] * means + 0.01 * rows.mean(axis=0)) / (counts[:, None] + 0.01)
    np.testing.assert_allclose(pulled, found.means_, atol=1e-4)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"prior": "wishart"}, "expected one of None, 'conjugate'"),
        ({"prior": "conjugate", "covariance_type": "VEV"}, "expected full, tied, diag"),
        ({"prior": "conjugate", "missing": "marginalize"}, "A prior is asked for, and missing"),
    ],
)
def test_what_does_not_go_with_a_prior_is_refused(keys, expected):
    rows, _ = planted(100)
    with pytest.raises(ConfigurationError, match=expected):
        dgmm.GaussianMixture(2, **keys).fit(rows)
    with pytest.raises(ConfigurationError, match="stepwise EM has none"):
        dgmm.GaussianMixture(2, prior="conjugate").partial_fit(rows)
