"""A sweep fits every candidate and keeps what it found."""

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score

import dgmm

X = load_iris().data
OLD_FAITHFUL = np.loadtxt(
    Path(__file__).parents[2] / "docs/data/old_faithful.csv", delimiter=",", skiprows=1
)


@pytest.fixture(scope="module")
def result():
    return dgmm.sweep(X, range(1, 5), random_state=0)


def test_the_best_of_iris_is_what_mclust_finds(result):
    assert (result.best.covariance_type, result.best.n_components) == ("full", 2)
    assert result.best.bic(X) == pytest.approx(574.0178, abs=1e-3)
    assert result.best.bic_ == pytest.approx(result.best.bic(X))
    assert len(result.results) == 16
    assert "best by bic: full-2" in repr(result)


@pytest.mark.parametrize(
    ("covariance_type", "n_components", "bic"),
    [
        ("full", 3, 580.8389),
        ("tied", 3, 632.9633),
        ("tied", 4, 591.4057),
        ("diag", 3, 743.9974),
        ("spherical", 3, 853.8090),
    ],
)
def test_candidates_reach_what_mclust_reaches(result, covariance_type, n_components, bic):
    assert result.model(covariance_type, n_components).bic(X) <= bic + 1e-3


@pytest.mark.parametrize(
    ("covariance_type", "n_components", "bic"),
    [("tied", 3, 2314.2957), ("full", 2, 2322.192), ("diag", 2, 2346.065)],
)
def test_old_faithful_reaches_what_mclust_reaches(covariance_type, n_components, bic):
    mixture = dgmm.GaussianMixture(n_components, covariance_type=covariance_type, random_state=0)
    assert mixture.fit(OLD_FAITHFUL).bic(OLD_FAITHFUL) == pytest.approx(bic, abs=1e-3)


def test_tables_hold_every_candidate_best_first(result):
    pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert list(frame.loc[0, ["covariance_type", "n_components"]]) == ["full", 2]
    assert (frame.status != "degenerate").all()
    # of four full components one stands on fewer rows than it has parameters
    assert list(frame.iloc[-1][["covariance_type", "n_components"]]) == ["full", 4]
    assert frame.bic[:-1].is_monotonic_increasing
    assert len(frame) == 16
    html = result._repr_html_()
    assert html.count("<tr>") == 17


def test_xarray_holds_criteria_over_the_candidates(result):
    pytest.importorskip("xarray")
    dataset = result.to_xarray()
    assert dict(dataset.sizes) == {"covariance_type": 4, "n_components": 4}
    best = dataset.bic.sel(covariance_type="full", n_components=2)
    assert float(best) == pytest.approx(result.best.bic_)


def test_an_unknown_candidate_is_named(result):
    with pytest.raises(KeyError, match="no candidate full-9; expected one of full-1"):
        result.model("full", 9)


def test_a_sweep_of_one_is_a_fit():
    rows = da.from_array(X, chunks=(50, -1))
    alone = dgmm.GaussianMixture(3, covariance_type="diag", random_state=0).fit(rows)
    swept = dgmm.sweep(rows, 3, "diag", random_state=0).best
    np.testing.assert_array_equal(swept.means_, alone.means_)
    np.testing.assert_array_equal(swept.predict(rows), alone.predict(rows))


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_the_silhouette_chooses_what_is_apart(shift):
    rng = np.random.default_rng(0)
    clumps = [rng.normal(centre, 0.3, size=(60, 2)) for centre in (0, 4, 9)]
    rows = np.round(np.concatenate(clumps), 2) + shift
    found = dgmm.sweep(rows, (1, 2, 3, 5), ("full", "tied"), criterion="silhouette", random_state=0)
    assert found.best.n_components == 3
    assert "silhouette 0.9" in repr(found)
    for result in found.results:
        candidate = result.candidate
        if candidate.n_components > 1:
            labels = found.model(candidate.covariance_type, candidate.n_components).predict(rows)
            expected = silhouette_score(rows - shift, labels)
            assert found.silhouettes[candidate.name] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(found.silhouettes["full-1"])
    last = [record["n_components"] for record in found._records()][-2:]
    assert last == [1, 1]
    assert found._repr_html_().count("<th>silhouette</th>") == 1
    assert "silhouette" not in dgmm.sweep(rows, 1)._repr_html_()


def test_silhouettes_are_columns_and_variables():
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    found = dgmm.sweep(X, range(1, 4), "full", criterion="silhouette", random_state=0)
    frame = found.to_pandas()
    assert frame.silhouette[:-1].is_monotonic_decreasing
    assert np.isnan(frame.silhouette.iloc[-1])
    curve = found.to_xarray().silhouette.sel(covariance_type="full")
    assert float(curve.max()) == frame.silhouette[0] == found.silhouettes["full-2"]


def test_the_silhouette_takes_some_rows_of_many_and_none_without_weight():
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(0, 1, (20_000, 2)), rng.normal(9, 1, (20_000, 2))])
    astray = np.concatenate([rows, np.full((500, 2), 1e3)])
    weights = np.repeat([1.0, 0.0], [40_000, 500])
    of_rows = dgmm.sweep(rows, 2, "full", criterion="silhouette", random_state=0)
    weighted = dgmm.sweep(
        astray, 2, "full", criterion="silhouette", sample_weight=weights, random_state=0
    )
    assert of_rows.silhouettes == pytest.approx(weighted.silhouettes, abs=0.01)
    some = rows[::10]
    expected = silhouette_score(some, of_rows.best.predict(some))
    assert of_rows.silhouettes["full-2"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 1, "criterion": "silhouette"}, "needs a candidate of at least two"),
        ({"n_components": ()}, "expected at least one of each"),
        ({"covariance_type": ("full", "round")}, "covariance_type is 'round'"),
    ],
)
def test_sweeps_of_nothing_sensible_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        dgmm.sweep(X, **parameters)


def test_a_best_candidate_that_is_not_converged_is_told_of():
    with pytest.warns(ConvergenceWarning, match="The best candidate: EM used all its iterations"):
        found = dgmm.sweep(X, 3, "tied", max_iter=1, tol=1e-12, random_state=0)
    assert found.best.status_ == "max_iter"


def test_a_number_of_components_may_be_numpy_s_and_come_twice():
    assert len(dgmm.sweep(X, np.int64(2), "full").results) == 1
    assert len(dgmm.sweep(X, [2, 2], ["full", "full"]).results) == 1


def test_a_wrong_criterion_is_named():
    with pytest.raises(ValueError, match="criterion is 'bayes'; expected one of 'bic'"):
        dgmm.sweep(X, 2, criterion="bayes")
