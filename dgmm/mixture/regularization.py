"""Regularization of covariances."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array

RELATIVE_FLOOR = 1e-12
"""Smallest variance a component may have in any direction, relative to the features' own.

A component at the floor is a millionth as wide as the data. Fits that stay above it are exact
maximum likelihood: the floor does nothing to them. Below it, float64 could not tell a covariance
matrix from a singular one.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Regularization:
    """A ridge that is added to every variance, and a floor under it.

    The floor constrains the eigenvalues of each covariance in the metric of the features' own
    variances; clipping them maximises the likelihood under that constraint, so EM stays monotone
    (Ingrassia & Rocci 2007, Comput. Stat. Data Anal. 51).

    Attributes
    ----------
    ridge : ndarray of shape (n_features,)
        Added to the diagonal, squared units of each feature (scikit-learn's ``reg_covar``).
    floor : ndarray of shape (n_features,)
        Positive, squared units of each feature.
    """

    ridge: Array
    floor: Array

    @classmethod
    def for_data(cls, covariance: Array, mean: Array, reg_covar: float | None = None) -> Self:
        """The regularisation for data of this covariance and mean.

        Parameters
        ----------
        covariance : ndarray of shape (n_features, n_features)
        mean : ndarray of shape (n_features,)
        reg_covar : float or None
            A number is added to every variance, in data units; None adds nothing.
        """
        variances = np.diagonal(covariance).copy()
        # A constant feature has no scale: use that of the others, or of its mean.
        constant = constant_features(covariance, mean)
        if constant.any():
            others = variances[~constant]
            variances[constant] = (
                others.mean() if others.size else np.maximum(mean[constant] ** 2, 1.0)
            )
        return cls(np.full(variances.shape, reg_covar or 0.0), RELATIVE_FLOOR * variances)


def constant_features(covariance: Array, mean: Array) -> NDArray[np.bool_]:
    """Which features do not vary beyond the rounding of their own mean, shape (n_features,)."""
    rounding = 4 * np.finfo(np.float64).eps * np.abs(mean)
    return np.diagonal(covariance) <= rounding**2
