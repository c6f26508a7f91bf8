"""The parameters of one mixture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.covariance_structure import Structure, structure_of
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Weights, means and covariances of a Gaussian mixture, in the units of the data.

    Attributes
    ----------
    covariance_type : str
        The covariance structure; it fixes the shape of the two arrays that depend on it.
    weights : ndarray of shape (n_components,)
        Mixing proportions, non-negative; with that of the noise they sum to 1.
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray
        ``full``: (n_components, n_features, n_features); ``tied``: (n_features, n_features);
        ``diag``: (n_components, n_features); ``spherical``: (n_components,); of other structures
        as they say (:meth:`dgmm.mixture.covariance_structure.Structure.shape`).
    precisions_cholesky : ndarray
        Same shape; of matrices upper triangular U with U U' = inverse covariance, of variances the
        inverse standard deviation (scikit-learn's convention).
    noise : Noise, or None
        For rows that belong to no component.
    n_fixed : int
        How many parameters were known before the fit.
    """

    covariance_type: str
    weights: Array
    means: Array
    covariances: Array
    precisions_cholesky: Array
    noise: Noise | None = None
    n_fixed: int = 0

    @classmethod
    def from_covariances(
        cls,
        covariance_type: str,
        weights: Array,
        means: Array,
        covariances: Array,
        noise: Noise | None = None,
    ) -> Self:
        """Parameters whose precision factors are computed from the covariances.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        factors = structure_of(covariance_type).precisions_cholesky(covariances)
        return cls(covariance_type, weights, means, covariances, factors, noise)

    @classmethod
    def from_moments(
        cls,
        covariance_type: str,
        weights: Array,
        means: Array,
        matrices: Array,
        regularization: Regularization,
        noise: Noise | None = None,
    ) -> Self:
        """The mixture of a structure that is closest to these components.

        Parameters
        ----------
        covariance_type : str
        weights : ndarray of shape (n_components,)
            In proportion; scaled to what the noise leaves.
        means : ndarray of shape (n_components, n_features)
        matrices : ndarray of shape (n_components, n_features, n_features)
            Covariances.
        regularization : Regularization
        noise : Noise, or None
        """
        structure = structure_of(covariance_type)
        weights = np.maximum(weights, np.finfo(np.float64).eps)
        weights = weights / weights.sum() * (1.0 if noise is None else 1.0 - noise.weight)
        averages = structure.from_scatter(structure.diagonals(matrices), weights)
        covariances = structure.estimate(averages, weights, regularization)
        return cls.from_covariances(covariance_type, weights, means, covariances, noise)

    @property
    def structure(self) -> Structure:
        """The covariance structure."""
        return structure_of(self.covariance_type)

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return self.means.shape[1]

    @property
    def n_parameters(self) -> int:
        """Free parameters (:meth:`dgmm.mixture.covariance_structure.Structure.n_parameters`).

        Noise adds its weight; what was known before the fit does not count.
        """
        n_parameters = self.structure.n_parameters(*self.means.shape)
        return n_parameters + (self.noise is not None) - self.n_fixed

    @property
    def n_terms(self) -> int:
        """Number of components, the noise with them."""
        return self.n_components + (self.noise is not None)

    @property
    def proportions(self) -> Array:
        """Weights of all terms, shape (n_terms,), that of the noise last; they sum to 1."""
        return self.weights if self.noise is None else np.append(self.weights, self.noise.weight)

    @property
    def order(self) -> int:
        """The prefix of the feature map that the terms need (:mod:`dgmm.mixture.feature_map`)."""
        return self.structure.order if self.noise is None else self.structure.order_with_noise

    @property
    def matrices(self) -> Array:
        """Covariance matrices, shape (n_components, n_features, n_features)."""
        return self.structure.matrices(self.covariances, *self.means.shape)

    @property
    def variances(self) -> Array:
        """Variances, shape (n_components, n_features)."""
        return self.structure.variances(self.covariances, *self.means.shape)

    @property
    def factor_matrices(self) -> Array:
        """The precision factors U, shape (n_components, n_features, n_features)."""
        return self.structure.matrices(self.precisions_cholesky, *self.means.shape)

    @property
    def precisions(self) -> Array:
        """Inverses of the covariances, in their shape."""
        return self.structure.precisions(self.precisions_cholesky)

    @property
    def log_determinants(self) -> Array:
        """Log det(Sigma_k), shape (n_components,)."""
        return self.structure.log_determinants(self.precisions_cholesky, *self.means.shape)

    @property
    def log_weights(self) -> Array:
        """log(w_k), shape (n_components,); finite where w_k is 0."""
        return np.log(np.maximum(self.weights, np.finfo(np.float64).tiny))

    @property
    def log_peaks(self) -> Array:
        """log(w_k N(mu_k | mu_k, Sigma_k)), shape (n_components,); finite where w_k is 0."""
        constant = 0.5 * self.n_features * np.log(2 * np.pi)
        return self.log_weights - 0.5 * self.log_determinants - constant

    def marginal(self, features: Sequence[int]) -> "Parameters":
        """The mixture of some features, whatever the others are (Bishop 2006, eq. 2.98).

        Without its noise, which has no margin.

        Parameters
        ----------
        features : sequence of int
            Columns to keep, in the order of the result.

        Returns
        -------
        mixture : Parameters
            Of the same covariance type, or of the nearest one to which the marginals of the
            structure belong.
        """
        covariances = self.structure.marginal(self.covariances, features)
        means = self.means[:, list(features)]
        kind = self.structure.part_type or self.covariance_type
        weights = self.with_noise(None).weights
        return Parameters.from_covariances(kind, weights, means, covariances)

    def translate(self, shift: Array) -> Self:
        """The same mixture with every mean moved by ``shift`` (n_features,)."""
        return replace(self, means=self.means + shift)

    def with_noise(self, noise: Noise | None) -> Self:
        """The same components in proportion, beside noise of another density, or none.

        The weight of noise that was there stays.
        """
        if noise is self.noise:
            return self
        if noise is not None and self.noise is not None:
            noise = replace(noise, weight=self.noise.weight)
        share = 1.0 if noise is None else 1.0 - noise.weight
        return replace(self, weights=self.weights * (share / self.weights.sum()), noise=noise)

    def sort_by_weight(self, first: int = 0) -> Self:
        """The same mixture with components by weight, largest first; ties keep their order.

        Those before ``first`` stay where they are.
        """
        order = first + np.argsort(-self.weights[first:], kind="stable")
        return self.permute(np.append(np.arange(first), order))

    def permute(self, order: NDArray[np.intp]) -> Self:
        """The same mixture with component ``order[i]`` in place ``i``."""
        permute = self.structure.permute
        return replace(
            self,
            weights=self.weights[order],
            means=self.means[order],
            covariances=permute(self.covariances, order),
            precisions_cholesky=permute(self.precisions_cholesky, order),
        )

    def repeat_heaviest(self, n_components: int) -> Self:
        """The same density as a mixture of more components, of which some are equal.

        The heaviest component becomes two, again and again.
        """
        weights, order = list(self.weights), list(range(self.n_components))
        while len(order) < n_components:
            k = int(np.argmax(weights))
            weights[k] /= 2.0
            weights.append(weights[k])
            order.append(order[k])
        return replace(self.permute(np.array(order)), weights=np.array(weights))
