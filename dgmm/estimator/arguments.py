"""Check an estimator's parameters and turn them into options of the engine."""

import sys
from collections.abc import Iterable
from numbers import Integral, Real
from typing import cast, get_args

import numpy as np
from sklearn.utils import check_random_state

from dgmm.engine.block import Missing
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit_options import FitOptions
from dgmm.errors import ConfigurationError
from dgmm.estimator import starting_values
from dgmm.estimator.annotations import InitParams, RandomState
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.em.stepwise_em import DECAY
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.initialization.initializers import METHODS
from dgmm.mixture.noise.noise_component import NOISE_DENSITIES, NoiseDensity
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.prior_knowledge.prior_name import PriorName
from dgmm.mixture.sample_size import Normalization
from dgmm.mixture.transform import FeatureTransformSpec
from dgmm.registry import CRITERIA, STRUCTURES, canonical_type


def fit_options(
    models: Iterable[tuple[str, int]],
    *,
    given: InitialParameters | None = None,
    criterion: str = "bic",
    n_init: int,
    init_params: InitParams,
    tol: float,
    max_iter: int,
    reg_covar: float | None,
    random_state: RandomState,
    sample_size: int | None,
    finish_all: bool = False,
    noise: float | str | None = None,
    normalize_weights: str | None = None,
    functions: ColumnFunctions | None = None,
    prior: str | None = None,
    relevance: float | None = None,
    fixed: FixedParts | None = None,
) -> FitOptions:
    """The options of a fit for these parameters.

    Parameters
    ----------
    models : iterable of (str, int)
        Covariance type and number of components of each model.
    given : InitialParameters, optional
        Parts of the first parameters.
    criterion : str
    n_init, init_params, tol, max_iter, reg_covar, random_state, sample_size
        As in :class:`dgmm.GaussianMixture`.
    finish_all : bool
        Whether candidates that cannot become the choice are fitted to the end, too.
    noise : float, {"hypervolume", "otrimle"} or None
    normalize_weights : {"counts", "rows", "kish"} or None
    functions : ColumnFunctions, or None
        Of single features.
    prior : {"conjugate"} or None
    relevance : float or None
        Rows that each component of a mixture in ``init_params`` is worth.
    fixed : FixedParts, or None
        What stays as it is.

    Raises
    ------
    ConfigurationError
        If one is of the wrong type or out of range; it is a ``ValueError``.
    """
    models = tuple(dict.fromkeys((canonical_type(kind), count) for kind, count in models))
    if not models:
        message = "no covariance_type or no n_components is given; expected at least one of each."
        raise ConfigurationError(message)
    for covariance_type, n_components in models:
        check_choice("covariance_type", covariance_type, STRUCTURES)
        _check_integer("n_components", n_components, 1)
    check_choice("criterion", criterion, CRITERIA)
    _check_integer("n_init", n_init, 1)
    _check_integer("max_iter", max_iter, 0)
    _check_not_negative("tol", tol)
    if reg_covar is not None:
        _check_not_negative("reg_covar", reg_covar)
    if normalize_weights is not None:
        check_choice("normalize_weights", normalize_weights, get_args(Normalization))
    _check_noise(noise)
    check_choice("prior", prior, (None, *get_args(PriorName)))
    _check_relevance(relevance)
    if sample_size is not None:
        _check_integer("sample_size", sample_size, 1)
    earlier = starting_values.read_warm_start(init_params)
    functions = starting_values.keep_powers(functions, earlier)
    is_named = init_params is not None and not earlier.mixtures
    return FitOptions(
        models=models,
        criterion=criterion,
        n_init=int(n_init),
        init_params=_methods(init_params) if is_named else None,
        tol=float(tol),
        max_iter=int(max_iter),
        reg_covar=reg_covar,
        seed=_seed(random_state),
        sample_rows=None if sample_size is None else int(sample_size),
        # Users who set the ridge accept components that lie on it.
        allow_degenerate=reg_covar is not None,
        given=given or InitialParameters(),
        prepare=FeatureTransformSpec(functions=functions),
        earlier=earlier,
        finish_all=finish_all,
        noise=cast("NoiseDensity | None", noise),
        normalize=cast("Normalization | None", normalize_weights),
        prior=cast("PriorName | None", prior),
        relevance=None if relevance is None else float(relevance),
        fixed=fixed,
    )


def resolve_learning_decay(learning_decay: object) -> float:
    """The exponent of step sizes; None means the default.

    Step sizes must sum to infinity and their squares must not (Robbins & Monro 1951).

    Raises
    ------
    ConfigurationError
        If they do not; it is a ``ValueError``.
    """
    if learning_decay is None:
        return DECAY
    if not isinstance(learning_decay, Real) or not 0.5 < float(learning_decay) <= 1.0:
        message = f"learning_decay is {learning_decay!r}; expected more than 0.5 and at most 1."
        raise ConfigurationError(message)
    return float(learning_decay)


def resolve_missing(missing: object, *, has_functions: bool, noise: object = None) -> Missing:
    """What a NaN means.

    Raises
    ------
    ConfigurationError
        If it is neither None nor "marginalize", or functions of features or noise do not go with
        it; it is a ``ValueError``.
    """
    check_choice("missing", missing, (None, "marginalize"))
    if missing == "marginalize" and has_functions:
        message = (
            "missing is 'marginalize' and feature_transform is set; functions of features take "
            "complete rows only. Apply them to the data first, or leave feature_transform out."
        )
        raise ConfigurationError(message)
    if missing == "marginalize" and noise is not None:
        message = (
            "missing is 'marginalize' and noise is set; a uniform density of complete rows has no "
            "marginals. Leave noise out."
        )
        raise ConfigurationError(message)
    return "error" if missing is None else "marginalize"


def execution(*, is_lazy: bool) -> Execution:
    """Where to compute: on the current cluster for lazy data, by threads for data in memory."""
    distributed = sys.modules.get("distributed") if is_lazy else None
    if distributed is None:  # there is no client
        return LocalExecution()
    try:
        client = distributed.default_client()
    except ValueError:
        return LocalExecution()
    # Imported here because distributed is slow to import.
    from dgmm.engine.cluster_execution import ClusterExecution

    return ClusterExecution(client)


def _methods(init_params: object) -> tuple[str, ...]:
    methods = tuple(init_params) if isinstance(init_params, list | tuple) else (init_params,)
    for method in methods or ("",):
        check_choice("init_params", method, METHODS)
    return methods


def _seed(random_state: RandomState) -> int:
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def check_choice(name: str, value: object, allowed: Iterable[object]) -> None:
    """Raise ConfigurationError unless a value is one of those that are allowed."""
    allowed = tuple(allowed)
    if value not in allowed:
        message = f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}."
        raise ConfigurationError(message)


def _check_noise(noise: object) -> None:
    if isinstance(noise, Real):
        if not np.isfinite(float(noise)):
            raise ConfigurationError(f"noise is {noise!r}; expected a finite log density.")
    elif noise is not None:
        check_choice("noise", noise, NOISE_DENSITIES)


def _check_relevance(relevance: object) -> None:
    is_number = isinstance(relevance, Real) and 0 < float(relevance) < np.inf
    if relevance is not None and not is_number:
        raise ConfigurationError(f"relevance is {relevance!r}; expected a positive number of rows.")


def _check_integer(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or int(value) < least:
        message = f"{name} is {value!r}; expected an integer of at least {least}."
        raise ConfigurationError(message)


def _check_not_negative(name: str, value: object) -> None:
    if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
        message = f"{name} is {value!r}; expected a finite number that is not negative."
        raise ConfigurationError(message)
