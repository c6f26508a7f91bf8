"""The interface of covariance structures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array
from dgmm.registry import STRUCTURES, canonical_type


class Structure(ABC):
    """A family of covariances.

    Derive new ones from :class:`dgmm.mixture.structures.MatrixStructure` or
    :class:`~dgmm.mixture.structures.DiagonalStructure`. What a structure averages over is told by
    the ``dimensions`` that its array does not have; one whose estimates are more than averages of
    scatters says how :meth:`constrain` makes them.

    Attributes
    ----------
    label : str
        What it is in a sentence, as "diagonal covariances".
    dimensions : tuple of str
        Of the arrays of covariances and of precision factors: ``"component"``, unless components
        share them, then the features.
    is_diagonal : bool
        Whether covariances have no off-diagonal entries.
    local_kind : str
        How the covariances of two components may be fitted to part of the rows, with all others
        as they are: ``"full"``, ``"diag"``, ``"spherical"``, or ``"fixed"`` for not at all.
    part_type : str or None
        The covariance type of marginal and conditional mixtures; None is its own.
    start_type : str or None
        The covariance type whose search serves this one, too; None if it needs one of its own.
    """

    label: ClassVar[str]
    dimensions: ClassVar[tuple[str, ...]]
    is_diagonal: ClassVar[bool]
    local_kind: ClassVar[str] = "fixed"
    part_type: ClassVar[str | None] = None
    start_type: ClassVar[str | None] = None

    @property
    def is_shared(self) -> bool:
        """Whether all components have the same covariance."""
        return "component" not in self.dimensions

    @property
    def is_isotropic(self) -> bool:
        """Whether all features have the same variance."""
        return "feature" not in self.dimensions

    @property
    @abstractmethod
    def order(self) -> int:
        """The prefix of the feature map that components need (:mod:`dgmm.mixture.feature_map`)."""

    @property
    def order_with_noise(self) -> int:
        """The same beside noise, which lacks what components share."""
        return feature_map.CROSSES if self.order == feature_map.LINEAR else self.order

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the arrays of covariances and of precision factors."""
        sizes = {"component": n_components}
        return tuple(sizes.get(dimension, n_features) for dimension in self.dimensions)

    @abstractmethod
    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of a mixture: K - 1 weights, K d means, and the covariances'.

        As in Fraley & Raftery 2002, J. Am. Stat. Assoc. 97, sec. 2.
        """
        covariances = self.n_covariance_parameters(n_components, n_features)
        return n_components - 1 + n_components * n_features + covariances

    def n_component_parameters(self, n_features: int) -> int:
        """Free parameters that one more component has: its weight, mean and own covariance."""
        return self.n_parameters(2, n_features) - self.n_parameters(1, n_features)

    @abstractmethod
    def outer(self, vectors: Array) -> Array:
        """Outer products of (..., d) vectors: (..., d, d), or their diagonals (..., d)."""

    @abstractmethod
    def diagonals(self, matrices: Array) -> Array:
        """What the structure takes of (K, d, d) matrices: all, or their diagonals (K, d)."""

    @abstractmethod
    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """Covariances as (K, d, d) matrices, or as their diagonals (K, d). Not to be written to."""

    def from_scatter(self, scatters: Array, counts: Array) -> Array:
        """Averages of scatters, in the shape of the covariances; what estimates are made from.

        Parameters
        ----------
        scatters : ndarray of shape (K, d, d), or (K, d) where ``is_diagonal``
            Responsibility-weighted *average* outer products (or squares) about each mean.
        counts : ndarray of shape (K,)
            Sums of responsibilities.
        """
        if self.is_isotropic:
            scatters = scatters.mean(axis=1)
        if self.is_shared:
            scatters = np.tensordot(counts / counts.sum(), scatters, axes=1)
        return scatters

    def estimate(
        self,
        averages: Array,
        counts: Array,
        regularization: Regularization,
        current: Array | None = None,
    ) -> Array:
        """Maximum-likelihood covariances of components.

        Averages are regularised first, so that estimates are of the structure whatever they are.

        Parameters
        ----------
        averages : ndarray
            As :meth:`from_scatter` returns them.
        counts : ndarray of shape (K,)
            Sums of responsibilities.
        regularization : Regularization
        current : ndarray, optional
            Covariances from which iterative estimates start, so that they lose no likelihood.
        """
        shares = np.maximum(counts, 0.0)
        regular = self.regularize(averages, regularization)
        return self.constrain(regular, shares / shares.sum(), current)

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        """The covariances Sigma_k that minimise sum_k share_k (log|Sigma_k| + tr Sigma_k^-1 S_k).

        Parameters
        ----------
        averages : ndarray
            S_k, positive definite.
        shares : ndarray of shape (K,)
            Not negative; they sum to 1.
        current : ndarray or None
            As in :meth:`estimate`.
        """
        del shares, current
        return averages

    @property
    def is_joint(self) -> bool:
        """Whether the covariance of a component depends on the scatters of the others."""
        return self.is_shared or type(self).constrain is not Structure.constrain

    @abstractmethod
    def regularize(self, covariances: Array, regularization: Regularization) -> Array:
        """Averages with ridge added and eigenvalues raised to the floor."""

    @abstractmethod
    def precisions_cholesky(self, covariances: Array) -> Array:
        """Factors U with U U' = Sigma^-1; upper triangular, or inverse standard deviations.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """

    @abstractmethod
    def precisions(self, factors: Array) -> Array:
        """U U', the inverses of the covariances, in their shape."""

    def invert(self, covariances: Array) -> Array:
        """Precisions from covariances, or covariances from precisions.

        Raises
        ------
        numpy.linalg.LinAlgError
            If one is not positive definite.
        """
        return self.precisions(self.precisions_cholesky(covariances))

    @abstractmethod
    def matrices(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """Covariances, or factors, as (K, d, d) matrices. Not to be written to."""

    @abstractmethod
    def variances(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The diagonals of the covariances, shape (K, d). Not to be written to."""

    @abstractmethod
    def log_determinants(self, factors: Array, n_components: int, n_features: int) -> Array:
        """Log |Sigma_k| of each component, shape (K,), from the factors."""

    @abstractmethod
    def whiten(self, deviations: Array, factors: Array, k: int) -> Array:
        """U_k' (x - mu_k) for deviations of shape (d, T): unit covariance under component k."""

    @abstractmethod
    def relative(self, changes: Array, factors: Array) -> Array:
        """U' Delta U: changes of covariances, any number on axes before, in units of these."""

    def information_roots(self, weights: Array, n_features: int) -> Array:
        """Roots of a labelled row's information on each entry of a relative change."""
        each = 0.5 * n_features if self.is_isotropic else 0.5
        roots = np.sqrt(each * (weights.sum(keepdims=True) if self.is_shared else weights))
        return roots.reshape(-1, *[1] * (len(self.dimensions) - 1))

    def permute(self, covariances: Array, order: NDArray[np.intp]) -> Array:
        """Covariances, or factors, with those of component ``order[i]`` in place ``i``."""
        return covariances if self.is_shared else covariances[order]

    @abstractmethod
    def marginal(self, covariances: Array, features: Sequence[int]) -> Array:
        """The covariances of some features."""

    @abstractmethod
    def regress(
        self, covariances: Array, known: Sequence[int], other: Sequence[int]
    ) -> tuple[Array, Array]:
        """Linear regression of other features on known ones (Bishop 2006, sec. 2.3.1).

        Returns
        -------
        slopes : ndarray of shape (..., n_known, n_other)
        residuals : ndarray
            Covariances of what regression leaves, in the shape of the structure.
        """


@cache
def structure_of(covariance_type: str) -> Structure:
    """The structure of this name, or of this alias.

    Raises
    ------
    ValueError
        If there is none.
    """
    name = canonical_type(covariance_type)
    if name not in STRUCTURES:
        known = ", ".join(repr(known) for known in STRUCTURES)
        message = f"covariance_type is {covariance_type!r}; expected one of {known}."
        raise ValueError(message)
    structure: Structure = STRUCTURES[name]
    return structure
