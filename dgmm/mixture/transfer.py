"""Mixtures of rows that were prepared in one way, for the same rows prepared in another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.preparation import Preparation
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.relocation import assembled
from dgmm.mixture.structures import structure_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """What an earlier fit found, from which another may start.

    Attributes
    ----------
    mixtures : tuple of Parameters
        At most one for each covariance type and number of components.
    preparation : Preparation, or None
        Of the data for the mixtures; None if they are in the units of the data.
    """

    mixtures: tuple[Parameters, ...] = ()
    preparation: Preparation | None = None


def transferred(
    mixture: Parameters,
    older: Preparation | None,
    newer: Preparation | None,
    covariance: Array,
    regularization: Regularization,
) -> Parameters:
    """A mixture of rows prepared by ``older``, for rows prepared by ``newer``.

    With z' = A' (m + s A^T z - m') / s' the map from the one to the other, and T its matrix,
    covariances are T Sigma T^T. In directions that the older principal components left out, the
    components are taken to vary as all rows do, about the mean of the older data.

    Parameters
    ----------
    mixture : Parameters
    older, newer : Preparation, or None
        None is the identity.
    covariance : ndarray of shape (n_axes, n_axes)
        Of all rows as ``newer`` prepares them.
    regularization : Regularization
        For rows as ``newer`` prepares them.

    Returns
    -------
    mixture : Parameters
        Of the same covariance type: where the map leads out of it, the nearest.
    """
    if older is None and newer is None:
        return mixture
    means = mixture.means if older is None else older.means_undone(mixture)
    if newer is not None:
        means = newer.apply(means.T).T
    structure = structure_of(mixture.covariance_type)
    matrices = structure.matrices(mixture.covariances, *mixture.means.shape)
    matrix = _matrix(older, newer, means.shape[1])
    mapped = matrix @ matrices @ matrix.T
    if older is not None and older.axes is not None:
        unknown = np.eye(len(matrix)) - matrix @ np.linalg.pinv(matrix)
        mapped = mapped + unknown @ covariance @ unknown
    return assembled(
        mixture.covariance_type,
        mixture.weights,
        np.ascontiguousarray(means),
        (mapped + np.swapaxes(mapped, 1, 2)) / 2,
        regularization,
    )


def _matrix(older: Preparation | None, newer: Preparation | None, n_axes: int) -> Array:
    """The linear part of the map between prepared rows, shape (n_axes of newer, of older)."""
    undone = np.eye(n_axes) if newer is None else np.eye(newer.n_features)
    if older is not None:
        undone = np.diag(older.scale)
        undone = undone if older.axes is None else undone @ older.axes.T
    if newer is None:
        return undone
    scaled = undone / newer.scale[:, None]
    return scaled if newer.axes is None else newer.axes @ scaled
