"""A posterior as attributes of an estimator, under the names of scikit-learn, and back."""

from typing import cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

from dgmm.estimator import attributes
from dgmm.estimator.attributes import FittedAttributes
from dgmm.mixture.prior_knowledge.prior_name import STICKS, WeightPrior
from dgmm.mixture.types import Array
from dgmm.mixture.variational.posterior import VariationalPosterior
from dgmm.mixture.variational.prior import Prior
from dgmm.mixture.variational.variational_state import VariationalState


class PosteriorAttributes(FittedAttributes):
    """The attributes of a fitted Bayesian mixture; see :class:`dgmm.BayesianGaussianMixture`."""

    weight_concentration_prior_type: str
    weight_concentration_: Array | tuple[Array, ...]
    weight_concentration_prior_: float
    mean_precision_: Array
    mean_precision_prior_: float
    mean_prior_: Array
    degrees_of_freedom_: Array | float
    degrees_of_freedom_prior_: float
    covariance_prior_: Array | float
    n_active_: int


def set_posterior(estimator: PosteriorAttributes, found: VariationalState) -> None:
    """Set all attributes that ``fit`` sets."""
    posterior, prior = found.posterior, found.posterior.prior
    attributes.set_parameters(estimator, posterior.mixture)
    is_stick = prior.weights == STICKS
    concentration = posterior.weight_concentration
    estimator.weight_concentration_ = tuple(concentration) if is_stick else concentration
    estimator.mean_precision_ = posterior.mean_precision
    degrees = posterior.degrees_of_freedom
    estimator.degrees_of_freedom_ = degrees if degrees.ndim else float(degrees)
    estimator.weight_concentration_prior_ = prior.weight_concentration
    estimator.mean_precision_prior_ = prior.mean_precision
    estimator.mean_prior_ = prior.mean
    estimator.degrees_of_freedom_prior_ = prior.degrees_of_freedom
    scale = prior.covariance
    estimator.covariance_prior_ = scale if scale.ndim else float(scale)
    estimator.n_active_ = len(posterior.used)
    estimator.converged_ = found.is_converged
    estimator.n_iter_ = len(found.lower_bounds)
    estimator.lower_bound_ = found.lower_bounds[-1]
    estimator.lower_bounds_ = list(found.lower_bounds)


def to_posterior(estimator: PosteriorAttributes) -> VariationalPosterior:
    """The posterior that the attributes hold."""
    check_is_fitted(estimator)
    prior = Prior(
        estimator.covariance_type,
        cast("WeightPrior", estimator.weight_concentration_prior_type),
        estimator.weight_concentration_prior_,
        estimator.mean_precision_prior_,
        estimator.mean_prior_,
        estimator.degrees_of_freedom_prior_,
        np.asarray(estimator.covariance_prior_),
    )
    return VariationalPosterior(
        prior,
        np.asarray(estimator.weight_concentration_),
        estimator.mean_precision_,
        np.asarray(estimator.degrees_of_freedom_),
        attributes.to_parameters(estimator),
    )
