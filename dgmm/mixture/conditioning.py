"""Marginal and conditional mixtures: what a mixture says of some features, others known or not."""

from collections.abc import Sequence

import numpy as np

from dgmm.mixture.kernels import centred_kernel
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

Places = Sequence[int]


def marginal(mixture: Parameters, features: Places) -> Parameters:
    """The mixture of some features, whatever the others are (Bishop 2006, eq. 2.98).

    Parameters
    ----------
    mixture : Parameters
    features : sequence of int
        Columns to keep, in the order of the result.

    Returns
    -------
    mixture : Parameters
        Of the same covariance type.
    """
    columns = np.asarray(features)
    covariances = mixture.covariances
    if mixture.covariance_type in ("full", "tied"):
        covariances = covariances[..., columns[:, None], columns]
    elif mixture.covariance_type == "diag":
        covariances = covariances[:, columns]
    return Parameters.from_covariances(
        mixture.covariance_type, mixture.weights, mixture.means[:, columns], covariances
    )


def conditional(mixture: Parameters, features: Places, values: Array) -> Parameters:
    """The mixture of the other features, given the values of these (Bishop 2006, sec. 2.3.1).

    Components are weighted by how well they explain the values; means move by regression on
    them, and covariances are those of what regression leaves.

    Parameters
    ----------
    mixture : Parameters
    features : sequence of int
        Columns whose values are known.
    values : ndarray of shape (len(features),)

    Returns
    -------
    mixture : Parameters
        Of the other columns, in their order, and the same covariance type.
    """
    known = np.asarray(features)
    other = np.setdiff1d(np.arange(mixture.n_features), known)
    given, rest = marginal(mixture, features), marginal(mixture, other.tolist())
    logits = centred_kernel.log_densities(given, values[:, None])[0][:, 0]
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    if structure_of(mixture.covariance_type).is_diagonal:
        return Parameters.from_covariances(
            mixture.covariance_type, weights, rest.means, rest.covariances
        )
    cross = mixture.covariances[..., known[:, None], other]
    slopes = np.linalg.solve(given.covariances, cross)  # (..., known, other)
    moves = np.squeeze((values - given.means)[:, None, :] @ slopes, axis=1)
    left = rest.covariances - np.swapaxes(cross, -1, -2) @ slopes
    left = (left + np.swapaxes(left, -1, -2)) / 2
    return Parameters.from_covariances(mixture.covariance_type, weights, rest.means + moves, left)
