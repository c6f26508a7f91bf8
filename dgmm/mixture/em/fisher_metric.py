"""Changes of a mixture's parameters as vectors, measured by the Fisher information."""

from dataclasses import replace

import numpy as np

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


def flatten(mixture: Parameters) -> Array:
    """Proportions, means and covariances in one vector; changes are differences of such vectors."""
    arrays = (mixture.proportions, mixture.means, mixture.covariances)
    return np.concatenate([array.ravel() for array in arrays])


def to_metric_coordinates(mixture: Parameters, changes: Array) -> Array:
    """Changes at a mixture, where the information of labelled rows is the unit matrix.

    A labelled row carries the information diag(1 / w) on the weights, w_k Sigma_k^-1 on a mean and
    w_k / 2 (Sigma_k^-1 x Sigma_k^-1) on a covariance (McLachlan & Peel 2000, sec. 2.15), so that
    |change|^2 / 2 is, for small changes, the divergence per row between the labelled mixtures.

    Parameters
    ----------
    mixture : Parameters
    changes : ndarray of shape (n_changes, n_entries)
        As between :func:`flatten` mixtures.

    Returns
    -------
    ndarray of shape (n_changes, n_coordinates)
    """
    structure = mixture.structure
    proportions, weights = _positive(mixture.proportions), _positive(mixture.weights)
    of_weights, of_means, of_covariances = _parts(mixture, changes)
    shifts = (of_means[:, :, None, :] @ mixture.factor_matrices)[:, :, 0, :]
    spreads = structure.relative(of_covariances, mixture.precisions_cholesky)
    parts = (
        of_weights / np.sqrt(proportions),
        shifts * np.sqrt(weights)[:, None],
        spreads * structure.information_roots(weights, mixture.n_features),
    )
    return np.concatenate([part.reshape(len(changes), -1) for part in parts], axis=1)


def max_relative_change(mixture: Parameters, change: Array) -> float:
    """A bound on the share of any weight, or variance in any direction, that a change takes.

    The Frobenius norm of a matrix bounds its eigenvalues.

    Parameters
    ----------
    mixture : Parameters
    change : ndarray of shape (n_entries,)
    """
    structure = mixture.structure
    of_weights, _, of_covariances = _parts(mixture, change[None])
    spreads = structure.relative(of_covariances, mixture.precisions_cholesky)
    sizes = np.abs(spreads) if structure.is_diagonal else np.linalg.norm(spreads, axis=(-2, -1))
    return float(max(np.abs(of_weights / _positive(mixture.proportions)).max(), sizes.max()))


def apply_step(mixture: Parameters, change: Array, regularization: Regularization) -> Parameters:
    """The mixture after a change whose :func:`max_relative_change` is below 1.

    Where the change leads out of the structure, the nearest mixture of the structure, by the
    divergence that the metric measures.

    Parameters
    ----------
    mixture : Parameters
    change : ndarray of shape (n_entries,)
    regularization : Regularization
        Without a ridge.
    """
    (of_weights,), (of_means,), (of_covariances,) = _parts(mixture, change[None])
    structure, noise = mixture.structure, mixture.noise
    proportions = mixture.proportions + of_weights
    weights = proportions[: mixture.n_components]
    moved = mixture.covariances + of_covariances
    covariances = structure.estimate(moved, weights, regularization, mixture.covariances)
    proportions = proportions / proportions.sum()
    if noise is not None:
        noise = replace(noise, weight=float(proportions[-1]))
    return Parameters.from_covariances(
        mixture.covariance_type,
        proportions[: mixture.n_components],
        mixture.means + of_means,
        covariances,
        noise,
    )


def _parts(mixture: Parameters, changes: Array) -> tuple[Array, Array, Array]:
    """Changes of proportions, means and covariances, one of each along the first axis."""
    n, n_terms, size = len(changes), mixture.n_terms, mixture.means.size
    of_weights, of_means, of_covariances = np.split(changes, [n_terms, n_terms + size], 1)
    return (
        of_weights,
        of_means.reshape(n, *mixture.means.shape),
        of_covariances.reshape(n, *mixture.covariances.shape),
    )


def _positive(weights: Array) -> Array:
    return np.maximum(weights, np.finfo(np.float64).eps)
