"""The M-step: parameters from the moments of an E-step."""

import numpy as np

from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array


def m_step(
    covariance_type: str,
    moments: Moments,
    regularization: Regularization,
    current: Array | None = None,
) -> Parameters:
    """The parameters that maximise the expected log-likelihood (Bishop 2006, eqs 9.24-9.26).

    Parameters
    ----------
    covariance_type : str
    moments : Moments
    regularization : Regularization
    current : ndarray, optional
        Covariances of the E-step (:meth:`dgmm.mixture.covariance_structure.Structure.estimate`).
    """
    structure = structure_of(covariance_type)
    weights, noise = np.maximum(moments.counts, 0.0), moments.noise
    covariances = structure.estimate(moments.covariances, weights, regularization, current)
    weights = weights / weights.sum() * (1.0 if noise is None else 1.0 - noise.weight)
    found = Parameters.from_covariances(covariance_type, weights, moments.means, covariances, noise)
    return found if moments.fixed is None else moments.fixed.put_into(found)
