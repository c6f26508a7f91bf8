"""Changes of a mixture's parameters, and how long they are by Fisher's information."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change of weights, means and covariances, or several of them along the first axis.

    Attributes
    ----------
    weights, means, covariances : ndarray
        Shaped as in :class:`dgmm.mixture.parameters.Parameters`, or with one axis before.
    """

    weights: Array
    means: Array
    covariances: Array

    @classmethod
    def between(cls, start: Parameters, end: Parameters) -> Self:
        """What leads from one mixture to another of its kind."""
        return cls(
            end.weights - start.weights,
            end.means - start.means,
            end.covariances - start.covariances,
        )

    @classmethod
    def stacked(cls, changes: "Sequence[Change]") -> Self:
        """Single changes along a new first axis."""
        return cls(
            np.stack([change.weights for change in changes]),
            np.stack([change.means for change in changes]),
            np.stack([change.covariances for change in changes]),
        )

    def __sub__(self, other: "Change") -> "Change":
        return Change(
            self.weights - other.weights,
            self.means - other.means,
            self.covariances - other.covariances,
        )

    def combined(self, coefficients: Array) -> "Change":
        """The linear combination of stacked changes."""
        return Change(
            np.tensordot(coefficients, self.weights, axes=1),
            np.tensordot(coefficients, self.means, axes=1),
            np.tensordot(coefficients, self.covariances, axes=1),
        )


def coordinates(mixture: Parameters, changes: Change) -> Array:
    """Stacked changes at a mixture, where the information of labelled rows is the unit matrix.

    A labelled row carries the information diag(1 / w) on the weights, w_k Sigma_k^-1 on a mean and
    w_k / 2 (Sigma_k^-1 x Sigma_k^-1) on a covariance (McLachlan & Peel 2000, sec. 2.15), so that
    |change|^2 / 2 is, for small changes, the divergence per row between the labelled mixtures.

    Returns
    -------
    ndarray of shape (n_changes, n_coordinates)
    """
    structure = structure_of(mixture.covariance_type)
    n, (n_components, d) = len(changes.weights), mixture.means.shape
    weights = _positive(mixture.weights)
    factors = structure.factor_matrices(mixture.precisions_cholesky, n_components, d)
    shifts = (changes.means[:, :, None, :] @ factors)[:, :, 0, :]
    spreads = structure.relative(changes.covariances, mixture.precisions_cholesky)
    parts = (
        changes.weights / np.sqrt(weights),
        shifts * np.sqrt(weights)[:, None],
        spreads * structure.information_roots(weights, d),
    )
    return np.concatenate([part.reshape(n, -1) for part in parts], axis=1)


def largest_share(mixture: Parameters, change: Change) -> float:
    """A bound on the share of any weight, or variance in any direction, that a change takes.

    The Frobenius norm of a matrix bounds its eigenvalues.
    """
    structure = structure_of(mixture.covariance_type)
    spreads = structure.relative(change.covariances, mixture.precisions_cholesky)
    sizes = np.abs(spreads) if structure.is_diagonal else np.linalg.norm(spreads, axis=(-2, -1))
    return float(max(np.abs(change.weights / _positive(mixture.weights)).max(), sizes.max()))


def _positive(weights: Array) -> Array:
    return np.maximum(weights, np.finfo(np.float64).eps)
