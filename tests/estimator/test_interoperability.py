"""A mixture inside what other libraries build around estimators."""

import copy
import pickle

import dask.array as da
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dgmm import GaussianMixture

X = load_iris().data
FOLDS = KFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)


def test_a_pipeline_fits_predicts_and_scores():
    scaler = StandardScaler().fit(X)
    alone = GaussianMixture(3, random_state=0).fit(scaler.transform(X))
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(X)
    np.testing.assert_array_equal(pipeline.predict(X), alone.predict(scaler.transform(X)))
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), alone.predict_proba(scaler.transform(X))
    )
    assert pipeline.score(X) == alone.score(scaler.transform(X))
    labels = clone(pipeline).fit_predict(X)
    np.testing.assert_array_equal(labels, pipeline.predict(X))
    weighted = clone(pipeline).fit(X, gaussianmixture__sample_weight=np.arange(150.0) / 75)
    expected = clone(alone).fit(scaler.transform(X), sample_weight=np.arange(150.0) / 75)
    np.testing.assert_array_equal(weighted[-1].means_, expected.means_)


def test_columns_chosen_as_a_frame_keep_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0))
    pipeline[:-1].set_output(transform="pandas")
    labels = pipeline.fit(frame).predict(frame)
    assert list(pipeline[-1].feature_names_in_) == list("abcd")
    pipeline[-1].set_output(transform="pandas")
    indexed = pipeline.predict(frame)
    assert indexed.index.equals(frame.index)
    np.testing.assert_array_equal(indexed, labels)


def test_a_grid_search_finds_what_scores_best():
    grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "spherical"]}
    search = GridSearchCV(GaussianMixture(n_init=1, random_state=0), grid, cv=FOLDS).fit(X)
    chosen = GaussianMixture(n_init=1, random_state=0, **search.best_params_)
    scores = cross_val_score(chosen, X, cv=FOLDS)
    assert search.best_score_ == pytest.approx(scores.mean(), rel=1e-12)
    assert search.best_params_["covariance_type"] == "full"
    np.testing.assert_array_equal(search.predict(X), chosen.fit(X).predict(X))
    by_bic = GridSearchCV(
        GaussianMixture(n_init=1, covariance_type="full", random_state=0),
        {"n_components": [1, 2, 3]},
        scoring=lambda model, rows: -model.bic(rows),
        cv=[(np.arange(150), np.arange(150))],
    ).fit(X)
    assert by_bic.best_params_ == {"n_components": 2}


def test_cross_validation_predicts_every_row_once():
    model = GaussianMixture(2, n_init=1, random_state=0)
    found = cross_val_predict(model, X, cv=FOLDS, method="predict_proba")
    for train, test in FOLDS.split(X):
        expected = clone(model).fit(X[train]).predict_proba(X[test])
        np.testing.assert_array_equal(found[test], expected)


def test_metadata_routing_carries_weights_to_the_fit():
    weights = np.arange(150.0) / 75
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(1).set_fit_request(sample_weight=True)
        assert model.get_metadata_routing().fit.requests == {"sample_weight": True, "labels": None}
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        routed = pipeline.fit(X, sample_weight=weights)[-1]
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_array_equal(
        routed.means_, GaussianMixture(1).fit(scaled, None, weights).means_
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_the_same_attributes(mixture, copied):
    again = copied(mixture)
    assert again.get_params() == mixture.get_params()
    assert set(vars(again)) == set(vars(mixture))
    np.testing.assert_array_equal(again.score_samples(X), mixture.score_samples(X))
    assert not hasattr(clone(mixture), "weights_")


def test_dask_ml_s_wrapper_predicts_block_by_block(mixture):
    wrappers = pytest.importorskip(
        "dask_ml.wrappers", reason="needs dask-ml, of 200 MB: pip install dask-ml"
    )
    wrapped = wrappers.ParallelPostFit(clone(mixture)).fit(X)
    rows = da.from_array(X, chunks=(40, -1))
    for method in ("predict", "predict_proba"):
        result = getattr(wrapped, method)(rows)
        assert isinstance(result, da.Array)
        assert result.chunks[0] == rows.chunks[0]
        np.testing.assert_array_equal(result, getattr(mixture, method)(X))
    assert wrapped.score(rows, None) == mixture.score(rows)


def test_labels_are_the_columns_of_probabilities(mixture):
    np.testing.assert_array_equal(mixture.classes_, [0, 1, 2])
    assert not hasattr(GaussianMixture(3), "classes_")
