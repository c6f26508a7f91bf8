"""Information criteria, in scikit-learn's sign: smaller is better."""

import math
from dataclasses import dataclass

from dgmm.registry import CRITERIA


@dataclass(frozen=True, slots=True)
class FitSummary:
    """The quantities of a fit that criteria use.

    Attributes
    ----------
    log_likelihood : float
        In nats.
    log_classification : float
        Sum over rows of the log of the largest responsibility (as mclust's ``icl`` takes it), in
        nats; never positive. NaN where it is not known.
    n_parameters : int
        Free parameters of the mixture.
    total_weight : float
        How many rows there are: the sum of their weights, as these were scaled
        (:class:`dgmm.mixture.sample_size.SampleSize`).
    """

    log_likelihood: float
    log_classification: float
    n_parameters: int
    total_weight: float


def bic(fit: FitSummary) -> float:
    """-2 log L + p log n (Schwarz 1978, Ann. Stat. 6); mclust's is its negative."""
    return -2.0 * fit.log_likelihood + fit.n_parameters * math.log(fit.total_weight)


def aic(fit: FitSummary) -> float:
    """-2 log L + 2 p (Akaike 1974, IEEE Trans. Autom. Control 19)."""
    return -2.0 * fit.log_likelihood + 2.0 * fit.n_parameters


def icl(fit: FitSummary) -> float:
    """BIC of the classification likelihood (Biernacki, Celeux & Govaert 2000, IEEE PAMI 22)."""
    return bic(fit) - 2.0 * fit.log_classification


def evaluate(fit: FitSummary) -> dict[str, float]:
    """Every criterion by its name."""
    return {name: criterion(fit) for name, criterion in CRITERIA.items()}
