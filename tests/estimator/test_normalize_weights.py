"""What criteria make of weights that are no counts."""

import re
import warnings

import dask.array as da
import numpy as np
import pytest

import dgmm
from dgmm.errors import ConfigurationError

_RNG = np.random.default_rng(0)
X = np.concatenate([_RNG.normal(size=(150, 2)), _RNG.normal(size=(150, 2)) + 8])
UNEQUAL = np.exp(_RNG.normal(size=300))
KISH = UNEQUAL.sum() ** 2 / (UNEQUAL**2).sum()
DOUBT = r"weights of 300 rows sum to .*; criteria count n = .* rows.*Set normalize_weights: 'rows'"


def sweep(weights, normalize_weights=None, rows=X):
    return dgmm.sweep(
        rows,
        range(1, 4),
        ("full", "diag"),
        sample_weight=weights,
        normalize_weights=normalize_weights,
        random_state=0,
    )


@pytest.mark.parametrize("each", [1 / 300, 1e6, 1e-200, 1e120])
@pytest.mark.parametrize("normalize", ["rows", "kish"])
def test_normalised_weights_choose_as_rows_do_whatever_they_sum_to(each, normalize):
    plain, weighted = sweep(None), sweep(np.full(300, each), normalize)
    assert (weighted.best.covariance_type, weighted.best.n_components) == ("diag", 2)
    for ours, theirs in zip(weighted.results, plain.results, strict=True):
        for name in ("bic", "aic", "icl"):
            assert ours.criteria[name] == pytest.approx(theirs.criteria[name], rel=1e-6)
    assert weighted.best.n_effective_ == pytest.approx(300)
    assert weighted.size.n_effective == weighted.best.n_effective_


@pytest.mark.parametrize("each", [1 / 300, 1e6])
def test_weights_that_sum_to_far_from_the_number_of_rows_are_warned_of(each):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = sweep(np.full(300, each))
    assert [w for w in caught if re.search(DOUBT, str(w.message))]
    assert found.best.n_effective_ == pytest.approx(300 * each)
    # which is what the warning is about: two are planted, and one row bears no more than one
    assert found.best.n_components == (3 if each > 1 else 1)
    with pytest.warns(UserWarning, match=DOUBT):
        dgmm.GaussianMixture(2, random_state=0).fit(X, sample_weight=np.full(300, each))


def test_counts_that_are_meant_are_not_warned_of():
    def fitted(rows, weights=None, normalize_weights=None):
        mixture = dgmm.GaussianMixture(2, random_state=0, normalize_weights=normalize_weights)
        return mixture.fit(rows, sample_weight=weights)

    with warnings.catch_warnings(action="error"):
        found = fitted(X, np.full(300, 40.0), "counts")
        fitted(X, np.ones(300))
        fitted(X, np.full(300, 3))
    repeated = fitted(np.repeat(X, 40, axis=0))
    assert found.bic_ == pytest.approx(repeated.bic_, rel=1e-6)


@pytest.mark.parametrize("rows", [X, da.from_array(X, chunks=(70, 2))])
def test_unequal_weights_count_as_many_rows_as_kish_says(rows):
    mixture = dgmm.GaussianMixture(2, random_state=0, normalize_weights="kish")
    mixture.fit(rows, sample_weight=1e5 * UNEQUAL)
    assert mixture.n_effective_ == pytest.approx(KISH)
    n_parameters = 11
    expected = -2 * KISH * mixture.lower_bound_ + n_parameters * np.log(KISH)
    assert mixture.bic_ == pytest.approx(expected)
    assert mixture.n_samples_seen_ == pytest.approx(1e5 * UNEQUAL.sum())  # for partial_fit


def test_rows_without_weight_are_no_rows():
    weights = np.where(np.arange(300) < 150, 0.0, 5.0)
    found = dgmm.GaussianMixture(1, normalize_weights="rows").fit(X, sample_weight=weights)
    alone = dgmm.GaussianMixture(1).fit(X[150:])
    assert found.n_effective_ == 150
    assert found.bic_ == pytest.approx(alone.bic_)


def test_the_number_of_rows_is_kept_with_a_mixture(tmp_path):
    mixture = dgmm.GaussianMixture(2, normalize_weights="kish", random_state=0)
    mixture.fit(X, sample_weight=UNEQUAL).to_zarr(tmp_path / "mixture.zarr")
    again = dgmm.GaussianMixture.from_zarr(tmp_path / "mixture.zarr")
    assert again.n_effective_ == mixture.n_effective_
    assert again.normalize_weights == "kish"


def test_a_sum_without_weights_is_the_number_of_rows():
    assert dgmm.GaussianMixture(1).fit(X).n_effective_ == 300


def test_other_words_are_refused():
    with pytest.raises(ConfigurationError, match="normalize_weights is 'mean'; expected one of"):
        dgmm.GaussianMixture(1, normalize_weights="mean").fit(X)
