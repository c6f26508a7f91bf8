"""Parts of a mixture that stay to the bit, through the estimator and a sweep."""

import dask.array as da
import numpy as np
import pytest

import dgmm
from dgmm.errors import ConfigurationError
from tests.estimator.test_labels import MEANS, planted

PARTS = ("weights", "means", "covariances")


@pytest.fixture(scope="module")
def known():
    """Two of the four clusters, as earlier rows had them."""
    rng = np.random.default_rng(7)
    rows = np.concatenate(
        [MEANS[k] + rng.normal(size=(n, 2)) * [1.0, 1.3] for k, n in ((1, 4_000), (0, 2_000))]
    )
    return dgmm.GaussianMixture(2, random_state=0).fit(rows)


def assert_stays(found, known, *parts):
    n = known.n_components
    for part in parts:
        mine, others = (getattr(model, f"{part}_") for model in (found, known))
        assert mine[:n].tobytes() == others.tobytes()


def test_components_stay_and_others_are_found_beside_them(known):
    rows, _ = planted()
    found = dgmm.sweep(
        rows, range(2, 6), "full", init_params=known, fixed=PARTS[1:], random_state=0
    )
    assert found.best.n_components == 4
    assert_stays(found.best, known, "means", "covariances")
    order = np.argsort(found.best.means_[2:, 0])
    np.testing.assert_allclose(found.best.means_[2:][order], MEANS[2:], atol=0.3)
    whole = dgmm.GaussianMixture(4, random_state=0).fit(rows)
    lost = whole.score(rows) - found.best.score(rows)
    assert 0 < lost < 0.05
    assert found.best.n_fixed_parameters_ == 2 * (2 + 3)
    assert found.best.bic_ == pytest.approx(found.best.bic(rows), rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("full", ("means",)),
        ("full", ("weights", "means")),
        ("tied", ("covariances",)),
        ("diag", PARTS),
        ("spherical", ("weights", "covariances")),
        ("VEV", ("means",)),
        ("EVE", PARTS[1:]),
    ],
)
def test_parts_stay_to_the_bit_for_structures(kind, parts):
    rows, _ = planted(400)
    start = dgmm.GaussianMixture(3, covariance_type=kind, random_state=0, max_iter=3, tol=1e-3)
    start.fit(rows[:100] + 0.1)
    model = dgmm.GaussianMixture(3, covariance_type=kind, init_params=start, fixed=parts)
    found = model.fit(rows + 1e3)  # moving the origin rounds means
    for part in parts:
        assert getattr(found, f"{part}_").tobytes() == getattr(start, f"{part}_").tobytes()
    assert (np.diff(found.lower_bounds_) >= -1e-12).all()


def test_given_parts_stay():
    rows, _ = planted()
    for name, value in (("means", MEANS), ("weights", [0.5, 0.25, 0.125, 0.125])):
        model = dgmm.GaussianMixture(4, fixed=name, random_state=0, **{f"{name}_init": value})
        found = model.fit(rows)
        assert getattr(found, f"{name}_").tobytes() == np.asarray(value, float).tobytes()
    precisions = np.array([np.diag([1.0, 1 / 1.69])] * 4)
    found = dgmm.GaussianMixture(4, fixed="covariances", precisions_init=precisions, random_state=0)
    np.testing.assert_allclose(found.fit(rows).precisions_, precisions, rtol=1e-12)


def test_the_fit_is_a_maximum():
    """Means stay, and weights and covariances are those of a step of textbook EM."""
    rows, _ = planted()
    model = dgmm.GaussianMixture(4, fixed="means", means_init=MEANS, tol=1e-11, random_state=0)
    found = model.fit(rows)
    r = found.predict_proba(rows)
    apart = rows[:, None] - MEANS
    matrices = np.einsum("nk,nki,nkj->kij", r, apart, apart) / r.sum(axis=0)[:, None, None]
    np.testing.assert_allclose(found.covariances_, matrices, atol=1e-4)
    np.testing.assert_allclose(found.weights_, r.mean(axis=0), atol=1e-5)


def test_known_components_may_have_no_rows(known):
    rows = planted()[0] + 60
    found = dgmm.GaussianMixture(4, init_params=known, fixed=PARTS[1:], random_state=0).fit(rows)
    assert found.status_ == "converged"
    assert found.weights_[:2].max() < 1e-9
    assert found.predict(rows).min() == 2


def test_what_else_is_known_of_rows_goes_with_it(known):
    rows, labels = planted(600)
    model = dgmm.GaussianMixture(4, fixed="means", means_init=MEANS, random_state=0)
    model.fit(rows, labels=labels)
    assert model.means_.tobytes() == MEANS.tobytes()
    lacking = np.where(np.random.default_rng(0).random(rows.shape) < 0.2, np.nan, rows)
    found = dgmm.GaussianMixture(
        4, init_params=known, fixed=PARTS[1:], missing="marginalize", random_state=0
    ).fit(lacking)
    assert_stays(found, known, "means", "covariances")
    assert (
        abs(found.score(rows) - dgmm.GaussianMixture(4, random_state=0).fit(rows).score(rows)) < 0.1
    )
    noisy = dgmm.GaussianMixture(
        3, init_params=known, fixed="means", noise="hypervolume", random_state=0
    ).fit(rows)
    assert_stays(noisy, known, "means")
    lazy = dgmm.GaussianMixture(
        4, init_params=known, fixed="means", sample_size=300, random_state=0
    ).fit(da.from_array(rows, (200, 2)))
    assert_stays(lazy, known, "means")


def test_a_mixture_is_stored_with_what_counts(known, tmp_path):
    rows, _ = planted(600)
    found = dgmm.GaussianMixture(3, init_params=known, fixed="means", random_state=0).fit(rows)
    other = found.set_params(init_params=None)
    other.to_zarr(tmp_path / "mixture.zarr")
    again = dgmm.GaussianMixture.from_zarr(tmp_path / "mixture.zarr")
    assert again.n_fixed_parameters_ == 4
    assert again.bic(rows) == pytest.approx(found.bic_, rel=1e-12)
    with pytest.raises(ConfigurationError, match="stepwise EM has none"):
        found.partial_fit(rows)


def test_what_cannot_stay_is_refused(known):
    rows, _ = planted(200)
    for keys, expected in (
        ({"fixed": "mean"}, "expected one or more of 'weights', 'means', 'covariances'"),
        ({"fixed": ()}, "expected one or more of"),
        ({"init_params": None}, "no means are given; expected a mixture as init_params, or means"),
        ({"n_components": 1}, "means of 2 components are fixed, and the model full-1 has 1"),
        ({"fixed": "weights"}, "expected exactly 2"),
        ({"fixed": "covariances", "covariance_type": "diag"}, "Covariances of the type full"),
        ({"prior": "conjugate"}, "Parts are fixed, and a prior"),
        ({"fixed": "weights", "n_components": 2, "noise": -9.0}, "whose weight is to be found"),
    ):
        model = dgmm.GaussianMixture(3, init_params=known, fixed="means").set_params(**keys)
        with pytest.raises(ConfigurationError, match=expected):
            model.fit(rows)
