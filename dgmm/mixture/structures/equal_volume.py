"""Covariances of equal volume: EVI and EVV (Celeux & Govaert 1995, sec. 3)."""

import numpy as np

from dgmm.mixture.structures.diagonal_structure import DiagonalStructure
from dgmm.mixture.structures.matrix_structure import MatrixStructure
from dgmm.mixture.types import Array


def equalize_volumes(averages: Array, log_determinants: Array, shares: Array) -> Array:
    """Averages scaled to one determinant.

    Sigma_k = lambda S_k / |S_k|^(1/d), lambda = sum_k share_k |S_k|^(1/d).

    Parameters
    ----------
    averages : ndarray of shape (K, d) or (K, d, d)
        S_k.
    log_determinants : ndarray of shape (K,)
        Log |S_k|.
    shares : ndarray of shape (K,)
    """
    volumes = np.exp(log_determinants / averages.shape[-1])
    scales = (shares @ volumes) / volumes
    return np.asarray(averages * scales.reshape(-1, *[1] * (averages.ndim - 1)))


class EqualVolumeDiagonal(DiagonalStructure):
    """Diagonal covariance matrices of the same determinant."""

    label, local_kind = "diagonal covariances of equal volume", "diag"
    part_type = start_type = "diag"
    dimensions = ("component", "feature")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (n_features - 1)

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        return equalize_volumes(averages, np.log(averages).sum(axis=1), shares)


class EqualVolume(MatrixStructure):
    """Covariance matrices of the same determinant."""

    label, local_kind = "covariances of equal volume", "full"
    part_type = start_type = "full"
    dimensions = ("component", "feature", "feature_2")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        d = n_features
        return 1 + n_components * (d - 1 + d * (d - 1) // 2)

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        return equalize_volumes(averages, np.linalg.slogdet(averages)[1], shares)


EVI, EVV = EqualVolumeDiagonal(), EqualVolume()
