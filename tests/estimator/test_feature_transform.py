"""`feature_transform` of the estimator and the sweep: as if the rows had been changed before."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest

import dgmm
from dgmm import GaussianMixture
from dgmm.errors import ConfigurationError, OutputError
from dgmm.run import loads, run

N = 1_200
CENTRES = np.array([[0.0, 1.0], [3.0, 4.0]])
WANTED = {"a": {"arcsinh": 5}, "b": "yeo-johnson"}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    return np.sinh(CENTRES[rng.integers(0, 2, N)] + rng.normal(size=(N, 2)) * 0.4) * 5


@pytest.fixture(scope="module")
def frame(rows):
    return pd.DataFrame(rows, columns=["a", "b"])


def log_jacobian(rows):
    return -np.log(np.hypot(rows, 5)).sum(axis=1)


def test_a_fit_is_that_of_rows_after_the_function(rows):
    z = np.arcsinh(rows / 5)
    found = GaussianMixture(2, feature_transform="arcsinh", random_state=0).fit(rows)
    expected = GaussianMixture(2, random_state=0).fit(z)
    np.testing.assert_allclose(found.means_, expected.means_, rtol=1e-9)
    np.testing.assert_allclose(found.covariances_, expected.covariances_, rtol=1e-8)
    np.testing.assert_array_equal(found.predict(rows), expected.predict(z))
    np.testing.assert_allclose(found.predict_proba(rows), expected.predict_proba(z), atol=1e-9)
    density = expected.score_samples(z) + log_jacobian(rows)
    np.testing.assert_allclose(found.score_samples(rows), density, rtol=1e-7, atol=1e-7)
    assert found.score(rows) == pytest.approx(density.mean(), rel=1e-9)
    assert found.lower_bound_ == pytest.approx(density.mean(), rel=1e-9)
    for criterion in ("bic", "aic", "icl"):
        on_data = getattr(found, criterion)(rows)
        assert getattr(found, f"{criterion}_") == pytest.approx(on_data, rel=1e-9)
    lazy = found.score_samples(da.from_array(rows, chunks=(500, 2)))
    np.testing.assert_array_equal(lazy.compute(), found.score_samples(rows))


@pytest.mark.filterwarnings("ignore:BIC is smallest")  # the numbers tried are few
def test_a_sweep_compares_functions(rows):
    bic = {
        name: dgmm.sweep(rows, 2, "full", random_state=0, feature_transform=wanted).best.bic_
        for name, wanted in {"none": None, "right": "arcsinh", "some": {"x0": "arcsinh"}}.items()
    }
    assert min(bic, key=bic.__getitem__) == "right"
    found = dgmm.sweep(rows, (1, 2), "full", random_state=0, feature_transform="arcsinh")
    tolerance = [result.criteria["tolerance"] for result in found.results]
    assert tolerance == [np.inf, 11]
    again = found.model("full", 2)
    np.testing.assert_array_equal(again.predict(rows), found.best.predict(rows))
    scored = dgmm.sweep(
        rows, (1, 2), "full", criterion="silhouette", random_state=0, feature_transform="arcsinh"
    )
    assert scored.silhouettes["full-2"] > 0.7  # of the values after it; raw ones have less


def test_samples_and_conditions_are_in_the_units_of_the_data(frame):
    found = GaussianMixture(2, feature_transform=WANTED, random_state=0).fit(frame)
    drawn, _ = found.sample(20_000)
    quantiles = (0.1, 0.5, 0.9)
    np.testing.assert_allclose(
        np.quantile(drawn, quantiles, axis=0), frame.quantile(quantiles), rtol=0.12, atol=0.5
    )
    of_a = found.marginal(["a"])
    z = np.arcsinh(frame["a"].to_numpy() / 5)[:, None]
    plain = GaussianMixture(2).set_params(random_state=0)
    plain.weights_, plain.means_, plain.covariances_ = (
        *(found.weights_, found.means_[:, :1], found.covariances_[:, :1, :1]),
    )
    plain.precisions_cholesky_ = 1 / np.sqrt(plain.covariances_)
    plain.n_features_in_ = 1
    np.testing.assert_allclose(
        of_a.score_samples(frame[["a"]]),
        plain.score_samples(z) - np.log(np.hypot(frame["a"], 5)),
        rtol=1e-9,
        atol=1e-9,
    )
    far, near = (found.condition(["a"], [value]).weights_ for value in (0.0, 50.0))
    assert far.argmax() != near.argmax()


def test_it_is_kept_by_zarr_warm_starts_and_runs(tmp_path, rows, frame):
    found = GaussianMixture(2, feature_transform=WANTED, random_state=0).fit(frame)
    found.to_zarr(tmp_path / "m.zarr")
    again = GaussianMixture.from_zarr(tmp_path / "m.zarr")
    assert again.get_params() == found.get_params()
    assert again.feature_transform_ == found.feature_transform_
    np.testing.assert_array_equal(again.predict_proba(frame), found.predict_proba(frame))

    later = GaussianMixture(2, feature_transform=WANTED, init_params=found).fit(frame[:800])
    assert later.feature_transform_ == found.feature_transform_  # the power stays
    with pytest.raises(ConfigurationError, match="init_params is a mixture of features after"):
        GaussianMixture(2, init_params=found).fit(frame)

    np.save(tmp_path / "x.npy", rows)
    run(
        loads(f"""
        input: {{path: {tmp_path}/x.npy}}
        prepare: {{transform: arcsinh}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {tmp_path}/out, report: false}}
        cluster: {{kind: threads}}
        """)
    )
    opened = GaussianMixture.from_zarr(tmp_path / "out")
    expected = GaussianMixture(2, feature_transform="arcsinh", random_state=0).fit(rows)
    np.testing.assert_allclose(opened.means_, expected.means_, rtol=1e-6)
    assert opened.score(rows) == pytest.approx(opened.lower_bound_, rel=1e-9)


def test_steps_over_new_rows_are_those_of_rows_after_the_function(rows):
    z = np.arcsinh(rows / 5)
    found = GaussianMixture(2, feature_transform="arcsinh", random_state=0).fit(rows[:600])
    plain = GaussianMixture(2, random_state=0).fit(z[:600])
    found.partial_fit(rows[600:])
    plain.partial_fit(z[600:])
    np.testing.assert_allclose(found.means_, plain.means_, rtol=1e-9)
    expected = plain.predictive_score_ + log_jacobian(rows[600:]).mean()
    assert found.predictive_score_ == pytest.approx(expected, rel=1e-9)
    merged = found.merge(rows)
    assert merged.n_clusters == plain.merge(z).n_clusters == 2


def test_what_cannot_be_done_is_refused(rows):
    with pytest.raises(ConfigurationError, match="feature_transform has 'sqrt'; expected one of"):
        GaussianMixture(2, feature_transform="sqrt").fit(rows)
    with pytest.raises(ConfigurationError, match="names depth, which the data do not have"):
        dgmm.sweep(rows, 2, feature_transform={"depth": "log"})
    with pytest.raises(ValueError, match="log takes numbers above 0"):
        GaussianMixture(2, feature_transform="log").fit(rows)
    found = GaussianMixture(2, feature_transform="arcsinh").fit(rows)
    for convert in (found.to_sklearn, found.to_sql, found.to_json):
        with pytest.raises(OutputError, match="functions of its features"):
            convert()
