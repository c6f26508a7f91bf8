"""Covariances of equal shape on axes of their own: EEV and VEV (Celeux & Govaert 1995, sec. 3)."""

import numpy as np

from dgmm.mixture.structures.equal_shape import make_proportional
from dgmm.mixture.structures.matrix_structure import MatrixStructure
from dgmm.mixture.types import Array

_RESOLUTION = 1e-13
"""Of the largest eigenvalue: smaller ones are rounding, as of features in very different units."""


class EqualShape(MatrixStructure):
    """Covariance matrices whose eigenvalues are in the same proportions.

    The axes of component k are those of its scatter, in the order of their eigenvalues; along them
    the eigenvalues are those of VEI.
    """

    label, local_kind = "covariances of equal shape", "full"
    part_type = start_type = "full"
    dimensions = ("component", "feature", "feature_2")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        d = n_features
        return n_components + d - 1 + n_components * d * (d - 1) // 2

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        values, axes = np.linalg.eigh(averages)
        resolved = np.maximum(values, _RESOLUTION * values[:, -1:])
        return rotate(self.constrain_variances(resolved, shares), axes)

    def constrain_variances(self, variances: Array, shares: Array) -> Array:
        """Variances along the axes of each component, shape (K, d)."""
        return make_proportional(variances, shares)


class EqualShapeAndVolume(EqualShape):
    """Covariance matrices with the same eigenvalues, the weighted averages of the scatters'."""

    label = "covariances of equal shape and volume"

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        d = n_features
        return d + n_components * d * (d - 1) // 2

    def constrain_variances(self, variances: Array, shares: Array) -> Array:
        return np.broadcast_to(shares @ variances, variances.shape)


def rotate(variances: Array, axes: Array) -> Array:
    """Covariances with these variances, (K, d), along axes, (K, d, d) or (d, d) by columns."""
    halves = axes * np.sqrt(variances)[:, None, :]
    return np.asarray(halves @ np.swapaxes(halves, 1, 2))


VEV, EEV = EqualShape(), EqualShapeAndVolume()
