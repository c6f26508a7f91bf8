"""Convert between an estimator's attributes and mixtures."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.estimator.annotations import FeatureTransformLike
from dgmm.mixture.candidate import Status
from dgmm.mixture.column_functions.columnwise import ColumnFunctions, choose_functions
from dgmm.mixture.em import convergence
from dgmm.mixture.em.stepwise_em import StepwiseState
from dgmm.mixture.fit_result import FitResult
from dgmm.mixture.kernels.statistics import is_empty
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import RELATIVE_FLOOR
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.structures import structure_of
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.registry import CRITERIA, canonical_type

ONLINE = "online"
"""The status of a mixture that has taken steps since its fit."""

NOT_CONVERGED = (
    "Best performing initialization did not converge. Try different init parameters, or increase "
    "max_iter, tol, or check for degenerate data."
)
_ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)
_OF_EVERY_FIT = ("bic", "aic", "icl")
_SAME = 1e-12  # relative: the same likelihood, or sum of weights, but for rounding


class FittedAttributes:
    """The attributes of a fitted estimator; see :class:`dgmm.GaussianMixture`."""

    covariance_type: str
    tol: float
    max_iter: int
    weights_: Array
    means_: Array
    covariances_: Array
    precisions_: Array
    precisions_cholesky_: Array
    converged_: bool
    status_: str
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    bic_: float
    aic_: float
    icl_: float
    n_effective_: float
    n_samples_fitted_: float
    n_samples_seen_: float
    n_steps_: int
    predictive_score_: float
    noise_weight_: float
    noise_log_density_: float
    n_fixed_parameters_: int
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    feature_transform: FeatureTransformLike
    feature_transform_: ColumnFunctions | None
    _trace: list[float]


def set_fit_attributes(
    estimator: FittedAttributes,
    result: FitResult,
    tol: float,
    size: SampleSize | None,
    transform: FeatureTransform | None = None,
    before: Sequence[float] = (),
) -> None:
    """Set the attributes of a fitted estimator.

    Parameters
    ----------
    estimator : GaussianMixture
    result : FitResult
    tol : float
    size : SampleSize, or None
        What criteria count; None where it is not known.
    transform : FeatureTransform, or None
        Of functions of single features only.
    before : sequence of float, optional
        Log-likelihoods of the fit that this one goes on from.
    """
    set_parameters(estimator, result.parameters)
    estimator.feature_transform_ = None if transform is None else transform.functions
    trace = _join_traces(before, result.trace)
    # A component on the ridge that the user asked for does not keep the others from converging.
    estimator.converged_ = result.status is Status.CONVERGED or (
        estimator.max_iter > 0 and convergence.has_converged(trace, tol)
    )
    is_max_iter = result.status is Status.MAX_ITER
    status = Status.CONVERGED if is_max_iter and estimator.converged_ else result.status
    estimator.status_ = status.value
    estimator.n_iter_ = result.n_iter
    estimator.lower_bound_ = result.trace[-1]
    estimator.lower_bounds_ = list(result.trace[1:])
    for name, value in result.criteria.items():
        if name in _OF_EVERY_FIT or not np.isnan(value):
            setattr(estimator, f"{name}_", value)
        else:  # it compares the models of a sweep
            vars(estimator).pop(f"{name}_", None)
    estimator._trace = list(trace)
    estimator.n_samples_fitted_ = estimator.n_samples_seen_ = _number(result.total_weight)
    estimator.n_effective_ = math.nan if size is None else size.n_effective
    estimator.n_steps_ = 0
    vars(estimator).pop("predictive_score_", None)


def set_online_attributes(
    estimator: FittedAttributes,
    state: StepwiseState,
    origin: Array,
    log_likelihood: float,
    is_collapsed: bool,
) -> None:
    """Set the attributes after stepwise updates, and remove those that only a fit knows.

    Parameters
    ----------
    estimator : GaussianMixture
    state : StepwiseState
    origin : ndarray of shape (n_features,)
        Of its means.
    log_likelihood : float
        Of the new rows before the update, in nats per unit of weight.
    is_collapsed : bool
    """
    set_parameters(estimator, state.parameters.translate(origin))
    for name in (
        "lower_bound_",
        "lower_bounds_",
        "n_effective_",
        *(f"{name}_" for name in CRITERIA),
    ):
        vars(estimator).pop(name, None)
    estimator._trace = []
    estimator.converged_ = False
    estimator.status_ = Status.DEGENERATE.value if is_collapsed else ONLINE
    estimator.n_samples_fitted_ = _number(state.fitted_weight)
    estimator.n_samples_seen_ = _number(state.total_weight)
    estimator.n_steps_ = state.n_steps
    estimator.predictive_score_ = log_likelihood


def sample_counts(estimator: FittedAttributes) -> tuple[float, float, int]:
    """Weight of the last fit, weight seen in all, and steps since the fit.

    Raises
    ------
    ConfigurationError
        If the number of rows that the mixture stands for is unknown.
    """
    n_seen = getattr(estimator, "n_samples_seen_", None)
    if n_seen is None or not 0 < n_seen < np.inf:
        message = (
            f"n_samples_seen_ is {n_seen}; expected the number of rows that the mixture stands "
            "for, by which new ones are weighed. Set it, or call fit() first."
        )
        raise ConfigurationError(message)
    n_fitted = getattr(estimator, "n_samples_fitted_", n_seen)
    return float(n_fitted), float(n_seen), getattr(estimator, "n_steps_", 0)


def _number(weight: float) -> int | float:
    """A sum of weights as the number of rows where there are no weights."""
    nearest = np.rint(weight)
    return int(nearest) if abs(weight - nearest) <= _SAME * abs(weight) else weight


def _join_traces(before: Sequence[float], trace: tuple[float, ...]) -> tuple[float, ...]:
    """One trace of two fits if the second starts where the first ended, on the same data."""
    if before and np.isclose(before[-1], trace[0], rtol=_SAME, atol=_SAME):
        return (*before, *trace[1:])
    return trace


def has_solution(estimator: FittedAttributes, n_components: int, n_features: int) -> bool:
    """Whether an estimator is fitted, with as many components and features."""
    if not hasattr(estimator, "converged_"):
        return False
    shape = structure_of(estimator.covariance_type).shape(n_components, n_features)
    return estimator.means_.shape == (n_components, n_features) and (
        estimator.precisions_.shape == shape
    )


def check_not_flat(mixture: Parameters, covariance: Array) -> None:
    """Refuse a mixture in which every component with rows is flat in every feature.

    Parameters
    ----------
    mixture : Parameters
    covariance : ndarray of shape (n_features, n_features)
        Of all data.

    Raises
    ------
    DataError
        In scikit-learn's words.
    """
    narrow = mixture.variances <= 2 * RELATIVE_FLOOR * np.diagonal(covariance)
    if (narrow.all(axis=1) | is_empty(mixture.weights, 1.0)).all():
        raise DataError(_ILL_DEFINED)


def set_parameters(estimator: FittedAttributes, mixture: Parameters) -> None:
    """Set weights, means, covariances and what derives from them, and those of noise."""
    estimator.weights_ = mixture.weights
    estimator.means_ = mixture.means
    estimator.covariances_ = mixture.covariances
    estimator.precisions_cholesky_ = mixture.precisions_cholesky
    estimator.precisions_ = mixture.precisions
    for name in ("noise_weight_", "noise_log_density_", "n_fixed_parameters_"):
        vars(estimator).pop(name, None)  # of an earlier fit
    if mixture.noise is not None:
        estimator.noise_weight_ = mixture.noise.weight
        estimator.noise_log_density_ = mixture.noise.log_density
    if mixture.n_fixed:
        estimator.n_fixed_parameters_ = mixture.n_fixed


def transform_of(estimator: FittedAttributes) -> FeatureTransform | None:
    """What is done to features before the mixture sees them; None if nothing is.

    Raises
    ------
    ConfigurationError
        If the estimator was not fitted, and its parameter does not say all.
    """
    functions = getattr(estimator, "feature_transform_", None)
    if functions is None and estimator.feature_transform is not None:
        functions = choose_feature_transform(estimator, names_of(estimator))
        if functions is not None and not functions.are_known:
            message = "feature_transform has a power that is found from data; call fit() first."
            raise ConfigurationError(message)
    return None if functions is None else FeatureTransform.columnwise(functions)


def choose_feature_transform(
    estimator: FittedAttributes, names: tuple[str, ...]
) -> ColumnFunctions | None:
    """What the parameter asks for, of features of these names.

    Raises
    ------
    ConfigurationError
        If there are no such functions or features.
    """
    return choose_functions(estimator.feature_transform, names, "feature_transform")


def names_of(estimator: FittedAttributes) -> tuple[str, ...]:
    """Names of the features; x0, x1 and so on if they have none."""
    unnamed = tuple(f"x{place}" for place in range(np.shape(estimator.means_)[1]))
    return tuple(map(str, getattr(estimator, "feature_names_in_", unnamed)))


def to_parameters(estimator: FittedAttributes) -> Parameters:
    """The mixture that the attributes describe, whether fitted or set by hand.

    As in scikit-learn ``precisions_cholesky_`` decides about densities; where it was not set,
    ``covariances_`` or ``precisions_`` does.

    Raises
    ------
    AttributeError
        If none of the three is there, or no weights or means.
    """
    structure = structure_of(estimator.covariance_type)
    weights = np.asarray(estimator.weights_, np.float64)
    means = np.asarray(estimator.means_, np.float64)
    factors = getattr(estimator, "precisions_cholesky_", None)
    covariances = getattr(estimator, "covariances_", None)
    if covariances is None and factors is None:
        covariances = structure.invert(np.asarray(estimator.precisions_, np.float64))
    elif covariances is None:
        precisions = structure.precisions(np.asarray(factors, np.float64))
        covariances = structure.invert(precisions)
    covariances = np.asarray(covariances, np.float64)
    factors = structure.precisions_cholesky(covariances) if factors is None else factors
    factors = np.asarray(factors, np.float64)
    kind, noise = canonical_type(estimator.covariance_type), None
    if hasattr(estimator, "noise_log_density_"):
        noise = Noise(float(estimator.noise_log_density_), float(estimator.noise_weight_))
    n_fixed = getattr(estimator, "n_fixed_parameters_", 0)
    return Parameters(kind, weights, means, covariances, factors, noise, n_fixed)
