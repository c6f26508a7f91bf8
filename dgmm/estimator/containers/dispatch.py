"""Choose the container for the kind of data that a user passed.

Dask and xarray are slow to import: modules that need them are imported only for their data.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from dgmm.engine.block import Missing
from dgmm.errors import DataError, advise
from dgmm.estimator.annotations import DataLike
from dgmm.estimator.containers.array_likes import as_array_like, is_dask_array
from dgmm.estimator.containers.arrays import NumpyContainer
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.containers.frames import PandasContainer, check_columns, check_unique
from dgmm.estimator.remedies import REMEDIES

if TYPE_CHECKING:
    import xarray as xr

_NO_NUMBERS = "cSUTMmV"  # kinds of dtype: complex, bytes, text, times, structures


@advise(REMEDIES)
def as_container(
    estimator: BaseEstimator,
    X: DataLike,
    feature_dim: str | None,
    *,
    reset: bool,
    missing: Missing = "error",
) -> RowContainer:
    """The container for the data, with its features checked against those of the fit.

    Parameters
    ----------
    estimator : BaseEstimator
        Stores the number and names of features if ``reset``; otherwise they must agree.
    X : array-like, dask array, pandas or Dask data frame, or xarray.DataArray
    feature_dim : str or None
        Dimension of a DataArray that holds the features; None means the last.
    reset : bool
    missing : {"error", "drop", "marginalize"}
        With the last, NaN is no error.

    Raises
    ------
    ValueError
        If the data are not real numbers in two dimensions, are not finite (where they are in
        memory), or have other features than those of the fit.
    """
    container = _choose_container(X, feature_dim)
    if container is None:
        container = _in_memory(estimator, as_array_like(X, "X"), reset=reset)
    else:
        if not reset:
            container = container.in_order(getattr(estimator, "feature_names_in_", None))
        check_unique(container.feature_names)
        validate_data(estimator, container.header, reset=reset, skip_check_array=True)
    container.check_finite(missing)
    return container


def _in_memory(estimator: BaseEstimator, X: DataLike, *, reset: bool) -> NumpyContainer:
    _check_dtype(X)
    is_frame = _is_instance(X, "pandas", "DataFrame")
    if is_frame:
        check_columns(X, may_be_text=True)
    values = validate_data(
        estimator,
        X,
        reset=reset,
        dtype="numeric",
        ensure_all_finite=False,  # the container reports the place
        ensure_min_samples=2 if reset else 1,
    )
    if values.dtype.kind == "O" or values.dtype.itemsize > 8:  # Python's numbers, long doubles
        values = values.astype(np.float64)
    if is_frame:
        return PandasContainer(values, X, keeps_index=_wants_frames(estimator))
    return NumpyContainer(values, X)


def _wants_frames(estimator: BaseEstimator) -> bool:
    """Whether ``set_output``, or else scikit-learn's configuration, asks for data frames."""
    chosen = getattr(estimator, "_sklearn_output_config", {})
    return bool(chosen.get("transform", get_config()["transform_output"]) == "pandas")


def _check_dtype(X: DataLike) -> None:
    """Name the dtype, as scikit-learn does not; objects, which may be numbers, are left to it."""
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in _NO_NUMBERS:
        what = "Complex data not supported: " if dtype.kind == "c" else ""
        message = (
            f"{what}X has dtype {dtype}; expected boolean, integer, or floating point. "
            "Convert it, or choose other columns."
        )
        raise DataError(message)


def _choose_container(
    X: Any,  # its class is looked up by name, which says nothing to mypy
    feature_dim: str | None,
) -> RowContainer | None:
    if is_dask_array(X):
        from dgmm.estimator.containers.dask_arrays import DaskContainer

        if X.ndim != 2:
            message = (
                f"X is a Dask array of {X.ndim} dimension(s); expected 2D array, (samples, "
                "features). Reshape your data, X.reshape(-1, 1) for a single feature."
            )
            raise DataError(message)
        return DaskContainer(X)
    if _is_instance(X, "dask.dataframe", "DataFrame"):
        from dgmm.estimator.containers.dask_frames import DaskFrameContainer

        return DaskFrameContainer(X)
    if _is_instance(X, "xarray", "DataArray"):
        from dgmm.estimator.containers.data_arrays import XarrayContainer

        return XarrayContainer(_to_cpu(_features_last(X, feature_dim)))
    return None


def _features_last(array: "xr.DataArray", feature_dim: str | None) -> "xr.DataArray":
    if array.ndim < 2 or (feature_dim is not None and feature_dim not in array.dims):
        message = (
            f"X has dimensions {array.dims}; expected at least two, one of them the features' "
            f"(feature_dim={feature_dim!r}). Name it with GaussianMixture(feature_dim=...)."
        )
        raise DataError(message)
    return array.transpose(..., array.dims[-1] if feature_dim is None else feature_dim)


def _to_cpu(array: "xr.DataArray") -> "xr.DataArray":
    """A DataArray of NumPy or Dask, whatever library's array is inside."""
    if isinstance(array.data, np.ndarray) or is_dask_array(array.data):
        return array
    found = as_array_like(array.data, "X")
    if not isinstance(found, np.ndarray):
        message = f"X holds a {type(found).__name__}; expected an array of NumPy or Dask."
        raise DataError(message)
    return array.copy(data=found)


def _is_instance(X: object, module: str, name: str) -> bool:
    """Whether X is of a class of an optional package: only a loaded one can have made it."""
    loaded: ModuleType | None = sys.modules.get(module)
    return loaded is not None and isinstance(X, getattr(loaded, name))
