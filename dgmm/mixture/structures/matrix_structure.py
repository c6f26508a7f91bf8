"""Structures whose covariances are matrices, and the two that averages estimate."""

from collections.abc import Sequence

import numpy as np

from dgmm.mixture import feature_map
from dgmm.mixture.covariance_structure import Structure
from dgmm.mixture.linear_algebra import precision_factors, raise_eigenvalues
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


class MatrixStructure(Structure):
    """Covariance matrices, of each component or of all together."""

    is_diagonal = False

    @property
    def order(self) -> int:
        return feature_map.LINEAR if self.is_shared else feature_map.CROSSES

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        n_matrices = 1 if self.is_shared else n_components
        return n_matrices * n_features * (n_features + 1) // 2

    def outer(self, vectors: Array) -> Array:
        return vectors[..., :, None] * vectors[..., None, :]

    def diagonals(self, matrices: Array) -> Array:
        return matrices

    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        if covariances.ndim == 3:  # broadcasting takes longer than many a product
            return covariances
        return np.broadcast_to(covariances, (n_components, n_features, n_features))

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        ridged = _as_stack(covariances) + np.diag(regularization.ridge)
        return raise_eigenvalues(ridged, regularization.floor).reshape(covariances.shape)

    def precisions_cholesky(self, covariances: Array) -> Array:
        return precision_factors(_as_stack(covariances)).reshape(covariances.shape)

    def precisions(self, factors: Array) -> Array:
        return factors @ np.swapaxes(factors, -1, -2)

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return self.expand(covariances, n_components, n_features)

    def variances(self, covariances: Array, n_components: int, n_features: int) -> Array:
        matrices = self.expand(covariances, n_components, n_features)
        return np.diagonal(matrices, axis1=1, axis2=2)

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        diagonals = np.diagonal(_as_stack(factors), axis1=1, axis2=2)
        return np.broadcast_to(-2.0 * np.log(diagonals).sum(axis=1), n_components)

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return (factors if self.is_shared else factors[k]).T @ deviations

    def relative(self, changes: Array, factors: Array) -> Array:
        return np.swapaxes(factors, -1, -2) @ changes @ factors

    def marginal(self, covariances: Array, features: Sequence[int]) -> Array:
        return _block(covariances, features, features)

    def regress(
        self, covariances: Array, known: Sequence[int], other: Sequence[int]
    ) -> tuple[Array, Array]:
        cross = _block(covariances, known, other)
        slopes = np.asarray(np.linalg.solve(self.marginal(covariances, known), cross), np.float64)
        residuals = self.marginal(covariances, other) - np.swapaxes(cross, -1, -2) @ slopes
        return slopes, (residuals + np.swapaxes(residuals, -1, -2)) / 2


class Full(MatrixStructure):
    """Every component has a covariance matrix of its own."""

    label, local_kind = "full covariances", "full"
    dimensions = ("component", "feature", "feature_2")


class Tied(MatrixStructure):
    """One covariance matrix for all components."""

    label = "one common covariance"
    dimensions = ("feature", "feature_2")


FULL, TIED = Full(), Tied()


def _as_stack(matrices: Array) -> Array:
    """One matrix, or some, as (n, d, d)."""
    return matrices.reshape(-1, *matrices.shape[-2:])


def _block(matrices: Array, rows: Sequence[int], columns: Sequence[int]) -> Array:
    """Some rows and columns of each matrix."""
    return matrices[..., np.array(rows)[:, None], np.array(columns)]
