"""Information criteria, in scikit-learn's sign: smaller is better."""

import math

from dgmm.mixture.structures import structure_of

CRITERIA = ("bic", "aic", "icl")


def n_parameters(covariance_type: str, n_components: int, n_features: int) -> int:
    """Free parameters of a mixture: K - 1 weights, K d means, and the covariances'.

    As in Fraley & Raftery 2002, J. Am. Stat. Assoc. 97, sec. 2.
    """
    covariances = structure_of(covariance_type).n_covariance_parameters(n_components, n_features)
    return n_components - 1 + n_components * n_features + covariances


def bic(log_likelihood: float, n_parameters: int, total_weight: float) -> float:
    """-2 log L + p log n (Schwarz 1978, Ann. Stat. 6); mclust's is its negative."""
    return -2.0 * log_likelihood + n_parameters * math.log(total_weight)


def aic(log_likelihood: float, n_parameters: int) -> float:
    """-2 log L + 2 p (Akaike 1974, IEEE Trans. Autom. Control 19)."""
    return -2.0 * log_likelihood + 2.0 * n_parameters


def icl(
    log_likelihood: float, log_classification: float, n_parameters: int, total_weight: float
) -> float:
    """BIC of the classification likelihood (Biernacki, Celeux & Govaert 2000, IEEE PAMI 22).

    Parameters
    ----------
    log_likelihood : float
        In nats.
    log_classification : float
        Sum over rows of the log of the largest responsibility (as mclust's ``icl`` takes it).
    n_parameters : int
    total_weight : float
        Number of rows, or the sum of their weights.
    """
    return bic(log_likelihood, n_parameters, total_weight) - 2.0 * log_classification
