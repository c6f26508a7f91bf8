"""The prior of a Bayesian mixture."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dgmm.mixture.prior_knowledge.prior_name import WeightPrior
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Conjugate priors of weights, means and precisions (Bishop 2006, sec. 10.2).

    Attributes
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
    weights : {"dirichlet_process", "dirichlet_distribution"}
        Of weights that come from breaking a stick (Blei & Jordan 2006), or of any.
    weight_concentration : float
        Positive; the smaller, the fewer components have rows.
    mean_precision : float
        Positive; as many rows the prior of a mean counts.
    mean : ndarray of shape (n_features,)
    degrees_of_freedom : float
        Above n_features - 1; as many rows the prior of a covariance counts.
    covariance : ndarray
        Scale of the prior of covariances, in the shape of one: (d, d), (d,) for diag, () for
        spherical.
    """

    covariance_type: str
    weights: WeightPrior
    weight_concentration: float
    mean_precision: float
    mean: Array
    degrees_of_freedom: float
    covariance: Array

    def translate(self, shift: Array) -> Self:
        """The same prior with its mean moved by ``shift`` (n_features,)."""
        return replace(self, mean=self.mean + shift)


def covariance_of(covariance_type: str, covariance: Array) -> Array:
    """A covariance matrix (d, d) in the shape of one component's."""
    structure = structure_of(covariance_type)
    own = structure.diagonals(covariance[None])
    if structure.is_isotropic:
        own = own.mean(axis=1)
    return np.asarray(own[0], np.float64)
