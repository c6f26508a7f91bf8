"""Statistics of rows whose patterns of missing values are rare, several patterns at a time.

With P the inverse of Sigma_oo, zero for missing features, and g = P (x - mu): E[x | x_o] - mu is
Sigma g and Cov[x | x_o] is Sigma - Sigma P Sigma. So the sums of r g and of r (g g' - P) over rows
of any patterns say all, and are mapped by Sigma once.
"""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.linear_algebra import triangular_inverse
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_BATCH_NUMBERS = 1 << 19  # in the matrices of a batch


def accumulate(
    mixture: Parameters, x: Array, weights: Array, loops: ModuleType
) -> tuple[Array, float, float]:
    """Sums over some rows; log-likelihood and log-classification.

    Parameters
    ----------
    mixture : Parameters
        Of covariances that are not diagonal.
    x : ndarray of shape (n_rows, d)
        In the coordinates of the mixture; NaN marks what is missing.
    weights : ndarray of shape (n_rows,)
    loops : module
        :func:`dgmm.mixture.kernels.tiling.loops_for` the rows.

    Returns
    -------
    sums : ndarray of shape (K, 1 + d + d^2)
        Of r, r (E[x] - mu) and r E[(x - mu)(x - mu)'].
    log_likelihood, log_classification : float
        In nats.
    """
    n_components, d = mixture.means.shape
    size = max(1, _BATCH_NUMBERS // (n_components * d * d))
    sums, scores = np.zeros((n_components, 1 + d + d * d)), np.zeros(2)
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        scores += _add(mixture, x[part], weights[part], sums, loops)
    return _multiply(mixture, sums), float(scores[0]), float(scores[1])


def expand_sums(mixture: Parameters, sums: Array) -> Array:
    """What :func:`accumulate` found as sums of the expanded kernel, shape (p, K)."""
    d = mixture.n_features
    n, first, second = sums[:, :1], sums[:, 1 : 1 + d], sums[:, 1 + d :]
    means = mixture.means
    cross = (first + 0.5 * n * means)[:, :, None] * means[:, None, :]
    products = second.reshape(-1, d, d) + cross + cross.transpose(0, 2, 1)
    packed = feature_map.pack_symmetric(products)
    return np.concatenate([n, first + n * means, packed], axis=1).T


def whiten_sums(mixture: Parameters, sums: Array) -> Array:
    """The same as sums of the centred kernel, of whitened deviations."""
    d = mixture.n_features
    n, first, second = sums[:, :1], sums[:, 1 : 1 + d], sums[:, 1 + d :]
    factors = mixture.factor_matrices
    transposed = factors.transpose(0, 2, 1)
    white = transposed @ second.reshape(-1, d, d) @ factors
    means = (transposed @ first[:, :, None])[:, :, 0]
    return np.concatenate([n, means, white.reshape(len(n), -1)], axis=1)


def _add(mixture: Parameters, x: Array, weights: Array, sums: Array, loops: ModuleType) -> Array:
    """Add r, r g and r (g g' - P) of a batch to ``sums``."""
    d = mixture.n_features
    there = ~np.isnan(x)
    both = there[:, None, :, None] & there[:, None, None, :]
    embedded = np.where(both, mixture.matrices, np.eye(d))
    lower = np.linalg.cholesky(embedded)
    log_roots = np.log(np.diagonal(lower, axis1=2, axis2=3)).sum(axis=2)
    inverse = _inverses(lower) * both
    deviations = np.where(there[:, None], x[:, None] - mixture.means, 0.0)
    g = (inverse @ deviations[..., None])[..., 0]
    squares = np.einsum("tki,tki->tk", deviations, g)
    r, scores = _responsibilities(mixture, there, log_roots, squares, weights, loops)
    sums[:, 0] += r.sum(axis=1)
    sums[:, 1 : 1 + d] += np.einsum("kt,tki->ki", r, g)
    for k, each in enumerate(r):
        products = (g[:, k] * each[:, None]).T @ g[:, k]
        sums[k, 1 + d :] += (products - np.einsum("t,tij->ij", each, inverse[:, k])).ravel()
    return scores


def _responsibilities(
    mixture: Parameters,
    there: NDArray[np.bool_],
    log_roots: Array,
    squares: Array,
    weights: Array,
    loops: ModuleType,
) -> tuple[Array, Array]:
    """Weighted responsibilities, shape (K, T), log-likelihood and log-classification."""
    constant = 0.5 * np.log(2 * np.pi) * there.sum(axis=1)
    logits = mixture.log_weights - constant[:, None] - log_roots - 0.5 * squares
    logits = np.ascontiguousarray(logits.T)
    log_density, log_total, scale = np.empty((3, len(weights)))
    loops.softmax(logits, weights, log_density, log_total, scale)
    return logits, np.array([weights @ log_density, -(weights @ log_total)])


def _inverses(lower: Array) -> Array:
    """The inverses of matrices, by their lower Cholesky factors, any number on axes before."""
    flat = lower.reshape(-1, *lower.shape[-2:])
    roots = np.stack([triangular_inverse(matrix) for matrix in flat])
    return (roots.transpose(0, 2, 1) @ roots).reshape(lower.shape)


def _multiply(mixture: Parameters, sums: Array) -> Array:
    """Sums of r, r (E[x] - mu) and r E[(x - mu)(x - mu)'] from those of r, r g, r (g g' - P)."""
    d, sigma = mixture.n_features, mixture.matrices
    n, first, second = sums[:, :1], sums[:, 1 : 1 + d, None], sums[:, 1 + d :]
    expected = sigma @ second.reshape(-1, d, d) @ sigma + n[:, :, None] * sigma
    means = (sigma @ first)[:, :, 0]
    return np.concatenate([n, means, expected.reshape(len(n), -1)], axis=1)
