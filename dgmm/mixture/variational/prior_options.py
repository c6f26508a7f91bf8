"""The prior of a Bayesian mixture as a caller states it, and its defaults from the data."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from dgmm.errors import ConfigurationError
from dgmm.mixture.prior_knowledge.prior_name import STICKS, WeightPrior
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array
from dgmm.mixture.variational.prior import Prior, covariance_of


@dataclass(frozen=True, slots=True, eq=False)
class PriorOptions:
    """Parts of a prior, under the names of :class:`dgmm.BayesianGaussianMixture`.

    None takes what follows from the data or from the most components there may be.
    """

    weight_concentration_prior_type: WeightPrior = STICKS
    weight_concentration_prior: float | None = None
    mean_precision_prior: float | None = None
    mean_prior: ArrayLike | None = None
    degrees_of_freedom_prior: float | None = None
    covariance_prior: ArrayLike | None = None

    def check(self, covariance_type: str, n_features: int) -> None:
        """Refuse parts that no prior can have.

        Raises
        ------
        ConfigurationError
            If one is of the wrong type or shape, or out of range; it is a ``ValueError``.
        """
        zeros = np.zeros(n_features)
        self.prior_for(covariance_type, 1, zeros, np.eye(n_features), float(n_features))

    def prior_for(
        self,
        covariance_type: str,
        n_components: int,
        mean: Array,
        scatter: Array,
        total_weight: float,
    ) -> Prior:
        """The prior for data.

        Parameters
        ----------
        covariance_type : str
        n_components : int
            The most there may be.
        mean : ndarray of shape (n_features,)
            Of all rows.
        scatter : ndarray of shape (n_features, n_features)
            Of all rows about it.
        total_weight : float

        Raises
        ------
        ConfigurationError
            As :meth:`check` does.
        """
        d = len(mean)
        own_mean = self._array("mean_prior", (d,))
        covariance = self._covariance(covariance_type, d)
        if covariance is None:
            covariance = _covariance_of_data(covariance_type, mean, scatter, total_weight)
        return Prior(
            covariance_type,
            self.weight_concentration_prior_type,
            self._number("weight_concentration_prior", 1.0 / n_components),
            self._number("mean_precision_prior", 1.0),
            mean if own_mean is None else own_mean,
            self._number("degrees_of_freedom_prior", float(d), d - 1.0),
            covariance,
        )

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

    def _covariance(self, covariance_type: str, n_features: int) -> Array | None:
        structure = structure_of(covariance_type)
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


def _covariance_of_data(
    covariance_type: str, mean: Array, scatter: Array, total_weight: float
) -> Array:
    """The unbiased covariance of all rows, above the floor, in the shape of one component's."""
    structure = structure_of(covariance_type)
    own = covariance_of(covariance_type, scatter / max(total_weight - 1.0, 1.0))
    floor = Regularization.for_data(scatter / total_weight, mean)
    shape = structure.shape(1, len(mean))
    return structure.regularize(own.reshape(shape), floor).reshape(own.shape)
