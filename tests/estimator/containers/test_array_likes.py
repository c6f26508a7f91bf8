"""Masks count, and what is no array of numbers on this machine is refused by name."""

import array

import dask.array as da
import numpy as np
import pytest
import scipy.sparse

from dgmm import GaussianMixture, sweep
from dgmm.errors import DataError

X = np.random.default_rng(0).normal(size=(60, 2)) + 5
BAD = np.where(np.arange(120).reshape(60, 2) % 20 == 1, -9999.0, X)
MASKED = np.ma.masked_equal(BAD, -9999.0)
SAID = r"masked array, in which 6 values are missing, in 6 row\(s\), the first: 0, 10, 20, 30, 40"


def model():
    return GaussianMixture(1)


@pytest.mark.parametrize(
    "rows", [MASKED, list(MASKED), tuple(MASKED)], ids=["array", "list", "tuple"]
)
def test_masked_values_are_refused_with_their_rows(rows):
    fitted = model().fit(X)
    for method in (
        model().fit,
        model().partial_fit,
        fitted.partial_fit,
        fitted.predict,
        fitted.predict_proba,
        fitted.score_samples,
        fitted.score,
        fitted.bic,
        model().fit_predict,
    ):
        with pytest.raises(DataError, match=SAID):
            method(rows)
    with pytest.raises(DataError, match=SAID):
        sweep(rows, range(1, 3))


def test_a_mask_that_hides_nothing_makes_no_difference():
    expected = model().fit(X)
    for rows in (
        np.ma.array(X),
        np.ma.array(X, mask=np.zeros(X.shape, bool)),
        list(np.ma.array(X)),
    ):
        fitted = model().fit(rows)
        np.testing.assert_array_equal(fitted.means_, expected.means_)
        labels = fitted.predict(rows)
        assert type(labels) is np.ndarray
        np.testing.assert_array_equal(labels, np.zeros(60))
    complete = MASKED[~np.ma.getmaskarray(MASKED).any(axis=1)]
    np.testing.assert_allclose(
        model().fit(complete).means_[0], BAD[BAD.min(axis=1) > -9999].mean(0)
    )


@pytest.mark.parametrize(
    "as_dask",
    [
        da.from_array,
        lambda x, chunks: da.ma.masked_equal(da.from_array(x.data, chunks=chunks), -9999.0),
    ],
    ids=["of masked", "masked"],
)
def test_masked_blocks_of_dask_are_refused(as_dask):
    rows = as_dask(MASKED, chunks=(30, 2))
    with pytest.raises(DataError, match=r"block of rows .* is a masked array, in which 3 values"):
        model().fit(rows)
    with pytest.raises(DataError, match="A block is a masked array"):
        model().fit(X).predict(rows).compute()
    unmasked = as_dask(np.ma.array(X), chunks=(30, 2))
    np.testing.assert_allclose(model().fit(unmasked).means_, model().fit(X).means_, rtol=1e-12)


def test_masked_weights_are_refused():
    weights = np.ma.masked_equal(np.where(np.arange(60) < 7, -9.0, 1.0), -9.0)
    for rows in (X, da.from_array(X, chunks=(20, 2))):
        with pytest.raises(DataError, match="sample_weight is a masked array, in which 7 values"):
            model().fit(rows, sample_weight=weights)
        with pytest.raises(DataError, match="sample_weight is a masked array"):
            model().fit(X).partial_fit(rows, sample_weight=list(weights))
    lazy = da.from_array(weights, chunks=20)
    for rows in (X, list(X), da.from_array(X, chunks=(20, 2))):
        with pytest.raises(DataError, match="masked array, in which 7 values are missing"):
            model().fit(rows, sample_weight=lazy)
    weighed = model().fit(X, sample_weight=np.ma.array(np.arange(60.0) / 30))
    np.testing.assert_allclose(weighed.means_[0], np.average(X, axis=0, weights=np.arange(60)))


class _Elsewhere:
    """An array of the array API standard on another device."""

    shape, ndim, dtype, device = X.shape, 2, X.dtype, "cuda:0"

    def __len__(self):
        return len(X)

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **_):
        raise BufferError

    def __array__(self, dtype=None, copy=None):
        message = "no implicit copies"
        raise TypeError(message)


class _Here(_Elsewhere):
    device = "cpu"

    def __dlpack_device__(self):
        return (1, 0)

    def __array__(self, dtype=None, copy=None):
        return X


class _Stubborn(_Elsewhere):
    def __dlpack_device__(self):
        return (1, 0)


def test_arrays_of_another_device_are_refused_by_name():
    for method in (model().fit, model().fit(X).predict):
        with pytest.raises(
            DataError, match=r"_Elsewhere on cuda:0; dgmm computes on CPUs.*\.get\(\)"
        ):
            method(_Elsewhere())
        with pytest.raises(DataError, match="NumPy makes no array: no implicit copies"):
            method(_Stubborn())
    with pytest.raises(DataError, match=r"sample_weight is a .*_Elsewhere on cuda:0"):
        model().fit(X, sample_weight=_Elsewhere())
    np.testing.assert_array_equal(model().fit(_Here()).means_, model().fit(X).means_)


def test_a_dataarray_of_another_device_is_refused_by_name():
    xarray = pytest.importorskip("xarray")

    class Duck(_Elsewhere):
        def __array_function__(self, *_):
            return NotImplemented

        def __array_ufunc__(self, *_):
            return NotImplemented

    rows = xarray.DataArray(xarray.Variable(("n", "f"), Duck(), fastpath=True))
    with pytest.raises(DataError, match="Duck on cuda:0"):
        model().fit(rows)


def test_containers_that_would_be_read_element_by_element_are_refused():
    class AnnData:
        shape = (60, 2)

        def __len__(self):
            return 60

        def __getitem__(self, i):
            message = "it was read"
            raise AssertionError(message)

    AnnData.__module__ = "anndata._core.anndata"
    with pytest.raises(DataError, match=r"X is a anndata.*AnnData; expected an array.*adata\.X"):
        model().fit(AnnData())
    with pytest.raises(DataError, match=r"X is a builtins\.dict; expected an array"):
        model().fit({"a": [1, 2]})
    xarray = pytest.importorskip("xarray")
    with pytest.raises(DataError, match=r"to_dataarray\(\), with feature_dim='variable'"):
        model().fit(xarray.Dataset({"a": ("n", X[:, 0])}))


def test_buffers_and_sequences_are_arrays():
    rows = [array.array("d", row) for row in X]
    np.testing.assert_array_equal(model().fit(rows).means_, model().fit(X).means_)
    np.testing.assert_array_equal(model().fit(memoryview(X)).means_, model().fit(X).means_)


@pytest.mark.parametrize("make", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_rows_are_refused_in_words_that_say_so(make):
    for method in (model().fit, model().fit(X).predict, model().partial_fit):
        with pytest.raises(TypeError, match=r"Sparse data was passed for X.*toarray\(\)"):
            method(make(X))
    lazy = da.from_array(X, chunks=(30, 2)).map_blocks(make)
    with pytest.raises(DataError, match=rf"is a {make.__name__}"):
        model().fit(lazy)
