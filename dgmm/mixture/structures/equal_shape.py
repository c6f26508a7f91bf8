"""Covariances that are multiples of one another: VEI and VEE (Celeux & Govaert 1995, sec. 3)."""

import numpy as np

from dgmm.mixture.structures.diagonal_structure import DiagonalStructure
from dgmm.mixture.structures.matrix_structure import MatrixStructure
from dgmm.mixture.types import Array

TOLERANCE = 1e-11
"""Largest relative change of a volume in the last iteration of an estimate."""

MOST_ITERATIONS = 1000


def make_proportional(averages: Array, shares: Array) -> Array:
    """Multiples lambda_k C of one diagonal or matrix.

    C = sum_k share_k S_k / lambda_k and lambda_k = tr(S_k C^-1) / d in turn, until no lambda_k
    changes by more than ``TOLERANCE``, relative. Each iteration gains likelihood.

    Parameters
    ----------
    averages : ndarray of shape (K, d) or (K, d, d)
        S_k, positive definite.
    shares : ndarray of shape (K,)
    """
    n_components, d = averages.shape[:2]
    flat = averages.reshape(n_components, -1)
    diagonals = flat if averages.ndim == 2 else np.diagonal(averages, axis1=1, axis2=2)
    volumes = diagonals.mean(axis=1)
    for _ in range(MOST_ITERATIONS):
        common = ((shares / volumes) @ flat).reshape(averages.shape[1:])
        inverse = 1.0 / common if averages.ndim == 2 else np.linalg.inv(common)
        before, volumes = volumes, flat @ inverse.ravel() / d
        volumes /= shares @ volumes  # they are known up to a factor
        before = before / (shares @ before)
        if (np.abs(volumes - before) <= TOLERANCE * volumes).all():
            break
    common = ((shares / volumes) @ flat).reshape(averages.shape[1:])
    return np.asarray(volumes.reshape(-1, *[1] * common.ndim) * common)


class ProportionalDiagonal(DiagonalStructure):
    """Diagonal covariance matrices that are multiples of one another."""

    label, local_kind = "proportional diagonal covariances", "diag"
    start_type = "diag"
    dimensions = ("component", "feature")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components + n_features - 1

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        return make_proportional(averages, shares)


class Proportional(MatrixStructure):
    """Covariance matrices that are multiples of one another."""

    label, local_kind = "proportional covariances", "full"
    start_type = "full"
    dimensions = ("component", "feature", "feature_2")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components - 1 + n_features * (n_features + 1) // 2

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        return make_proportional(averages, shares)


VEI, VEE = ProportionalDiagonal(), Proportional()
