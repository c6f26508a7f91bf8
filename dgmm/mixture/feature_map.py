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

Array = NDArray[np.float64]

LINEAR = 0  # (1, x): p = 1 + d
SQUARES = 1  # (1, x, x o x): p = 1 + 2d
CROSSES = 2  # all: p = 1 + d + d(d+1)/2


def length(order: int, n_features: int) -> int:
    """Number p of entries of phi up to ``order`` for ``n_features`` features."""
    d = n_features
    return (1 + d, 1 + 2 * d, 1 + d + d * (d + 1) // 2)[order]


def evaluate(phi: Array, order: int, n_features: int) -> None:
    """Complete phi in place from its linear part.

    Parameters
    ----------
    phi : ndarray of shape (p, T)
        Feature-major tile of T rows; on entry rows 1..d hold x, on return all p rows are set.
    order : int
        ``LINEAR``, ``SQUARES`` or ``CROSSES``.
    n_features : int
        d.
    """
    d = n_features
    phi[0] = 1.0
    if order == LINEAR:
        return
    x = phi[1 : 1 + d]
    np.multiply(x, x, out=phi[1 + d : 1 + 2 * d])
    if order == SQUARES:
        return
    start = 1 + 2 * d
    for i in range(d - 1):
        stop = start + d - 1 - i
        np.multiply(x[i], x[i + 1 :], out=phi[start:stop])
        start = stop


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
