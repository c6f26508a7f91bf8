"""Structures that start from mixtures of others."""

import numpy as np

from dgmm.engine.search.race import race
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

_SCHEDULE = ((1, 3), (5, 1), (12, 1))
_SCHEDULE_OF_FEW = ((2, 4), (6, 2), (12, 1))


def as_type(kind: str, mixture: Parameters, regularization: Regularization) -> Parameters:
    """The mixture of a structure that is nearest to another mixture."""
    parts = mixture.weights, mixture.means, mixture.matrices
    return Parameters.from_moments(kind, *parts, regularization, mixture.noise)


def race_others(
    rows: SearchRows, kind: str, others: list[Parameters], rules: EMOptions, *, are_few: bool
) -> Parameters:
    """The mixture of a structure to which those of others lead.

    Parameters
    ----------
    rows : SearchRows
    kind : str
    others : list of Parameters
        Of any structures, with equal numbers of components.
    rules : EMOptions
    are_few : bool
        Whether the rows are so few that a step of EM costs little.
    """
    starts = [as_type(kind, mixture, rules.regularization) for mixture in others]
    return race(rows, starts, rules, _SCHEDULE_OF_FEW if are_few else _SCHEDULE)


def single_component(kind: str, covariance: Array, regularization: Regularization) -> float:
    """Log-likelihood per unit of weight of one component of a structure, in nats.

    Parameters
    ----------
    kind : str
    covariance : ndarray of shape (d, d)
        Of the rows.
    regularization : Regularization
    """
    mean = np.zeros((1, len(covariance)))
    one = Parameters.from_moments(kind, np.ones(1), mean, covariance[None], regularization)
    factor = one.factor_matrices[0]
    return float(one.log_peaks[0] - 0.5 * np.sum(factor @ factor.T * covariance))
