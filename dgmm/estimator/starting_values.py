"""Initial parameters given by users, checked with scikit-learn's messages."""

from collections.abc import Sequence
from typing import Protocol, cast, get_args

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from dgmm.errors import ConfigurationError
from dgmm.estimator import attributes
from dgmm.estimator.annotations import InitParams
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.prior_knowledge.prior_name import FixedPart
from dgmm.mixture.structures import structure_of
from dgmm.mixture.transform import FeatureTransform, WarmStart
from dgmm.mixture.types import Array


class _InitializedModel(Protocol):
    """What is asked of an estimator: its parameters, and its solution if there is one."""

    covariance_type: str
    n_components: int
    init_params: InitParams
    fixed: str | Sequence[str] | None
    weights_init: ArrayLike | None
    means_init: ArrayLike | None
    precisions_init: ArrayLike | None
    weights_: Array
    means_: Array
    precisions_: Array


def initial_of(model: "_InitializedModel", n_features: int, *, goes_on: bool) -> InitialParameters:
    """The initial parameters of an estimator: those it was given, or has found already.

    Parameters
    ----------
    model : GaussianMixture
    n_features : int
        Of the data.
    goes_on : bool
        Whether the last solution is the start.
    """
    if goes_on:
        return InitialParameters(model.weights_, model.means_, model.precisions_)
    given = (model.weights_init, model.means_init, model.precisions_init)
    return validate_initial(*given, model.covariance_type, model.n_components, n_features)


def find_fixed_parts(model: "_InitializedModel", n_features: int) -> FixedParts | None:
    """The parts that an estimator keeps: of its earlier mixture, or of those it was given.

    Raises
    ------
    ValueError
        If one is neither.
    """
    found = read_fixed_parts(model.fixed, model.init_params)
    if found is not None or model.fixed is None:
        return found
    names, given = _part_names(model.fixed), initial_of(model, n_features, goes_on=False)
    starts = {
        "weights": given.weights,
        "means": given.means,
        "covariances": given.precisions,
    }
    for name in names:
        if starts[name] is None:
            start = "precisions" if name == "covariances" else name
            raise ConfigurationError(
                f"fixed is {model.fixed!r}, and no {name} are given; expected a mixture as "
                f"init_params, or {start}_init."
            )
    if given.precisions is not None:
        structure, shares = structure_of(model.covariance_type), given.weights
        shares = np.full(model.n_components, 1 / model.n_components) if shares is None else shares
        inverses = structure.invert(given.precisions)
        starts["covariances"] = structure.constrain(inverses, shares, None)
    weights, means, covariances = (
        starts[name] if name in names else None for name in get_args(FixedPart)
    )
    return FixedParts(model.n_components, weights, means, covariances)


def read_fixed_parts(
    fixed: str | Sequence[str] | None, init_params: InitParams
) -> FixedParts | None:
    """Parts of the mixture that ``init_params`` holds; None if none are asked for, or it is none.

    Of several mixtures that was chosen.

    Raises
    ------
    ConfigurationError
        If there are no such parts.
    """
    if fixed is None:
        return None
    names, start = _part_names(fixed), init_params
    if isinstance(start, FrozenEstimator):
        start = start.estimator
    chosen = getattr(start, "best", start)  # of a sweep, which stands above this module
    sweep = getattr(start, "sweep", None)  # of an opened result
    if isinstance(sweep, Sweep):
        return FixedParts.of_mixture(sweep.selected.parameters, names)
    mixtures = read_warm_start(chosen).mixtures
    return FixedParts.of_mixture(mixtures[0], names) if mixtures else None


def _part_names(fixed: str | Sequence[str]) -> tuple[FixedPart, ...]:
    """The names of fixed parts.

    Raises
    ------
    ConfigurationError
        If there are none, or others than there are parts.
    """
    names = (fixed,) if isinstance(fixed, str) else tuple(fixed)
    if not names or not set(names) <= set(get_args(FixedPart)):
        expected = ", ".join(map(repr, get_args(FixedPart)))
        raise ConfigurationError(f"fixed is {fixed!r}; expected one or more of {expected}.")
    return cast("tuple[FixedPart, ...]", tuple(dict.fromkeys(names)))


def validate_initial(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    covariance_type: str,
    n_components: int,
    n_features: int,
) -> InitialParameters:
    """The given parts of the initial parameters, checked.

    Parameters
    ----------
    weights, means, precisions : array-like or None
        As in :class:`dgmm.GaussianMixture`.
    covariance_type : str
    n_components, n_features : int

    Returns
    -------
    InitialParameters

    Raises
    ------
    ValueError
        If a shape is wrong, weights are no proportions, or a precision is not positive definite.
    """
    return InitialParameters(
        None if weights is None else _weights(weights, n_components),
        None if means is None else _means(means, (n_components, n_features)),
        None
        if precisions is None
        else _precisions(precisions, covariance_type, n_components, n_features),
    )


def _weights(weights: ArrayLike, n_components: int) -> Array:
    found: Array = check_array(weights, dtype=np.float64, ensure_2d=False)
    _check_shape(found, (n_components,), "weights")
    least, largest = found.min(), found.max()
    if least < 0 or largest > 1:
        # scikit-learn's message, word for word: least and largest are exchanged in it.
        message = (
            "The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {least:.5f}, min value {largest:.5f}"
        )
        raise ValueError(message)
    total = found.sum()
    if not np.isclose(total, 1.0, rtol=0, atol=1e-6):
        message = (
            f"The parameter 'weights' should be normalized, but got sum(weights) = {total:.5f}"
            ". Divide them by their sum."
        )
        raise ValueError(message)
    return found / total


def _means(means: ArrayLike, shape: tuple[int, int]) -> Array:
    found: Array = check_array(means, dtype=np.float64, ensure_2d=False)
    _check_shape(found, shape, "means")
    return found


def _precisions(
    precisions: ArrayLike, covariance_type: str, n_components: int, n_features: int
) -> Array:
    structure = structure_of(covariance_type)
    if structure.dimensions:  # check_array knows no arrays without
        precisions = check_array(precisions, dtype=np.float64, ensure_2d=False, allow_nd=True)
    precisions = np.asarray(precisions, np.float64)
    shape = structure.shape(n_components, n_features)
    _check_shape(precisions, shape, f"{covariance_type} precision")
    if structure.is_diagonal:
        if not (precisions > 0).all():
            raise ValueError(f"'{covariance_type} precision' should be positive")
    elif not _are_positive_definite(precisions):
        message = f"'{covariance_type} precision' should be symmetric, positive-definite"
        raise ValueError(message)
    return precisions


def _are_positive_definite(matrices: Array) -> bool:
    is_symmetric = np.allclose(matrices, np.swapaxes(matrices, -1, -2))
    return is_symmetric and bool((np.linalg.eigvalsh(matrices) > 0).all())


def _check_shape(array: Array, shape: tuple[int, ...], name: str) -> None:
    if array.shape != shape:
        message = f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        raise ValueError(message)


def read_warm_start(init_params: InitParams) -> WarmStart:
    """The mixtures that ``init_params`` holds; none if it names methods.

    Parameters
    ----------
    init_params : object
        A fitted mixture of dgmm or scikit-learn, the same in a ``FrozenEstimator``, what
        :func:`dgmm.sweep` returned, or an opened result; anything else holds none.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is a mixture that was not fitted.
    """
    if isinstance(init_params, FrozenEstimator):
        init_params = init_params.estimator
    sweep = getattr(init_params, "sweep", None)  # of an opened result, whose module reads Zarr
    if isinstance(sweep, Sweep):
        transform = getattr(init_params, "transform", None)
        classes = getattr(init_params, "attributes", {}).get("labelled_weights", ())
        return WarmStart(_mixtures(sweep.results), transform, len(classes))
    results = getattr(init_params, "results", None)  # of a sweep, which stands above this module
    if isinstance(results, tuple):
        best = getattr(init_params, "best", None)
        return WarmStart(_mixtures(results), _transform_of(best))
    if isinstance(init_params, BaseEstimator) and hasattr(init_params, "covariance_type"):
        check_is_fitted(
            init_params,
            "means_",
            msg="init_params is a %(name)s that is not fitted. Copies that scikit-learn makes of "
            "estimators forget their fits: wrap it in sklearn.frozen.FrozenEstimator.",
        )
        return WarmStart((attributes.to_parameters(init_params),), _transform_of(init_params))
    return WarmStart()


def keep_powers(functions: ColumnFunctions | None, earlier: WarmStart) -> ColumnFunctions | None:
    """The functions of a fit that starts from earlier mixtures, with the powers found then.

    Raises
    ------
    ConfigurationError
        If the earlier mixtures are of other functions; it is a ``ValueError``.
    """
    if not earlier.mixtures:
        return functions
    known = None if earlier.transform is None else earlier.transform.functions
    kinds = [() if each is None else each.kinds for each in (functions, known)]
    if kinds[0] != kinds[1]:
        raise ConfigurationError(
            f"feature_transform asks for {kinds[0]}, but init_params is a mixture of features "
            f"after {kinds[1]}; expected the same. Give the same feature_transform, or "
            "other init_params."
        )
    return known


def _transform_of(estimator: object) -> FeatureTransform | None:
    """Of a mixture of dgmm; scikit-learn's have none."""
    if not isinstance(estimator, attributes.FittedAttributes):
        return None
    return attributes.transform_of(estimator)


def _mixtures(results: tuple[FitResult, ...]) -> tuple[Parameters, ...]:
    return tuple(result.parameters for result in results)
