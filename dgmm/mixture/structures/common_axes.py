"""Covariances with common axes: EVE and VVE.

The axes are found by rotations in planes of two, as by Flury & Gautschi 1986 (SIAM J. Sci. Stat.
Comput. 7), in place of the surrogates of Browne & McNicholas 2014 (Adv. Data Anal. Classif. 8):
optima are the same, and few sweeps reach them.
"""

from functools import cache

import numpy as np

from dgmm.mixture.structures.equal_volume import equalize_volumes
from dgmm.mixture.structures.matrix_structure import MatrixStructure
from dgmm.mixture.structures.own_axes import rotate
from dgmm.mixture.types import Array, Indices

TOLERANCE = 1e-12
"""What the last sweep of an estimate gains at most, in nats per row."""

MOST_SWEEPS = 30
MOST_SWEEPS_ONWARDS = 3
"""From the axes of the E-step: every sweep gains likelihood, and EM goes on from there."""

_ROUNDING = 1e-13  # of what a rotation may gain, in nats per row
_GOLDEN = 0.6180339887498949


class CommonAxes(MatrixStructure):
    """Covariance matrices with common axes: variances along them as in ``diag``."""

    label, local_kind = "covariances with common axes", "full"
    part_type = start_type = "full"
    dimensions = ("component", "feature", "feature_2")

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        d = n_features
        return n_components * d + d * (d - 1) // 2

    def constrain(self, averages: Array, shares: Array, current: Array | None) -> Array:
        axes = eigenvectors(averages if current is None else current)
        rotated = axes.T @ averages @ axes
        for _ in range(MOST_SWEEPS if current is None else MOST_SWEEPS_ONWARDS):
            if self._sweep(rotated, axes, shares) <= TOLERANCE:
                break
        diagonals = np.einsum("ji,kjl,li->ki", axes, averages, axes, optimize=True)
        return rotate(self.constrain_variances(diagonals, shares), axes)

    def _sweep(self, rotated: Array, axes: Array, shares: Array) -> float:
        """Rotate each pair of axes once, in place; what that gains, in nats per row."""
        gain = 0.0
        for i, j in disjoint_planes(len(axes)):
            variances = self.constrain_variances(np.diagonal(rotated, axis1=1, axis2=2), shares)
            gain += rotate_planes(rotated, axes, shares[:, None] / variances, i, j)
        return gain

    def constrain_variances(self, variances: Array, shares: Array) -> Array:
        """Variances along the common axes, shape (K, d)."""
        return variances


class CommonAxesAndVolume(CommonAxes):
    """Covariance matrices with common axes and the same determinant: variances as in EVI."""

    label = "covariances with common axes and equal volume"

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        d = n_features
        return 1 + n_components * (d - 1) + d * (d - 1) // 2

    def constrain_variances(self, variances: Array, shares: Array) -> Array:
        return equalize_volumes(variances, np.log(variances).sum(axis=1), shares)


def eigenvectors(matrices: Array) -> Array:
    """Common eigenvectors of (K, d, d) matrices, as columns; of their sum if they have none.

    Weights that have nothing to do with each other keep eigenvalues apart.
    """
    sizes = np.trace(matrices, axis1=1, axis2=2)
    weights = (1.0 + (_GOLDEN * np.arange(len(matrices))) % 1.0) / sizes
    return np.asarray(np.linalg.eigh(np.tensordot(weights, matrices, axes=1))[1])


def rotate_planes(rotated: Array, axes: Array, weights: Array, i: Indices, j: Indices) -> float:
    """Rotate pairs of axes so that sum_kj weight_kj (D' S_k D)_jj is least; half of what it falls.

    In one plane with m = D' S_k D, delta_k = weight_ki - weight_kj and an angle t the sum depends
    on P cos 2t + Q sin 2t, P = sum_k delta_k (m_ii - m_jj) / 2 and Q = sum_k delta_k m_ij.

    Parameters
    ----------
    rotated : ndarray of shape (K, d, d)
        D' S_k D; changed in place.
    axes : ndarray of shape (d, d)
        D, axes as columns; changed in place.
    weights : ndarray of shape (K, d)
    i, j : ndarray of int
        Pairs of axes, none of them twice.
    """
    delta = weights[:, i] - weights[:, j]
    p = 0.5 * (delta * (rotated[:, i, i] - rotated[:, j, j])).sum(axis=0)
    q = (delta * rotated[:, i, j]).sum(axis=0)
    size = np.hypot(p, q)
    angles = np.where(size > _ROUNDING, 0.5 * np.arctan2(-q, -p), 0.0)
    cosines, sines = np.cos(angles), np.sin(angles)
    for array in (axes, rotated, np.swapaxes(rotated, 1, 2)):
        left, right = array[..., i], array[..., j]
        array[..., i] = cosines * left + sines * right
        array[..., j] = cosines * right - sines * left
    return 0.5 * float(np.where(p > 0, p + size, q**2 / np.maximum(size - p, _ROUNDING)).sum())


@cache
def disjoint_planes(d: int) -> tuple[tuple[Indices, Indices], ...]:
    """All pairs of d axes, in rounds of pairs that have no axis in common (a round robin)."""
    ring = list(range(d + d % 2))  # an odd number gets one that is not there
    rounds = []
    for _ in range(len(ring) - 1):
        pairs = zip(ring[: len(ring) // 2], reversed(ring[len(ring) // 2 :]), strict=True)
        kept = np.array([sorted(pair) for pair in pairs if max(pair) < d], np.intp).reshape(-1, 2)
        rounds.append((kept[:, 0], kept[:, 1]))
        ring = [ring[0], ring[-1], *ring[1:-1]]
    return tuple(rounds) if d > 1 else ()


VVE, EVE = CommonAxes(), CommonAxesAndVolume()
