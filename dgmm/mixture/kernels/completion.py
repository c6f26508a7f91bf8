"""Sums over the values that are there, completed by what a mixture expects of those that are not.

Given the component k, E[x | x_o] and E[x x' | x_o] are affine and quadratic in the observed part
x_o. So the sums over rows that lack the same values are mapped as a whole (Ghahramani & Jordan
1994, NIPS 6, sec. 3): with A the regression of x on x_o and C what it leaves,

    E[x | x_o] = mu + A (x_o - mu_o),   Cov[x | x_o] = C.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.linear_algebra import precision_factors, triangular_inverse
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

Features = NDArray[np.intp]


class Completion(Protocol):
    """What completes the sums of a kernel over rows of one pattern."""

    def apply(self, sums: Array) -> Array:
        """Sums of all features from sums of the observed ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """The regression of all features on some of them, in each component.

    Attributes
    ----------
    slopes : ndarray of shape (K, d, n_observed)
        A; ones and zeros for features that are observed.
    offsets : ndarray of shape (K, d)
        mu - A mu_o; zero for features that are observed.
    residuals : ndarray of shape (K, d, d)
        C; zero for features that are observed.
    """

    slopes: Array
    offsets: Array
    residuals: Array

    @classmethod
    def from_mixture(cls, mixture: Parameters, observed: Features) -> Self:
        """The regressions of a mixture's components.

        Parameters
        ----------
        mixture : Parameters
        observed : ndarray of int
        """
        n_components, d = mixture.means.shape
        matrices = mixture.matrices
        other = np.setdiff1d(np.arange(d), observed)
        known = matrices[:, observed[:, None], observed]
        factors = precision_factors(known)
        scaled = matrices[:, other[:, None], observed] @ factors
        slopes = np.zeros((n_components, d, len(observed)))
        slopes[:, observed, np.arange(len(observed))] = 1.0
        slopes[:, other] = scaled @ factors.transpose(0, 2, 1)
        residuals = np.zeros((n_components, d, d))
        left = matrices[:, other[:, None], other] - scaled @ scaled.transpose(0, 2, 1)
        residuals[:, other[:, None], other] = (left + left.transpose(0, 2, 1)) / 2
        moved = np.einsum("kij,kj->ki", slopes, mixture.means[:, observed])
        offsets = mixture.means - moved
        offsets[:, observed] = 0.0
        return cls(slopes, offsets, residuals)

    @classmethod
    def of_mixtures(cls, mixtures: list[Parameters], observed: Features) -> Self:
        """The regressions of the components of several mixtures, one after the other."""
        parts = [cls.from_mixture(mixture, observed) for mixture in mixtures]
        return cls(
            np.concatenate([part.slopes for part in parts]),
            np.concatenate([part.offsets for part in parts]),
            np.concatenate([part.residuals for part in parts]),
        )

    def apply(self, sums: Array) -> Array:
        """Sums of the expanded kernel, (p, K) from (p_o, K)."""
        n_observed = self.slopes.shape[2]
        counts, first = sums[0], sums[1 : 1 + n_observed].T[:, :, None]
        second = feature_map.unpack_symmetric(sums[1 + n_observed :].T, n_observed)
        n, a = counts[:, None, None], self.offsets[:, :, None]
        moved = self.slopes @ first
        cross = (moved + 0.5 * n * a) @ a.transpose(0, 2, 1)
        expected = self.slopes @ second @ self.slopes.transpose(0, 2, 1)
        expected += cross + cross.transpose(0, 2, 1) + n * self.residuals
        means = (moved + n * a)[:, :, 0]
        return np.concatenate([sums[:1], means.T, feature_map.pack_symmetric(expected).T])


@dataclass(frozen=True, slots=True, eq=False)
class SharedRegression:
    """The same where all components of a model share a covariance, as those of tied models do.

    Then x' P x is the same for all components, and what rows say of the covariance is the scatter
    of their observed values, together with sums of the linear features of each component.

    Attributes
    ----------
    regression : Regression
        Of the components of all models.
    precisions : ndarray of shape (n_models, n_observed, n_observed)
        Inverses of the covariances of the observed features.
    starts : ndarray of shape (n_models,)
        The first component of each model.
    """

    regression: Regression
    precisions: Array
    starts: Features

    @classmethod
    def of_mixtures(
        cls, mixtures: list[Parameters], marginals: list[Parameters], observed: Features
    ) -> Self:
        """Those of some mixtures, of which the marginals of the observed features are given."""
        counts = [mixture.n_components for mixture in mixtures]
        return cls(
            Regression.of_mixtures(mixtures, observed),
            np.stack([marginal.precisions for marginal in marginals]),
            np.cumsum([0, *counts[:-1]]),
        )

    def apply(self, sums: Array) -> Array:
        """Sums of the expanded kernel, (1 + d, K) from (1 + d_o, K)."""
        first = (self.regression.slopes @ sums[1:].T[:, :, None])[:, :, 0]
        return np.concatenate([sums[:1], (first + sums[0][:, None] * self.regression.offsets).T])

    def common_terms(self, scatter: Array) -> Array:
        """The sum of -x_o' P x_o / 2 of each model, from the scatter of the observed values."""
        return np.asarray(-0.5 * np.einsum("mij,ij->m", self.precisions, scatter))

    def complete_scatter(self, sums: Array, scatter: Array) -> Array:
        """The expected scatter of all features under each model, shape (n_models, d, d)."""
        slopes, residuals = self.regression.slopes, self.regression.residuals
        n, a = sums[0][:, None, None], self.regression.offsets[:, :, None]
        moved = slopes @ sums[1:].T[:, :, None]
        cross = (moved + 0.5 * n * a) @ a.transpose(0, 2, 1)
        own = np.add.reduceat(cross + cross.transpose(0, 2, 1) + n * residuals, self.starts)
        common = slopes[self.starts]
        return np.asarray(own + common @ scatter @ common.transpose(0, 2, 1))


@dataclass(frozen=True, slots=True, eq=False)
class WhitenedRegression:
    """The same between whitened deviations, for the centred kernel.

    With y = U' (x - mu) and y_o = U_o' (x_o - mu_o): E[y | y_o] = M y_o, Cov[y | y_o] = 1 - M M',
    where M = (U^-1)_o' U_o has orthonormal columns.

    Attributes
    ----------
    basis : ndarray of shape (K, d, n_observed)
        M.
    """

    basis: Array

    @classmethod
    def from_mixture(cls, mixture: Parameters, observed: Features) -> Self:
        """The regressions of a mixture's components."""
        inverse = np.stack([triangular_inverse(u.T).T for u in mixture.factor_matrices])
        factors = precision_factors(mixture.matrices[:, observed[:, None], observed])
        return cls(inverse[:, :, observed] @ factors)

    def apply(self, sums: Array) -> Array:
        """Sums of the centred kernel, (K, 1 + d + d^2) from those of the observed features."""
        n_components, d, n_observed = self.basis.shape
        counts, first, second = np.split(sums, [1, 1 + n_observed], axis=1)
        transposed = self.basis.transpose(0, 2, 1)
        centred = second.reshape(-1, n_observed, n_observed)
        left = counts[:, :, None] * (np.eye(d) - self.basis @ transposed)
        expected = self.basis @ centred @ transposed + left
        means = np.einsum("kij,kj->ki", self.basis, first)
        return np.concatenate([counts, means, expected.reshape(n_components, -1)], axis=1)
