"""``partial_fit`` folds rows in: how near it comes to the exact fit, and what it never does."""

from copy import deepcopy
from functools import cache

import dask.array as da
import numpy as np
import pytest
from distributed import Client
from sklearn.exceptions import ConvergenceWarning

from dgmm import GaussianMixture
from dgmm.engine.inference import stepwise_pass
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.strategies import COVARIANCE_TYPES

N_FIRST, N_ALL = 2_000, 12_000


def rows(separation=4.0, n=N_ALL):
    """The first rows of three clumps in two dimensions, in no particular order."""
    rng = np.random.default_rng(0)
    centres = separation * np.array([[0.0, 0.0], [1.0, 0.3], [-0.4, 1.0]])
    scales = np.array([1.0, 0.7, 1.4])
    z = rng.choice(3, N_ALL, p=[0.5, 0.3, 0.2])
    return (centres[z] + scales[z][:, None] * rng.normal(size=(N_ALL, 2)))[:n]


@cache
def fitted(separation, covariance_type, reg_covar):
    mixture = GaussianMixture(
        3, covariance_type=covariance_type, reg_covar=reg_covar, n_init=1, random_state=0
    )
    return mixture.fit(rows(separation, N_FIRST))


def begun(separation=4.0, covariance_type="full", reg_covar=None):
    """A mixture fitted to the first rows."""
    return deepcopy(fitted(separation, covariance_type, reg_covar))


def exact_from(mixture, X):
    """The exact fit to all rows from where a mixture stands."""
    return GaussianMixture(
        3,
        covariance_type=mixture.covariance_type,
        weights_init=mixture.weights_,
        means_init=mixture.means_,
        precisions_init=mixture.precisions_,
    ).fit(X)


def assert_close(found, expected, rtol=1e-9):
    for name in ("weights_", "means_", "covariances_"):
        values = getattr(expected, name)
        np.testing.assert_allclose(getattr(found, name), values, rtol=rtol, atol=rtol)


def assert_same_bits(found, expected):
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_the_first_call_is_a_fit():
    X = rows(n=500)
    assert_same_bits(
        GaussianMixture(3, random_state=0).partial_fit(X), GaussianMixture(3, random_state=0).fit(X)
    )


@pytest.mark.parametrize("separation", [4.0, 1.5])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_it_misses_the_exact_fit_by_no_more_than_that_one_misses_the_truth(
    covariance_type, separation
):
    """Twice the gap of an exact fit is about chi-squared, one for each parameter (Wilks 1938)."""
    X = rows(separation)
    mixture = begun(separation, covariance_type)
    exact = exact_from(mixture, X)
    before = exact.lower_bound_ - mixture.score(X)
    for block in np.array_split(X[N_FIRST:], 20):
        mixture.partial_fit(block)
    gap = exact.lower_bound_ - mixture.score(X)
    assert 0 <= gap < before / 2
    assert gap * len(X) < mixture._mixture().n_parameters


def test_what_is_counted():
    X = rows(n=3_000)
    mixture = begun().partial_fit(X[2_000:2_500])
    expected = begun().score(X[2_000:2_500])
    assert mixture.predictive_score_ == pytest.approx(expected, rel=1e-12)
    mixture.partial_fit(X[2_500:])
    counted = (mixture.n_samples_fitted_, mixture.n_samples_seen_, mixture.n_steps_)
    assert counted == (2_000, 3_000, 2)
    assert (mixture.converged_, mixture.status_) == (False, "online")
    for gone in ("lower_bound_", "lower_bounds_", "bic_", "aic_", "icl_"):
        assert not hasattr(mixture, gone)


def test_components_keep_their_places():
    mixture = begun()
    last = mixture.means_[2]
    only_last = last + 0.1 * np.random.default_rng(1).normal(size=(20_000, 2))
    mixture.partial_fit(only_last)
    assert mixture.weights_.argmax() == 2
    assert np.linalg.norm(mixture.means_ - last, axis=1).argmin() == 2


def test_lazy_rows_move_it_as_far_as_the_same_in_memory():
    X = rows(n=4_000)
    lazy = da.from_array(X[N_FIRST:], chunks=(300, 1))
    assert_close(begun().partial_fit(lazy), begun().partial_fit(X[N_FIRST:]))


def test_stretches_of_lazy_rows_are_folded_in_one_after_the_other(monkeypatch):
    monkeypatch.setattr(stepwise_pass, "_BATCH_BLOCKS", 2)
    X = rows(n=4_000)
    at_once = begun().partial_fit(da.from_array(X[N_FIRST:], chunks=(400, 2)))
    assert at_once.n_steps_ == 3
    bit_by_bit = begun()
    for start, stop in [(2_000, 2_800), (2_800, 3_600), (3_600, 4_000)]:
        bit_by_bit.partial_fit(X[start:stop])
    assert_close(at_once, bit_by_bit)


def test_long_arrays_in_memory_are_cut_as_well(monkeypatch):
    monkeypatch.setattr(stepwise_pass, "_BATCH_ROWS", 500)
    X = rows(n=3_200)
    weights = np.random.default_rng(2).uniform(0.5, 1.5, len(X))
    at_once = begun().partial_fit(X[N_FIRST:], sample_weight=weights[N_FIRST:])
    assert at_once.n_steps_ == 3
    bit_by_bit = begun()
    for start, stop in [(2_000, 2_500), (2_500, 3_000), (3_000, 3_200)]:
        bit_by_bit.partial_fit(X[start:stop], sample_weight=weights[start:stop])
    assert_close(at_once, bit_by_bit)


def test_bits_are_the_same_on_a_cluster():
    X = rows(n=4_000)
    lazy = da.from_array(X[N_FIRST:], chunks=(100, 2))
    by_threads = begun().partial_fit(lazy)
    with Client(
        processes=False,
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        protocol="inproc",
    ):
        assert_same_bits(begun().partial_fit(lazy), by_threads)


def test_a_weight_of_two_is_a_row_that_occurs_twice():
    X = rows(n=2_600)
    new = X[N_FIRST:]
    weighted = begun().partial_fit(new, sample_weight=np.full(600, 2.0))
    assert_close(weighted, begun().partial_fit(np.repeat(new, 2, axis=0)))
    assert weighted.n_samples_seen_ == 3_200


def test_rows_without_weight_change_nothing():
    X = rows(n=2_600)
    mixture = begun().partial_fit(X[N_FIRST:], sample_weight=np.zeros(600))
    assert_same_bits(mixture, begun())
    assert (mixture.n_steps_, mixture.status_) == (0, "converged")


def test_a_fit_starts_again_and_a_warm_one_from_where_the_mixture_stands():
    X = rows(n=4_000)
    mixture = begun().partial_fit(X[N_FIRST:])
    stands = {"weights_init": mixture.weights_, "means_init": mixture.means_}
    assert_same_bits(mixture.fit(X), GaussianMixture(3, n_init=1, random_state=0).fit(X))
    assert (mixture.n_samples_seen_, mixture.n_steps_) == (4_000, 0)
    assert not hasattr(mixture, "predictive_score_")
    again = begun().partial_fit(X[N_FIRST:]).set_params(warm_start=True)
    stands["precisions_init"] = again.precisions_
    warm = again.fit(X)
    given = GaussianMixture(3, **stands).fit(X)  # from precisions, which rounding has passed
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(warm, name), getattr(given, name), rtol=1e-9)
    assert warm.lower_bound_ == pytest.approx(mixture.lower_bound_, abs=1e-6)


def test_it_is_one_start_among_others_of_an_exact_fit():
    X = rows(n=4_000)
    mixture = begun().partial_fit(X[N_FIRST:])
    exact = GaussianMixture(3, n_init=1, init_params=mixture).fit(X)
    assert exact.status_ == "converged"
    assert exact.lower_bound_ >= mixture.score(X)
    np.testing.assert_allclose(exact.means_, mixture.means_, atol=0.1)


def test_a_stored_mixture_goes_on_with_the_same_bits(tmp_path):
    X = rows(n=4_000)
    mixture = begun(reg_covar=1e-3).set_params(learning_decay=0.9).partial_fit(X[2_000:3_000])
    mixture.to_zarr(tmp_path / "online.zarr")
    stored = GaussianMixture.from_zarr(tmp_path / "online.zarr").partial_fit(X[3_000:])
    assert_same_bits(stored, mixture.partial_fit(X[3_000:]))
    counted = (stored.n_samples_fitted_, stored.n_samples_seen_, stored.n_steps_)
    assert counted == (2_000, 4_000, 2)
    assert (stored.status_, stored.learning_decay) == ("online", 0.9)


def test_a_run_goes_on_with_its_rows_counted_as_seen(tmp_path):
    X = rows(n=4_000)
    np.save(tmp_path / "rows.npy", X[:N_FIRST])
    text = f"""
input: {{path: {tmp_path / "rows.npy"}}}
model: {{n_components: 3, covariance_type: full}}
output: {{path: {tmp_path / "results"}, report: false}}
cluster: {{kind: threads}}
"""
    run(loads(text))
    mixture = GaussianMixture.from_zarr(tmp_path / "results")
    assert (mixture.n_samples_seen_, mixture.n_samples_fitted_) == (N_FIRST, N_FIRST)
    score = mixture.score(X)
    assert mixture.partial_fit(X[N_FIRST:]).score(X) > score
    assert mixture.n_samples_seen_ == 4_000


def test_what_cannot_be_folded_in_is_named_by_its_row_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(stepwise_pass, "_BATCH_BLOCKS", 1)
    X = rows(n=3_000)
    mixture = begun()
    for value, message in [(np.nan, "Row 777 .* NaN or infinite"), (1e200, "Row 777 is so far")]:
        new = X[N_FIRST:].copy()
        new[777, 1] = value
        with pytest.raises(ValueError, match=message):
            mixture.partial_fit(da.from_array(new, chunks=(250, 2)))
    weights = np.ones(1_000)
    weights[777] = -1
    with pytest.raises(ValueError, match="row 777"):
        mixture.partial_fit(da.from_array(X[N_FIRST:], chunks=(250, 2)), sample_weight=weights)
    with pytest.raises(ValueError, match="Rows 0 to 1 have weights by which the squares"):
        mixture.partial_fit(1e100 * X[:2], sample_weight=1e130)
    assert_same_bits(mixture, begun())
    assert mixture.n_samples_seen_ == N_FIRST


def test_other_features_are_refused():
    X = rows(n=3_000)
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixture is expecting 2"):
        begun().partial_fit(X[:, :1])


@pytest.mark.parametrize("decay", [0.5, 1.1, 0, -1, np.nan, "slow"])
def test_other_decays_are_refused(decay):
    with pytest.raises(ValueError, match=r"learning_decay is .*; expected more than 0.5"):
        GaussianMixture(learning_decay=decay).partial_fit(rows(n=100))


def test_a_mixture_of_another_shape_is_not_gone_on_from():
    X = rows(n=3_000)
    for other in ({"n_components": 2}, {"covariance_type": "tied"}):
        with pytest.raises(ValueError, match=r"expected what it was fitted with. Use fit\(\)"):
            begun().set_params(**other).partial_fit(X[N_FIRST:])


def test_a_mixture_set_by_hand_needs_to_know_how_many_rows_it_stands_for():
    mixture = GaussianMixture(1)
    mixture.weights_, mixture.means_ = np.ones(1), np.zeros((1, 2))
    mixture.covariances_ = np.eye(2)[None]
    X = rows(n=300)
    with pytest.raises(ValueError, match="n_samples_seen_ is None; expected the number of rows"):
        mixture.partial_fit(X)
    mixture.learning_decay = 1.0
    mixture.n_samples_seen_ = 100
    mixture.partial_fit(X)
    np.testing.assert_allclose(mixture.means_[0], X.sum(axis=0) / 400, rtol=1e-12)


def test_a_component_that_collapses_is_said():
    X = rows(n=2_500)
    mixture = begun(covariance_type="diag").set_params(learning_decay=0.51)
    one_value = np.repeat(mixture.means_[:1], 100_000, axis=0)

    def collapse():
        while mixture.status_ != "degenerate" and mixture.n_steps_ < 40:
            mixture.partial_fit(one_value)

    with pytest.warns(ConvergenceWarning, match="collapsed onto"):
        collapse()
    assert mixture.status_ == "degenerate"
    assert np.isfinite(mixture.score(X))


def test_steps_are_told_of(capsys):
    X = rows(n=2_500)
    begun().set_params(verbose=2).partial_fit(X[N_FIRST:])
    assert capsys.readouterr().out.startswith("update, pass 1, 1 running, log-likelihood -")
