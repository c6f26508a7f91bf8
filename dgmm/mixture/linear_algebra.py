"""Factors and eigenvalues of small matrices, many at a time."""

import numpy as np
import scipy

from dgmm.mixture.types import Array

_MANY = 4  # times their order: so many matrices are inverted together


def precision_factors(covariances: Array) -> Array:
    """Upper triangular U with U U' = covariance^-1, for (K, d, d) covariances.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.
    """
    lower = np.linalg.cholesky(covariances)
    n, d = lower.shape[:2]
    if n < _MANY * d:
        return np.stack([triangular_inverse(matrix).T for matrix in lower])
    upper = np.zeros_like(lower)  # by forward substitution, of all at a time
    for i in range(d):
        scale = 1.0 / lower[:, i, i]
        upper[:, i, i] = scale
        upper[:, :i, i] = (upper[:, :i, :i] @ lower[:, i, :i, None])[:, :, 0] * -scale[:, None]
    return upper


def triangular_inverse(lower: Array) -> Array:
    """The inverse of a lower triangular matrix, by LAPACK and without its wrapper's overhead."""
    inverse, _ = scipy.linalg.lapack.dtrtri(lower, lower=1)
    return inverse


def raise_eigenvalues(matrices: Array, floor: Array) -> Array:
    """(K, d, d) matrices, their eigenvalues at least 1 in the metric of the floor, shape (d,)."""
    deviation = np.sqrt(floor)
    metric = np.outer(deviation, deviation)
    scaled = matrices / metric
    if _exceed_one(scaled):
        return matrices
    values, vectors = np.linalg.eigh(scaled)
    clipped = (vectors * np.maximum(values, 1.0)[:, None, :]) @ vectors.transpose(0, 2, 1)
    low = (values[:, 0] < 1.0)[:, None, None]
    return np.where(low, clipped * metric, matrices)


def _exceed_one(matrices: Array) -> bool:
    """Whether all eigenvalues of (K, d, d) matrices exceed 1.

    A Cholesky factorisation finds out at a tenth of the cost of the eigenvalues.
    """
    try:
        np.linalg.cholesky(matrices - np.eye(matrices.shape[-1]))
    except np.linalg.LinAlgError:
        return False
    return True
