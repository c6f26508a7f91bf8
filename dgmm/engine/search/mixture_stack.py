"""Mixtures of one model as one array of components, so that a step of EM is a few operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, starmap
from typing import Self

import numpy as np

from dgmm.mixture.kernels import expanded_kernel
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.expanded_kernel import LinearTerms
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class MixtureStack:
    """Mixtures without noise of a structure in which every component has a covariance by itself.

    Attributes
    ----------
    components : Parameters
        The components of all mixtures; the weights of each mixture sum to 1.
    stops : tuple of int
        Where the components of each mixture end.
    """

    components: Parameters
    stops: tuple[int, ...]

    @classmethod
    def of(cls, mixtures: Sequence[Parameters]) -> Self:
        """Stack mixtures."""
        if len(mixtures) == 1:
            return cls(mixtures[0], (mixtures[0].n_components,))
        weights, means, covariances, factors = (
            np.concatenate([getattr(mixture, name) for mixture in mixtures])
            for name in ("weights", "means", "covariances", "precisions_cholesky")
        )
        stops = accumulate(mixture.n_components for mixture in mixtures)
        return cls(
            Parameters(mixtures[0].covariance_type, weights, means, covariances, factors),
            tuple(stops),
        )

    @property
    def errors(self) -> Array:
        """Bounds on what the expanded kernel loses, of each mixture."""
        errors = expanded_kernel.relative_errors(self.components)
        return np.maximum.reduceat(errors, (0, *self.stops[:-1]))

    @property
    def terms(self) -> LinearTerms:
        """Their log densities."""
        theta = expanded_kernel.natural_parameters([self.components])
        return LinearTerms(self.components.structure.order, theta, self.stops)

    def maximize(
        self, sums: Array, scatter: CentredScatter, regularization: Regularization
    ) -> list[Parameters]:
        """The M-step of each mixture from the sums of their terms, shape (p, C).

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is lost to rounding.
        """
        moments = expanded_kernel.moments(self.components, sums, 0.0, 0.0, scatter)
        kind, structure = self.components.covariance_type, self.components.structure
        weights = np.maximum(moments.counts, 0.0)
        totals = np.add.reduceat(weights, (0, *self.stops[:-1]))
        sizes = np.diff((0, *self.stops))
        covariances = structure.regularize(moments.covariances, regularization)
        moved = Parameters.from_covariances(
            kind, weights / np.repeat(totals, sizes), moments.means, covariances
        )
        return [
            Parameters(
                kind,
                moved.weights[part],
                moved.means[part],
                moved.covariances[part],
                moved.precisions_cholesky[part],
            )
            for part in starmap(slice, pairwise((0, *self.stops)))
        ]
