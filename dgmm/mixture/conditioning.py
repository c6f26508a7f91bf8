"""Conditional mixtures of some of the features."""

from collections.abc import Sequence

import numpy as np

from dgmm.errors import DataError
from dgmm.mixture.kernels import centred_kernel
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

Places = Sequence[int]


def conditional(mixture: Parameters, features: Places, values: Array) -> Parameters:
    """The mixture of the other features, given the values of these (Bishop 2006, sec. 2.3.1).

    Components are weighted by how well they explain the values; means move by regression on
    them, and covariances are those of what regression leaves. Noise is left out.

    Parameters
    ----------
    mixture : Parameters
    features : sequence of int
        Columns whose values are known.
    values : ndarray of shape (len(features),)

    Returns
    -------
    mixture : Parameters
        Of the other columns, in their order; its covariance type is that of a marginal.

    Raises
    ------
    DataError
        If the values are not finite, or so far from all components that none can be told from
        the others.
    """
    other = [i for i in range(mixture.n_features) if i not in features]
    given = mixture.marginal(features)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
        logits = centred_kernel.log_densities(given, values[:, None])[0][:, 0]
    if np.isnan(logits).any() or not np.isfinite(logits.max()):
        message = (
            f"The known values are {values.tolist()}; expected finite ones, near enough to a "
            "component for the squares of their distances to fit into float64."
        )
        raise DataError(message)
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    slopes, covariances = mixture.structure.regress(mixture.covariances, features, other)
    moves = np.squeeze((values - given.means)[:, None, :] @ slopes, axis=1)
    means = mixture.means[:, other] + moves
    kind = mixture.structure.part_type or mixture.covariance_type
    return Parameters.from_covariances(kind, weights, means, covariances)
