"""The feature map phi in which every Gaussian log-density is linear.

For x in R^d,

    log(w_k N(x | mu_k, Sigma_k)) = theta_k . phi(x),
    phi(x) = (1, x_1..x_d, x_1^2..x_d^2, x_1 x_2, x_1 x_3, .., x_{d-1} x_d),

the natural parametrisation of the exponential family (Bishop 2006, sec. 2.4). Simpler covariance
structures use a prefix of phi, named here by its *order*.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

LINEAR = 0  # (1, x): p = 1 + d
SQUARES = 1  # (1, x, x o x): p = 1 + 2d
CROSSES = 2  # all: p = 1 + d + d(d+1)/2


def length(order: int, n_features: int) -> int:
    """Number p of entries of phi up to ``order`` for ``n_features`` features."""
    d = n_features
    return (1 + d, 1 + 2 * d, 1 + d + d * (d + 1) // 2)[order]


@cache
def factors(order: int, n_features: int) -> NDArray[np.int64]:
    """Which two entries of (1, x) each entry of phi is the product of, shape (2, p)."""
    diagonal, rows, columns = _places(n_features)
    one = np.zeros(1 + n_features, dtype=np.int64)
    left = np.concatenate([one, 1 + diagonal, 1 + rows])
    right = np.concatenate([np.arange(1 + n_features), 1 + diagonal, 1 + columns])
    return np.ascontiguousarray(np.stack([left, right])[:, : length(order, n_features)], np.int64)


def pack_symmetric(matrices: Array) -> Array:
    """Entries of symmetric matrices in the order of phi's quadratic part.

    Parameters
    ----------
    matrices : ndarray of shape (K, d, d)

    Returns
    -------
    ndarray of shape (K, d (d + 1) / 2)
        Diagonal first, then the strict upper triangle by rows.
    """
    diagonal, rows, columns = _places(matrices.shape[-1])
    return np.concatenate([matrices[:, diagonal, diagonal], matrices[:, rows, columns]], axis=1)


def unpack_symmetric(packed: Array, n_features: int) -> Array:
    """Inverse of :func:`pack_symmetric`: (K, d (d + 1) / 2) to (K, d, d)."""
    d = n_features
    diagonal, rows, columns = _places(d)
    matrices = np.empty((packed.shape[0], d, d))
    matrices[:, diagonal, diagonal] = packed[:, :d]
    matrices[:, rows, columns] = packed[:, d:]
    matrices[:, columns, rows] = packed[:, d:]
    return matrices


@cache
def _places(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the diagonal, and rows and columns of the strict upper triangle."""
    return (np.arange(d), *np.triu_indices(d, k=1))
