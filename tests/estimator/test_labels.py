"""Rows whose component is known, through the estimator."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest

import dgmm
from dgmm.errors import ConfigurationError, DataError
from dgmm.mixture.density import assign

MEANS = np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 5.0], [6.0, 6.0]])


def planted(n_rows=1_500, share=0.1, seed=0):
    """Rows of four clusters, and labels of a tenth of those of the first two."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(4, n_rows, p=[0.2, 0.4, 0.3, 0.1])
    rows = MEANS[classes] + rng.normal(size=(n_rows, 2)) * [1.0, 1.3]
    return rows, np.where((rng.random(n_rows) < share) & (classes < 2), classes, -1)


def likelihood(mixture, rows, labels, weights=None):
    """Of labelled rows log(w_k N_k), of others the log density of the mixture; and one EM step."""
    found = assign(mixture, rows)
    known, r = labels >= 0, found.responsibilities.copy()
    values = found.log_density.copy()
    values[known] += np.log(r[known, labels[known]])
    r[known] = np.eye(mixture.n_components)[labels[known]]
    r *= np.ones(len(rows))[:, None] if weights is None else weights[:, None]
    means = (r.T @ rows) / r.sum(axis=0)[:, None]
    return values @ (np.ones(len(rows)) if weights is None else weights), r.sum(axis=0), means


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical", "VEV"])
def test_the_fit_is_a_maximum_of_the_likelihood(kind):
    rows, labels = planted()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(rows))
    found = dgmm.GaussianMixture(4, covariance_type=kind, tol=1e-11, random_state=0)
    found.fit(rows, sample_weight=weights, labels=labels)
    value, counts, means = likelihood(found._mixture(), rows, labels, weights)
    assert found.lower_bound_ == pytest.approx(value / weights.sum(), rel=1e-12)
    np.testing.assert_allclose(counts / counts.sum(), found.weights_, atol=1e-5)
    np.testing.assert_allclose(means, found.means_, atol=1e-4)


def test_components_have_the_numbers_of_the_classes():
    rows, labels = planted()
    found = dgmm.sweep(rows, [2, 3, 4, 5], "diag", labels=labels, random_state=0)
    assert found.best.n_components == 4
    np.testing.assert_allclose(found.best.means_[:2], MEANS[:2], atol=0.3)
    np.testing.assert_allclose(found.best.means_[2:], MEANS[2:], atol=0.4)  # by weight
    values = [result.log_likelihood for result in found.results]
    assert len(values) == 4
    other = dgmm.GaussianMixture(4, covariance_type="diag", random_state=0).fit(rows)
    assert (other.means_[0] == pytest.approx(MEANS[0], abs=0.5)) is False  # the heaviest first


def test_labels_decide_where_rows_do_not():
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 2, 600)
    rows = np.stack(
        [rng.normal(size=600), rng.normal(size=600) * np.where(classes, 3, 0.5)], axis=1
    )
    labels = np.where(rng.random(600) < 0.3, classes, -1)
    found = dgmm.GaussianMixture(2, random_state=0).fit(rows, labels=labels)
    assert found.covariances_[0, 1, 1] < 1 < 5 < found.covariances_[1, 1, 1]
    swapped = dgmm.GaussianMixture(2, random_state=0)
    swapped.fit(rows, labels=np.where(labels < 0, -1, 1 - labels))
    np.testing.assert_allclose(swapped.covariances_[::-1], found.covariances_, rtol=1e-4)


def test_labels_come_in_any_container():
    rows, labels = planted(600)
    fit = dgmm.GaussianMixture(3, covariance_type="diag", tol=1e-9, random_state=0).fit
    expected = fit(rows, labels=labels).lower_bound_
    lazy = fit(da.from_array(rows, (200, 2)), labels=da.from_array(labels, 150))
    assert lazy.lower_bound_ == pytest.approx(expected, abs=1e-7)
    frame = pd.DataFrame(rows, columns=["a", "b"], index=np.arange(len(rows))[::-1])
    series = pd.Series(labels, index=frame.index).sort_index()
    assert fit(frame, labels=series).lower_bound_ == pytest.approx(expected, abs=1e-7)
    unknown = np.where(labels < 0, np.nan, labels)
    nan = fit(da.from_array(rows, (200, 2)), labels=unknown)
    assert nan.lower_bound_ == lazy.lower_bound_


def test_noise_goes_with_labels():
    rows, labels = planted()
    rows[::20] = np.random.default_rng(2).uniform(-20, 25, rows[::20].shape)
    labels[::20] = -1
    found = dgmm.GaussianMixture(4, noise="hypervolume", tol=1e-9, random_state=0)
    found.fit(rows, labels=labels)
    assert found.noise_weight_ == pytest.approx(0.05, abs=0.02)
    value, counts, _ = likelihood(found._mixture(), rows, labels)
    assert found.lower_bound_ * len(rows) == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(counts / len(rows), found.weights_, atol=1e-4)


def test_initial_parameters_go_with_labels():
    rows, labels = planted()
    found = dgmm.GaussianMixture(4, means_init=MEANS, random_state=0).fit(rows, labels=labels)
    np.testing.assert_allclose(found.means_, MEANS, atol=0.5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda labels: labels + 0.5, "Row 0 has the label"),
        (lambda labels: np.where(labels == 1, 7, labels), "expected integers from 0 to 2"),
        (lambda labels: np.where(labels == 0, 2, labels), "has the label 0; expected rows of each"),
        (lambda labels: np.maximum(labels, 0), "All rows have a label"),
        (lambda labels: np.full_like(labels, -1), "No row has a label"),
        (lambda labels: labels[1:], "labels have shape"),
    ],
)
def test_labels_that_are_no_classes_are_refused(change, expected):
    rows, labels = planted(300)
    with pytest.raises(DataError, match=expected):
        dgmm.GaussianMixture(3).fit(rows, labels=change(labels))


def test_fewer_components_than_classes_are_refused():
    rows, labels = planted(300)
    with pytest.raises(DataError, match="name 2 classes, and a model has 1 component"):
        dgmm.sweep(rows, [1, 2], labels=labels)


def test_what_does_not_go_with_labels_is_refused():
    rows, labels = planted(300)
    before = dgmm.GaussianMixture(2, random_state=0).fit(rows)
    with pytest.raises(ConfigurationError, match="labels, and an earlier mixture"):
        dgmm.GaussianMixture(2, init_params=before).fit(rows, labels=labels)
    with pytest.raises(ConfigurationError, match="labels, and missing values"):
        dgmm.GaussianMixture(2, missing="marginalize").fit(rows, labels=labels)
