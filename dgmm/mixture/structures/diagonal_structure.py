"""Structures whose covariances are diagonal, and the four that averages estimate."""

import math
from collections.abc import Sequence

import numpy as np

from dgmm.mixture import feature_map
from dgmm.mixture.covariance_structure import Structure
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


class DiagonalStructure(Structure):
    """Variances: of each component or of all together, of each feature or of all together."""

    is_diagonal = True

    @property
    def order(self) -> int:
        return feature_map.SQUARES

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return math.prod(self.shape(n_components, n_features))

    def outer(self, vectors: Array) -> Array:
        return vectors**2

    def diagonals(self, matrices: Array) -> Array:
        return np.diagonal(matrices, axis1=1, axis2=2)

    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        aligned = covariances[..., None] if self.is_isotropic else covariances
        return np.broadcast_to(aligned, (n_components, n_features))

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        ridge, floor = regularization.ridge, regularization.floor
        if self.is_isotropic:
            ridge, floor = ridge.mean(), floor.mean()
        return np.asarray(np.maximum(covariances + ridge, floor))

    def precisions_cholesky(self, covariances: Array) -> Array:
        if not (covariances > 0).all():
            message = f"a variance is {covariances.min():.3g}; expected a positive number."
            raise np.linalg.LinAlgError(message)
        return np.asarray(1.0 / np.sqrt(covariances))

    def precisions(self, factors: Array) -> Array:
        return np.asarray(factors**2)

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return self.expand(covariances, n_components, n_features)[:, :, None] * np.eye(n_features)

    def variances(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return self.expand(covariances, n_components, n_features)

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        logs = np.log(factors)
        logs = n_features * logs if self.is_isotropic else logs.sum(axis=-1)
        return np.broadcast_to(-2.0 * logs, n_components)

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return (factors if self.is_shared else factors[k]).reshape(-1, 1) * deviations

    def relative(self, changes: Array, factors: Array) -> Array:
        return changes * factors**2

    def marginal(self, covariances: Array, features: Sequence[int]) -> Array:
        return covariances if self.is_isotropic else covariances[..., list(features)]

    def regress(
        self, covariances: Array, known: Sequence[int], other: Sequence[int]
    ) -> tuple[Array, Array]:
        return np.zeros((len(known), len(other))), self.marginal(covariances, other)


class Diag(DiagonalStructure):
    """Every component has a diagonal covariance matrix of its own."""

    label, local_kind = "diagonal covariances", "diag"
    dimensions = ("component", "feature")


class Spherical(DiagonalStructure):
    """Every component has one variance, the same for all features."""

    label, local_kind = "spherical covariances", "spherical"
    dimensions = ("component",)


class CommonDiagonal(DiagonalStructure):
    """All components have the same diagonal covariance matrix: EEI."""

    label, start_type = "one common diagonal covariance", "diag"
    dimensions = ("feature",)


class CommonVariance(DiagonalStructure):
    """All components and features have the same variance: EII."""

    label, start_type = "one common variance", "spherical"
    dimensions = ()


DIAG, SPHERICAL = Diag(), Spherical()
EEI, EII = CommonDiagonal(), CommonVariance()
