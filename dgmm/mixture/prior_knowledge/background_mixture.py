"""A background mixture, which few rows of a new kind adapt.

Each component of the background is worth a number of rows, the relevance factor r: it adds their
weight, mean and covariance to those of an E-step. Where a component has n rows, the new mean is
a x + (1 - a) m with a = n / (n + r), and likewise the second moments (Reynolds, Quatieri & Dunn
2000, Digital Signal Processing 10, eqs 12-14): components of many rows move, others stay. This is
the mode of a posterior whose prior is conjugate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundMixture:
    """Mixtures to adapt, of which each component is worth some rows.

    Attributes
    ----------
    mixtures : mapping of (str, int) to Parameters
        By covariance type and number of components, in the coordinates of the fit.
    relevance : float
        The rows that each component is worth; positive.
    """

    mixtures: Mapping[tuple[str, int], Parameters]
    relevance: float

    def scale(self, share: float) -> Self:
        """The same for a sample with this share of the rows."""
        return replace(self, relevance=self.relevance * share)

    def add_to(self, moments: Moments, mixture: Parameters) -> Moments:
        """Moments of which the M-step makes the adapted mixture.

        Parameters
        ----------
        moments : Moments
            Of the rows, under ``mixture``.
        mixture : Parameters
            With the components of the background in their order.
        """
        before, structure = self._background_of(mixture), mixture.structure
        counts = np.maximum(moments.counts, 0.0)
        total = counts + self.relevance
        apart = before.means - moments.means
        pulled = counts * self.relevance / total
        between = structure.outer(apart * np.sqrt(pulled / total)[:, None])
        covariances = structure.from_scatter(between, total)
        for rows, known in ((counts, moments), (total - counts, before)):
            covariances = covariances + _share(rows, total, mixture) * known.covariances
        return replace(
            moments,
            counts=counts + self.relevance * len(counts) * before.weights,
            means=moments.means + (self.relevance / total)[:, None] * apart,
            covariances=covariances,
            log_prior=self.log_density(mixture),
        )

    def log_density(self, mixture: Parameters) -> float:
        """The log prior of a mixture, in nats, but for a constant."""
        before, factors = self._background_of(mixture), mixture.factor_matrices
        shifts = np.einsum("kij,ki->kj", factors, before.means - mixture.means)
        traces = np.einsum("kij,kil,klj->k", factors, before.matrices, factors, optimize=True)
        distances = mixture.log_determinants + traces + (shifts**2).sum(axis=1)
        of_weights = mixture.n_components * float(before.weights @ mixture.log_weights)
        return self.relevance * (of_weights - 0.5 * float(distances.sum()))

    def _background_of(self, mixture: Parameters) -> Parameters:
        return self.mixtures[mixture.covariance_type, mixture.n_components]


def _share(rows: Array, total: Array, mixture: Parameters) -> Array:
    """Which share of the covariances some rows have, in a shape that goes with these."""
    if mixture.structure.is_shared:
        return np.array(rows.sum() / total.sum())
    return (rows / total).reshape(-1, *[1] * (mixture.covariances.ndim - 1))
