"""Every kind of data gives the same answers, in the kind it came in."""

import pickle

import dask.array as da
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris

from dgmm import GaussianMixture
from dgmm.errors import DataError

X = load_iris().data
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixture(3, tol=1e-13, random_state=0).fit(X)


def same_fit(a, b):
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-7)
    np.testing.assert_allclose(a.covariances_, b.covariances_, rtol=1e-6)
    assert a.bic_ == pytest.approx(b.bic_, rel=1e-12)


def test_a_dask_array_is_fitted_and_predicted_lazily(mixture):
    rows = da.from_array(X, chunks=((40, 1, 109), (1, 3)))
    same_fit(clone(mixture).fit(rows), mixture)
    labels, proba = mixture.predict(rows), mixture.predict_proba(rows)
    assert isinstance(labels, da.Array)
    assert labels.chunks == (rows.chunks[0],)
    assert proba.chunks == (rows.chunks[0], (3,))
    assert labels.dtype == mixture.predict(X).dtype
    np.testing.assert_array_equal(labels, mixture.predict(X))
    np.testing.assert_allclose(proba, mixture.predict_proba(X), rtol=1e-12)
    np.testing.assert_allclose(mixture.score_samples(rows), mixture.score_samples(X), rtol=1e-12)
    assert mixture.bic(rows) == pytest.approx(mixture.bic(X), rel=1e-12)


def test_nothing_is_computed_until_it_is_asked_for(mixture):
    reads = []

    def read(block):
        reads.append(len(block))
        return block

    rows = da.from_array(X, chunks=(50, -1)).map_blocks(read, meta=np.empty((0, 0)))
    lazy = [mixture.predict(rows), mixture.predict_proba(rows), mixture.score_samples(rows)]
    assert not reads
    lazy[0].compute()
    assert reads == [50, 50, 50]
    assert mixture.icl(rows) == pytest.approx(mixture.icl(X), rel=1e-12)
    assert reads == [50] * 6


def test_unknown_chunk_sizes_are_computed_and_the_caller_s_array_left_alone(mixture):
    rows = da.from_array(X, chunks=(60, -1))
    rows = rows[rows[:, 0] > 0]
    same_fit(clone(mixture).fit(rows), mixture)
    assert np.isnan(rows.shape[0])
    np.testing.assert_array_equal(mixture.predict(rows).compute(), mixture.predict(X))
    assert mixture.score(rows) == pytest.approx(mixture.score(X), rel=1e-12)


def test_a_pandas_frame_gives_arrays_as_in_scikit_learn(mixture):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, index=np.arange(150) * 2, columns=NAMES)
    fitted = clone(mixture).fit(frame)
    for method in ("predict", "predict_proba", "score_samples"):
        found = getattr(fitted, method)(frame)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, getattr(mixture, method)(X), rtol=1e-9)
    assert type(clone(mixture).fit_predict(frame)) is np.ndarray
    with config_context(transform_output="pandas"):
        assert fitted.predict(frame).index.equals(frame.index)
        assert type(fitted.set_output(transform="default").predict(frame)) is np.ndarray
    with pytest.raises(ValueError, match="transform is 'polars'; expected 'default' or 'pandas'"):
        fitted.set_output(transform="polars")


def test_a_pandas_frame_gives_an_indexed_series_and_frame_where_asked_for(mixture):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, index=np.arange(150) * 2, columns=NAMES)
    fitted = clone(clone(mixture).set_output(transform="pandas")).fit(frame)  # clones keep it
    same_fit(fitted, mixture)
    assert list(fitted.feature_names_in_) == NAMES
    labels, proba = fitted.predict(frame), fitted.predict_proba(frame)
    assert labels.index.equals(frame.index)
    assert labels.name == "label"
    assert proba.index.equals(frame.index)
    np.testing.assert_allclose(proba, mixture.predict_proba(X), rtol=1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[NAMES[::-1]])


def test_a_dask_frame_gives_a_lazy_series_and_frame(mixture):
    pandas = pytest.importorskip("pandas")
    frames = pytest.importorskip("dask.dataframe")
    frame = pandas.DataFrame(X, columns=NAMES)
    lazy = frames.from_pandas(frame, npartitions=4)
    fitted = clone(mixture).fit(lazy, sample_weight=lazy.sepal_width * 0 + 1)
    same_fit(fitted, mixture)
    assert list(fitted.feature_names_in_) == NAMES
    labels, proba = fitted.predict(lazy), fitted.predict_proba(lazy)
    assert labels.divisions == lazy.divisions
    np.testing.assert_array_equal(labels.compute(), mixture.predict(X))
    assert list(proba.columns) == [0, 1, 2]
    np.testing.assert_allclose(proba.compute(), mixture.predict_proba(X), rtol=1e-9)
    assert fitted.score(lazy) == pytest.approx(mixture.score(X), rel=1e-12)


@pytest.mark.parametrize("chunks", [None, {"y": 3, "x": 4, "band": 2}])
def test_a_dataarray_gives_its_coordinates_back(mixture, chunks):
    xarray = pytest.importorskip("xarray")
    cube = xarray.DataArray(
        np.moveaxis(X.reshape(10, 15, 4), 2, 0),
        dims=("band", "y", "x"),
        coords={"y": np.arange(10) * 0.5, "band": NAMES, "lat": (("y", "x"), np.ones((10, 15)))},
        attrs={"units": "cm", "scale_factor": 1.0, "grid_mapping": "crs"},
    )
    if chunks:
        cube = cube.chunk(chunks)
    fitted = GaussianMixture(3, tol=1e-13, random_state=0, feature_dim="band").fit(cube)
    assert list(fitted.feature_names_in_) == NAMES
    assert fitted.bic_ == pytest.approx(mixture.bic_, rel=1e-9)
    labels, proba = fitted.predict(cube), fitted.predict_proba(cube)
    assert labels.dims == ("y", "x")
    assert proba.dims == ("y", "x", "component")
    assert set(labels.coords) == {"y", "lat"}
    assert labels.attrs == proba.attrs == {"grid_mapping": "crs"}
    assert fitted.impute(cube).attrs == cube.attrs
    assert fitted.impute(cube, return_variance=True)[1].attrs == {"grid_mapping": "crs"}
    assert isinstance(labels.data, da.Array if chunks else np.ndarray)
    np.testing.assert_allclose(proba.sum("component"), 1, rtol=1e-12)
    ours = fitted.score_samples(cube).values.reshape(-1)
    np.testing.assert_allclose(ours, mixture.score_samples(X), atol=1e-4)


@pytest.mark.parametrize("chunks", [None, {"y": 3, "x": 4}])
def test_weights_of_a_dataarray_follow_its_cells(chunks):
    xarray = pytest.importorskip("xarray")
    cube = xarray.DataArray(X.reshape(10, 15, 4), dims=("y", "x", "band"))
    weights = xarray.DataArray(np.arange(10.0) / 5, dims="y")
    flat = np.repeat(np.arange(10.0) / 5, 15)
    expected = GaussianMixture().fit(X, sample_weight=flat)
    if chunks:
        cube = cube.chunk(chunks)
    same_fit(GaussianMixture().fit(cube, sample_weight=weights), expected)
    same_fit(GaussianMixture().fit(cube, sample_weight=flat.reshape(10, 15)), expected)
    with pytest.raises(DataError, match=r"sample_weight has shape \(3,\)"):
        GaussianMixture().fit(cube, sample_weight=np.ones(3))


def test_a_client_computes_what_is_lazy_and_gives_the_same_bits(mixture):
    distributed = pytest.importorskip("distributed")
    rows = da.from_array(X, chunks=(40, -1))
    here = clone(mixture).fit(rows)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client=client) as tasks,
    ):
        there = clone(mixture).fit(rows)
    assert tasks.data
    np.testing.assert_array_equal(here.means_, there.means_)
    np.testing.assert_array_equal(here.covariances_, there.covariances_)


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i2", "u1", "?"])
def test_other_dtypes_give_what_their_float64_copy_gives(dtype):
    rows = np.asfortranarray((10 * X).astype(dtype) if dtype != "?" else X.mean(axis=0) < X)
    model = GaussianMixture(2, reg_covar=1e-3, random_state=0)
    stored, widened = clone(model).fit(rows), clone(model).fit(rows.astype(np.float64))
    assert stored.means_.dtype == np.float64
    np.testing.assert_array_equal(stored.means_, widened.means_)
    np.testing.assert_array_equal(stored.predict(rows), widened.predict(rows.astype(np.float64)))


def test_attributes_set_by_hand_predict():
    by_hand = GaussianMixture(2, covariance_type="diag")
    by_hand.weights_ = [0.5, 0.5]
    by_hand.means_ = [[0.0, 0.0], [10.0, 10.0]]
    by_hand.covariances_ = [[1.0, 1.0], [1.0, 1.0]]
    assert by_hand.predict([[1, 1], [9, 9]]).tolist() == [0, 1]
    other = GaussianMixture(2, covariance_type="diag")
    other.weights_, other.means_ = by_hand.weights_, by_hand.means_
    other.precisions_cholesky_ = np.ones((2, 2))
    np.testing.assert_array_equal(other.score_samples([[1, 1]]), by_hand.score_samples([[1, 1]]))
    with pytest.raises(DataError, match="X has 3 features, but the mixture has 2"):
        by_hand.predict([[1, 1, 1]])


def test_a_pickled_mixture_is_the_same(mixture):
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.score_samples(X), mixture.score_samples(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components is 0; expected an integer of at least 1"),
        ({"covariance_type": "fulll"}, "covariance_type is 'fulll'; expected one of 'full'"),
        ({"tol": -1}, "tol is -1; expected a finite number"),
        ({"max_iter": 1.5}, "max_iter is 1.5; expected an integer"),
        ({"init_params": "best"}, "init_params is 'best'; expected one of"),
        ({"reg_covar": np.inf}, "reg_covar is inf"),
        ({"sample_size": 0}, "sample_size is 0"),
        ({"feature_dim": "band"}, None),
    ],
)
def test_wrong_parameters_are_named_with_what_is_expected(parameters, message):
    model = GaussianMixture(**parameters)
    if message is None:
        model.fit(X)  # it matters to DataArrays only
    else:
        with pytest.raises(ValueError, match=message):
            model.fit(X)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (da.ones(5), "Dask array of 1 dimension"),
        (da.ones((5, 2), dtype=complex), "dtype complex128"),
        (da.from_array(np.array([[1.0, 2.0], [np.nan, 1.0]])), "NaN or infinite"),
    ],
)
def test_unusable_dask_arrays_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture().fit(rows)
