"""A conjugate prior of means and covariances, with the defaults of R's mclust.

Normal and inverse Wishart distributions (inverse gamma where covariances are diagonal) keep EM's
form: what they say is added to the means and scatters of an E-step (Fraley & Raftery 2007,
J. Classif. 24). The M-step then finds the mode of the posterior, and no component collapses.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

SHRINKAGE = 0.01
"""How many rows the prior of a mean is worth."""

KINDS = ("full", "tied", "diag", "spherical")
"""Structures for which the prior is defined."""


@dataclass(frozen=True, slots=True, eq=False)
class ConjugatePrior:
    """The prior of each component, in a mixture of any number of components.

    Means are normal about the mean of the data, with the covariance of the component over
    ``SHRINKAGE``. Covariances are inverse Wishart with d + 2 degrees of freedom; the scale is the
    data's covariance over K^(2/d), so that K components together have the volume of the data. One
    variance for each feature, or for all, is inverse gamma, with the mean variance in its place.

    Attributes
    ----------
    covariance : ndarray of shape (n_features, n_features)
        Of all rows, unbiased; their mean is the origin.
    share : float
        How much the prior counts: on a sample as much less as the likelihood does.
    """

    covariance: Array
    share: float = 1.0

    @classmethod
    def of_data(cls, scatter: Array, total_weight: float) -> Self:
        """The prior for rows of this scatter about their mean."""
        return cls(scatter / max(total_weight - 1.0, 1.0))

    def scale(self, share: float) -> Self:
        """The same for a sample with this share of the rows."""
        return replace(self, share=self.share * share)

    def add_to(self, moments: Moments, mixture: Parameters) -> Moments:
        """Moments of which the M-step makes the mode of the posterior.

        Parameters
        ----------
        moments : Moments
            Of the rows, under ``mixture``.
        mixture : Parameters
        """
        structure, shrinkage = mixture.structure, self.share * SHRINKAGE
        counts = np.maximum(moments.counts, 0.0)
        pulled = counts * shrinkage / (counts + shrinkage)
        between = structure.outer(moments.means * np.sqrt(pulled)[:, None])
        excess, scale = self._terms(mixture)
        prior: Array = scale if between.ndim == 3 else np.diagonal(scale)
        if structure.is_shared:
            between, rows = between.sum(axis=0), counts.sum()
        elif structure.is_isotropic:
            between, rows = between.sum(axis=1), counts * mixture.n_features
            prior = prior[0]
        else:
            rows = counts.reshape(-1, *[1] * (between.ndim - 1))
        return replace(
            moments,
            means=moments.means * (counts / (counts + shrinkage))[:, None],
            covariances=(rows * moments.covariances + between + prior) / (rows + excess),
            log_prior=self.log_density(mixture),
        )

    def log_density(self, mixture: Parameters) -> float:
        """The log prior of a mixture, in nats, but for a constant."""
        structure, factors = mixture.structure, mixture.factor_matrices
        excess, scale = self._terms(mixture)
        whitened = np.einsum("kij,ki->kj", factors, mixture.means)
        traces = np.einsum("kij,il,klj->k", factors, scale, factors, optimize=True)
        of_covariances = float((excess * mixture.log_determinants + traces).sum())
        if structure.is_shared:  # there is one covariance, or one variance of all features
            of_covariances /= mixture.n_components
        elif structure.is_isotropic:
            of_covariances /= mixture.n_features
        return -0.5 * (self.share * SHRINKAGE * float((whitened**2).sum()) + of_covariances)

    def _terms(self, mixture: Parameters) -> tuple[float, Array]:
        """What is added to the rows of a covariance, and to its scatter, shape (d, d)."""
        k, d = mixture.means.shape
        freedom = d + 2
        excess = {
            "full": freedom + d + 2,
            "tied": freedom + d + 1 + k,
            "diag": freedom + 3,
            "spherical": freedom + d + 2,
        }[mixture.covariance_type]
        scale = self.covariance
        if mixture.structure.is_diagonal:
            scale = np.eye(d) * np.diagonal(scale).mean()
        return self.share * excess, scale * (self.share * k ** (-2.0 / d))
