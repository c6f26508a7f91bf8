"""An estimator as a Zarr group, and back bit for bit; or from the result of a run."""

import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from dgmm import __version__
from dgmm.errors import OutputError, advise
from dgmm.estimator import attributes
from dgmm.estimator.attributes import FittedAttributes
from dgmm.estimator.remedies import REMEDIES
from dgmm.io.results.result import Result, open_result
from dgmm.io.storage.group import Variable, read_group, write_group
from dgmm.io.storage.zarr_arrays import is_committed, read_attributes
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.fit_result import FitResult
from dgmm.mixture.structures import structure_of
from dgmm.registry import CRITERIA

Estimator = TypeVar("Estimator", bound=FittedAttributes)

FORMAT = "dgmm-mixture"
FORMAT_VERSION = 1

_NUMBERS = (
    *("lower_bound_", "converged_", "n_iter_", "n_features_in_"),
    *("n_samples_fitted_", "n_samples_seen_", "n_steps_", "predictive_score_", "n_effective_"),
    *("noise_weight_", "noise_log_density_", "n_fixed_parameters_"),
)
_LISTS = {"lower_bounds_": "iteration", "_trace": "evaluation"}
_COVARIANCES = ("covariances_", "precisions_", "precisions_cholesky_")
_STARTS = ("weights_init", "means_init", "precisions_init")
_FUNCTION, _PARAMETER = "feature_function", "feature_function_parameter"
_OF_THE_RUN = ("n_init", "init_params", "tol", "max_iter", "reg_covar", "sample_size", "noise")


@advise(REMEDIES)
def write(estimator: BaseEstimator, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write the parameters and the attributes of a fitted estimator.

    Raises
    ------
    OutputError
        If something is there that must not be replaced, or a parameter has no form in Zarr.
    StorageError
        If the file system refuses.
    """
    parameters = estimator.get_params(deep=False)
    variables = _fitted_variables(estimator)
    for name in _STARTS:
        start = parameters.pop(name)
        if start is not None:
            start = np.asarray(start)
            dimensions = tuple(f"{name}_{axis}" for axis in range(start.ndim))
            variables[name] = Variable(dimensions, start)
    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "dgmm_version": __version__,
        "parameters": {name: _encode(name, value) for name, value in parameters.items()},
    }
    if hasattr(estimator, "status_"):
        attributes["status"] = estimator.status_
    write_group(path, variables, attributes, overwrite=overwrite)


def read(kind: Callable[..., Estimator], path: str | os.PathLike[str]) -> Estimator:
    """An estimator of class ``kind`` from what :func:`write` or a run left at a path.

    Raises
    ------
    InputNotFoundError
        If nothing is there, or no run is complete.
    OutputError
        If it is not what this version of dgmm writes.
    StorageError
        If an array is missing or damaged.
    """
    place = Path(path).resolve()
    if not is_committed(place) or read_attributes(place).get("format") != FORMAT:
        result = open_result(path)
        return read_run(kind, result, result.sweep.selected)
    arrays, attributes = read_group(place)
    if attributes.get("format_version") != FORMAT_VERSION:
        raise OutputError(
            f"{place} has format {FORMAT} {attributes.get('format_version')}, expected "
            f"{FORMAT_VERSION}. Open it with dgmm {attributes.get('dgmm_version')}, which wrote it."
        )
    parameters = {name: _decode(value) for name, value in attributes["parameters"].items()}
    starts = {name: arrays[name] for name in _STARTS if name in arrays}
    estimator = kind(**parameters, **starts)
    vars(estimator).update(_fitted_attributes(arrays))
    if "status" in attributes:
        estimator.status_ = attributes["status"]
        vars(estimator).setdefault("feature_transform_", None)
    return estimator


def read_run(kind: Callable[..., Estimator], result: Result, found: FitResult) -> Estimator:
    """An estimator of class ``kind`` for one candidate of a run.

    Raises
    ------
    OutputError
        If the run prepared its rows, which an estimator does not.
    """
    transform = result.transform
    if transform is not None and not transform.is_columnwise:
        raise OutputError(
            f"{result.path} fitted standardised features or principal components, which an "
            "estimator does not make. Use dgmm.open_result(...).assign(X)."
        )
    model: Mapping[str, Any] = result.attributes.get("configuration", {}).get("model", {})
    parameters = {name: _decode(model[name]) for name in _OF_THE_RUN if name in model}
    prepare = result.attributes.get("configuration", {}).get("prepare", {})
    missing = result.attributes.get("configuration", {}).get("input", {}).get("missing")
    estimator = kind(
        found.n_components,
        covariance_type=found.covariance_type,
        feature_transform=prepare.get("transform"),
        random_state=model.get("seed"),
        missing=missing if missing == "marginalize" else None,
        **parameters,
    )
    attributes.set_fit_attributes(estimator, found, estimator.tol, result.sweep.size, transform)
    names = result.feature_names
    estimator.n_features_in_ = len(names)
    if names != tuple(f"x{place}" for place in range(len(names))):  # those of data without names
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    return estimator


def _fitted_variables(estimator: BaseEstimator) -> dict[str, Variable]:
    """Fitted attributes as variables, by their names without underscores."""
    covariance = structure_of(estimator.covariance_type).dimensions
    dimensions: dict[str, tuple[str, ...]] = {
        "weights_": ("component",),
        "means_": ("component", "feature"),
        **dict.fromkeys(_COVARIANCES, covariance),
        **dict.fromkeys(_numbers(), ()),
        **{name: (dimension,) for name, dimension in _LISTS.items()},
    }
    variables = {
        name.strip("_"): Variable(axes, np.asarray(getattr(estimator, name)))
        for name, axes in dimensions.items()
        if hasattr(estimator, name)
    }
    functions = getattr(estimator, "feature_transform_", None)
    if functions is not None:
        kinds, parameters = functions.table
        variables[_FUNCTION] = Variable(("feature",), kinds)
        variables[_PARAMETER] = Variable(("feature", "parameter"), parameters)
    if hasattr(estimator, "feature_names_in_"):
        names = np.asarray(estimator.feature_names_in_, np.dtypes.StringDType())
        for axis in ("feature", "feature_2"):  # coordinates of the arrays that have such an axis
            if axis == "feature" or axis in covariance:
                variables[axis] = Variable((axis,), names)
    return variables


def _fitted_attributes(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    numbers = _numbers()
    names = ("weights_", "means_", *_COVARIANCES, *numbers, *_LISTS)
    found = {name: arrays[name.strip("_")] for name in names if name.strip("_") in arrays}
    attributes: dict[str, Any] = {
        name: values.tolist() if name in (*numbers, *_LISTS) else values
        for name, values in found.items()
    }
    if "feature" in arrays:
        attributes["feature_names_in_"] = np.asarray(arrays["feature"], dtype=object)
    if _FUNCTION in arrays:
        attributes["feature_transform_"] = _read_functions(arrays)
    return attributes


def _read_functions(arrays: Mapping[str, NDArray[np.generic]]) -> ColumnFunctions:
    kinds, parameters = arrays[_FUNCTION], arrays[_PARAMETER].astype(np.float64)
    unnamed = np.array([f"x{place}" for place in range(len(kinds))])
    names = tuple(map(str, arrays.get("feature", unnamed)))
    return ColumnFunctions.from_table(kinds, parameters, names)


def _numbers() -> tuple[str, ...]:
    return (*_NUMBERS, *(f"{name}_" for name in CRITERIA))


def _encode(name: str, value: object) -> object:
    """A parameter as JSON knows it; the state of a RandomState as a dictionary."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, np.random.RandomState):
        state = value.get_state(legacy=False)
        return {**state, "state": {**state["state"], "key": state["state"]["key"].tolist()}}
    if isinstance(value, Mapping):
        return {str(key): _encode(name, item) for key, item in value.items()}
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    raise OutputError(
        f"{name} is {value!r}, which has no form in Zarr; expected None, a number, text, a "
        "RandomState, or a sequence of text. Change it with set_params() first."
    )


def _decode(value: Any) -> Any:  # of JSON, which mypy types so
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict) and "bit_generator" in value:
        random_state = np.random.RandomState()
        random_state.set_state(value)
        return random_state
    return value
