"""Parts of a mixture that are known beforehand, and stay to the bit while EM finds the others.

The M-step under a fixed mean is exact: the scatter of a component about m is that about its mean x,
plus the outer product of x - m. Fixed weights and covariances take the place of estimates.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.prior_name import FixedPart
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class FixedParts:
    """Weights, means or covariances of the first components; None for what is to be found.

    Attributes
    ----------
    n_components : int
        Of which parts are fixed; others may follow.
    weights : ndarray of shape (n_components,), or None
        They sum to 1, so that no component follows.
    means : ndarray of shape (n_components, n_features), or None
    covariances : ndarray, or None
        In the shape of the covariance type.
    known : Parameters, or None
        The mixture that they are parts of, and from which EM starts.
    """

    n_components: int
    weights: Array | None = None
    means: Array | None = None
    covariances: Array | None = None
    known: Parameters | None = None

    @classmethod
    def of_mixture(cls, mixture: Parameters, names: tuple[FixedPart, ...]) -> Self:
        """Parts of a mixture, by their names."""
        parts = {name: getattr(mixture, name) for name in names}
        return cls(mixture.n_components, **parts, known=mixture)

    @property
    def names(self) -> tuple[FixedPart, ...]:
        """Which parts are fixed."""
        names: tuple[FixedPart, ...] = ("weights", "means", "covariances")
        return tuple(name for name in names if getattr(self, name) is not None)

    def scale(self, share: float) -> Self:
        """The same for a sample with this share of the rows."""
        del share
        return self

    def translate(self, shift: Array) -> Self:
        """The same with means moved by ``shift`` (n_features,)."""
        means = None if self.means is None else self.means + shift
        known = None if self.known is None else self.known.translate(shift)
        return replace(self, means=means, known=known)

    def add_to(self, moments: Moments, mixture: Parameters) -> Moments:
        """Moments about the fixed means, and the parts for the M-step.

        Parameters
        ----------
        moments : Moments
            Under ``mixture``.
        mixture : Parameters
        """
        found = replace(moments, fixed=self)
        if self.means is None:
            return found
        structure, n = mixture.structure, self.n_components
        means, apart = moments.means.copy(), np.zeros_like(moments.means)
        apart[:n] = means[:n] - self.means
        means[:n] = self.means
        between = structure.from_scatter(structure.outer(apart), np.maximum(moments.counts, 0.0))
        return replace(found, means=means, covariances=moments.covariances + between)

    def put_into(self, mixture: Parameters) -> Parameters:
        """The mixture with the fixed parts in place of its own."""
        weights = mixture.weights if self.weights is None else self.weights
        means, covariances = mixture.means, mixture.covariances
        if self.means is not None:
            means = np.concatenate([self.means, means[self.n_components :]])
        if self.covariances is not None:
            covariances = self.covariances
            if not mixture.structure.is_shared:
                others = mixture.covariances[self.n_components :]
                covariances = np.concatenate([covariances, others])
        found = Parameters.from_covariances(
            mixture.covariance_type, weights, means, covariances, mixture.noise
        )
        return replace(found, n_fixed=self._count(mixture))

    def _count(self, mixture: Parameters) -> int:
        """How many parameters of a mixture are fixed."""
        n, (k, d) = self.n_components, mixture.means.shape
        n_parameters = {
            "weights": k - 1,
            "means": n * d,
            "covariances": mixture.structure.n_covariance_parameters(n, d),
        }
        return sum(n_parameters[name] for name in self.names)
