"""The parameters of a prior, checked, and their defaults from the data."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.profile import Profile
from dgmm.errors import ConfigurationError
from dgmm.estimator.arguments import check_choice
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array
from dgmm.mixture.variational.prior import TYPES, Prior, WeightPrior, covariance_of


@dataclass(frozen=True, slots=True, eq=False)
class PriorArguments:
    """What a caller says of the prior, under the names of :class:`dgmm.BayesianGaussianMixture`."""

    covariance_type: str
    weight_concentration_prior_type: str
    weight_concentration_prior: float | None
    mean_precision_prior: float | None
    mean_prior: ArrayLike | None
    degrees_of_freedom_prior: float | None
    covariance_prior: ArrayLike | None

    def check(self, n_features: int, n_components: int) -> Callable[[Profile], Prior]:
        """The prior, once the data have a profile.

        Raises
        ------
        ConfigurationError
            If a parameter is of the wrong type or shape, or out of range; it is a ``ValueError``.
        """
        check_choice("covariance_type", self.covariance_type, TYPES)
        weights = self.weight_concentration_prior_type
        check_choice("weight_concentration_prior_type", weights, get_args(WeightPrior))
        concentration = self._number("weight_concentration_prior", 1.0 / n_components)
        precision = self._number("mean_precision_prior", 1.0)
        degrees = self._number("degrees_of_freedom_prior", float(n_features), n_features - 1.0)
        mean = self._array("mean_prior", (n_features,))
        covariance = self._covariance(n_features)

        def prior_for(profile: Profile) -> Prior:
            own = covariance
            if own is None:
                own = _covariance_of_data(self.covariance_type, profile)
            return Prior(
                self.covariance_type,
                cast("WeightPrior", weights),
                concentration,
                precision,
                profile.mean if mean is None else mean,
                degrees,
                own,
            )

        return prior_for

    def _number(self, name: str, default: float, least: float = 0.0) -> float:
        value = getattr(self, name)
        if value is None:
            return default
        if not isinstance(value, Real) or not least < float(value) < np.inf:
            raise ConfigurationError(f"{name} is {value!r}; expected a number above {least:g}.")
        return float(value)

    def _array(self, name: str, shape: tuple[int, ...]) -> Array | None:
        value = getattr(self, name)
        if value is None:
            return None
        found = np.asarray(value, np.float64)
        if found.shape != shape or not np.isfinite(found).all():
            message = f"{name} has shape {found.shape}; expected finite numbers of shape {shape}."
            raise ConfigurationError(message)
        return found

    def _covariance(self, n_features: int) -> Array | None:
        structure = structure_of(self.covariance_type)
        shape = structure.shape(1, n_features)
        found = self._array("covariance_prior", shape if structure.is_shared else shape[1:])
        if found is None:
            return None
        try:
            structure.precisions_cholesky(found.reshape(shape))
        except np.linalg.LinAlgError as error:
            message = f"covariance_prior is not positive definite: {error}"
            raise ConfigurationError(message) from error
        return found


def check_options(options: FitOptions) -> None:
    """Refuse options that variational inference does not follow.

    Raises
    ------
    ConfigurationError
        If there are such; it is a ``ValueError``.
    """
    if options.max_iter == 0:
        raise ConfigurationError("max_iter is 0; expected an integer of at least 1.")
    if options.earlier.mixtures:
        raise ConfigurationError(
            "init_params is a mixture; expected kinds of start, or None. Use warm_start to go on "
            "from an earlier fit."
        )


def _covariance_of_data(covariance_type: str, profile: Profile) -> Array:
    """The unbiased covariance of all rows, above the floor, in the shape of one component's."""
    structure, covariance = structure_of(covariance_type), profile.covariance
    unbiased = profile.scatter / max(profile.total_weight - 1.0, 1.0)
    own = covariance_of(covariance_type, unbiased)
    floor = Regularization.for_data(covariance, profile.mean)
    shape = structure.shape(1, len(covariance))
    return structure.regularize(own.reshape(shape), floor).reshape(own.shape)
