"""The four covariance structures, one class each: everything that differs between them.

Shapes follow scikit-learn. ``covariances`` and ``factors`` (precision factors U with
U U' = Sigma^-1) are (K, d, d) for full, (d, d) for tied, (K, d) for diag and (K,) for spherical.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from scipy.linalg.lapack import dtrtri

from dgmm.mixture import feature_map
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


class Structure(ABC):
    """A family of covariances.

    Attributes
    ----------
    name : str
        scikit-learn's word for it.
    local_kind : str
        What covariances of single components may be while all others stay: ``"full"``, ``"diag"``,
        ``"spherical"``, or ``"fixed"`` where they are shared.
    order : int
        The prefix of the feature map that its components need (:mod:`dgmm.mixture.feature_map`).
    """

    name: ClassVar[str]
    local_kind: ClassVar[str] = "fixed"
    order: ClassVar[int]

    @property
    def is_diagonal(self) -> bool:
        """Whether covariances have no off-diagonal entries."""
        return self.order == feature_map.SQUARES

    @abstractmethod
    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances."""

    @abstractmethod
    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        """Maximum-likelihood covariances of components.

        Parameters
        ----------
        scatters : ndarray of shape (K, d, d), or (K, d) where ``is_diagonal``
            Responsibility-weighted *average* outer products (or squares) about each mean.
        counts : ndarray of shape (K,)
            Sums of responsibilities.
        """

    @abstractmethod
    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        """The covariances with ridge added and eigenvalues raised to the floor."""

    @abstractmethod
    def precisions_cholesky(self, covariances: Array) -> Array:
        """Factors U with U U' = Sigma^-1; upper triangular, or inverse standard deviations.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """

    @abstractmethod
    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The covariances (or any array of their shape) as (K, d, d) matrices."""

    @abstractmethod
    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        """Log-determinant of U for each component, that is -1/2 log |Sigma_k|, shape (K,)."""

    @abstractmethod
    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        """U_k' (x - mu_k) for deviations of shape (d, T): unit covariance under component k."""

    def invert(self, covariances: Array) -> Array:
        """Precisions from covariances, or covariances from precisions.

        Raises
        ------
        numpy.linalg.LinAlgError
            If one is not positive definite.
        """
        factors = self.precisions_cholesky(covariances)
        if self.is_diagonal:
            return factors**2
        return factors @ np.swapaxes(factors, -1, -2)

    def relative(self, changes: Array, factors: Array) -> Array:
        """U' Delta U: changes of covariances, any number on axes before, in units of these."""
        if self.is_diagonal:
            return changes * factors**2
        return np.swapaxes(factors, -1, -2) @ changes @ factors

    @abstractmethod
    def information_roots(self, weights: Array, n_features: int) -> Array:
        """Roots of a labelled row's information on each entry of a relative change."""

    def factor_matrices(self, factors: Array, n_components: int, n_features: int) -> Array:
        """The factors U as (K, d, d) matrices."""
        return self.matrices(factors, n_components, n_features)


class Full(Structure):
    """Every component has a covariance matrix of its own."""

    name = "full"
    local_kind = "full"
    order = feature_map.CROSSES

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        return scatters

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        return _floored(covariances, regularization)

    def precisions_cholesky(self, covariances: Array) -> Array:
        return _precision_factors(covariances)

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances

    def information_roots(self, weights: Array, n_features: int) -> Array:
        return np.sqrt(0.5 * weights[:, None, None])

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        return np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return factors[k].T @ deviations


class Tied(Structure):
    """One covariance matrix for all components."""

    name = "tied"
    order = feature_map.LINEAR

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        return np.tensordot(counts / counts.sum(), scatters, axes=1)

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        return _floored(covariances[None], regularization)[0]

    def precisions_cholesky(self, covariances: Array) -> Array:
        return _precision_factors(covariances[None])[0]

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(covariances, (n_components, n_features, n_features))

    def information_roots(self, weights: Array, n_features: int) -> Array:
        return np.sqrt(0.5 * weights.sum(keepdims=True))

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        return np.full(n_components, np.log(np.diagonal(factors)).sum())

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return factors.T @ deviations


class Diag(Structure):
    """Every component has a diagonal covariance matrix of its own."""

    name = "diag"
    local_kind = "diag"
    order = feature_map.SQUARES

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        return scatters

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        return np.maximum(covariances + regularization.ridge, regularization.floor)

    def precisions_cholesky(self, covariances: Array) -> Array:
        return _inverse_deviation(covariances)

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances[:, :, None] * np.eye(n_features)

    def information_roots(self, weights: Array, n_features: int) -> Array:
        return np.sqrt(0.5 * weights[:, None])

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        return np.log(factors).sum(axis=1)

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return factors[k][:, None] * deviations


class Spherical(Structure):
    """Every component has one variance, the same for all features."""

    name = "spherical"
    local_kind = "spherical"
    order = feature_map.SQUARES

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        return scatters.mean(axis=1)

    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        return np.maximum(covariances + regularization.ridge.mean(), regularization.floor.mean())

    def precisions_cholesky(self, covariances: Array) -> Array:
        return _inverse_deviation(covariances)

    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances[:, None, None] * np.eye(n_features)

    def information_roots(self, weights: Array, n_features: int) -> Array:
        return np.sqrt(0.5 * n_features * weights)

    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        return n_features * np.log(factors)

    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        return factors[k] * deviations


STRUCTURES: dict[str, Structure] = {s.name: s for s in (Full(), Tied(), Diag(), Spherical())}


def structure_of(covariance_type: str) -> Structure:
    """The structure of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    try:
        return STRUCTURES[covariance_type]
    except KeyError:
        known = ", ".join(repr(name) for name in STRUCTURES)
        message = f"covariance_type is {covariance_type!r}; expected one of {known}."
        raise ValueError(message) from None


def _floored(matrices: Array, regularization: Regularization) -> Array:
    """(K, d, d) matrices plus ridge, their eigenvalues at least 1 in the metric of the floor."""
    matrices = matrices + np.diag(regularization.ridge)
    deviation = np.sqrt(regularization.floor)
    metric = np.outer(deviation, deviation)
    scaled = matrices / metric
    if are_wider(scaled, 1.0):
        return matrices
    values, vectors = np.linalg.eigh(scaled)
    clipped = (vectors * np.maximum(values, 1.0)[:, None, :]) @ vectors.transpose(0, 2, 1)
    low = (values[:, 0] < 1.0)[:, None, None]
    return np.where(low, clipped * metric, matrices)


def are_wider(matrices: Array, variance: float) -> bool:
    """Whether all eigenvalues of (K, d, d) matrices exceed ``variance``.

    A Cholesky factorisation finds out at a tenth of the cost of the eigenvalues.
    """
    try:
        np.linalg.cholesky(matrices - variance * np.eye(matrices.shape[-1]))
    except np.linalg.LinAlgError:
        return False
    return True


def _precision_factors(covariances: Array) -> Array:
    """Upper triangular U with U U' = covariance^-1, for (K, d, d) covariances."""
    lower = np.linalg.cholesky(covariances)
    return np.stack([triangular_inverse(matrix).T for matrix in lower])


def triangular_inverse(lower: Array) -> Array:
    """The inverse of a lower triangular matrix, by LAPACK and without its wrapper's overhead."""
    inverse, _ = dtrtri(lower, lower=1)
    return inverse


def _inverse_deviation(variances: Array) -> Array:
    if not (variances > 0).all():
        message = f"a variance is {variances.min():.3g}; expected a positive number."
        raise np.linalg.LinAlgError(message)
    return 1.0 / np.sqrt(variances)
