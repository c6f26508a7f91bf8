"""What the caller knows of the first parameters."""

from dataclasses import dataclass, replace
from typing import Self

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_ROUNDING = 1e-6  # of weights that sum to 1


@dataclass(frozen=True, slots=True, eq=False)
class InitialParameters:
    """Parts of the first parameters that take the place of a start's guess.

    Attributes
    ----------
    weights : ndarray of shape (n_components,), or None
        What they lack to 1 is the weight of noise, if there is any.
    means : ndarray of shape (n_components, n_features), or None
    precisions : ndarray, or None
        Inverse covariances, shaped as the covariances of one covariance type.
    """

    weights: Array | None = None
    means: Array | None = None
    precisions: Array | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given."""
        return self.weights is None and self.means is None and self.precisions is None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to guess."""
        return not (self.weights is None or self.means is None or self.precisions is None)

    def relative_to(self, origin: Array) -> Self:
        """The same with means relative to ``origin`` (n_features,)."""
        return self if self.means is None else replace(self, means=self.means - origin)

    def replace_in(self, guess: Parameters) -> Parameters:
        """``guess`` with the given parts in place of its own.

        Precisions that are not of the structure become the nearest ones that are.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a precision is not positive definite.
        """
        means = guess.means if self.means is None else self.means
        weights, noise = guess.weights, guess.noise
        if self.weights is not None:
            weights = self.weights
            if noise is not None and weights.sum() < 1.0 - _ROUNDING:
                noise = replace(noise, weight=1.0 - float(weights.sum()))
            elif noise is not None:
                weights = weights * (1.0 - noise.weight)
        if self.precisions is None:
            return replace(guess, weights=weights, means=means, noise=noise)
        covariances = guess.structure.invert(self.precisions)
        covariances = guess.structure.constrain(covariances, weights / weights.sum(), None)
        return Parameters.from_covariances(
            guess.covariance_type, weights, means, covariances, noise
        )
