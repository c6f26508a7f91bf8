"""How Gaussian components are beside noise: the criterion of OTRIMLE."""

from dgmm.mixture.goodness_of_fit import DistanceStatistics, GoodnessOfFit
from dgmm.mixture.kernels.assignment_kernel import AssignmentKernel
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

MOST_NOISE = 0.5
"""The largest weight of noise that is acceptable."""


def gaussian_discrepancy(mixture: Parameters, rows: Array, weights: Array) -> float:
    """The mean over components of how far their rows are from a Gaussian's.

    The largest difference between the distribution of squared Mahalanobis distances and the
    chi-squared one, weighted by the components' proportions (Coretto & Hennig 2016, J. Am. Stat.
    Assoc. 111, sec. 3; with their beta of 0).

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (m, n_features)
    weights : ndarray of shape (m,)
    """
    sums = DistanceStatistics.zero(mixture.n_components)
    for tile in AssignmentKernel.pack(mixture).tiles(rows):
        sums.add(tile, tile.posterior * weights[tile.rows], mixture.n_features)
    discrepancy = GoodnessOfFit.from_sums(sums, mixture.n_features).discrepancy
    return float(mixture.weights @ discrepancy / mixture.weights.sum())
