"""Information criteria, in scikit-learn's sign: smaller is better."""

import math
from dataclasses import dataclass

from dgmm.registry import CRITERIA

COARSENING = 1e4
"""Rows up to which the coarsened criterion believes a model: with more, small misfit counts no more
than in so many."""

TOLERANCE = 0.01
"""Nats a row by which a model may be less likely than the likeliest, to count as no worse."""


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """What criteria weigh of the other models of a sweep.

    Attributes
    ----------
    effective_weight : float
        Independent rows that say as much as all rows do
        (:class:`dgmm.mixture.model_selection.dependence.Dependence`); all of them where it is not
        known.
    log_likelihood : float
        The largest of any model, in nats.
    slope : float
        Nats that a further parameter gains in large models
        (:func:`dgmm.mixture.model_selection.slope_heuristics.estimate_slope`); NaN where it is not
        known.
    """

    effective_weight: float
    log_likelihood: float
    slope: float


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
    sweep : SweepSummary, or None
        None of a single model, and while a sweep goes on; criteria that need it then are NaN.
    """

    log_likelihood: float
    log_classification: float
    n_parameters: int
    total_weight: float
    sweep: SweepSummary | None = None

    @classmethod
    def of_likelihood(
        cls, log_likelihood: float, n_parameters: int, total_weight: float
    ) -> "FitSummary":
        """Where no more than the likelihood is known: criteria that need more are NaN."""
        return cls(log_likelihood, math.nan, n_parameters, total_weight)


def bic(fit: FitSummary) -> float:
    """-2 log L + p log n (Schwarz 1978, Ann. Stat. 6); mclust's is its negative."""
    return -2.0 * fit.log_likelihood + fit.n_parameters * math.log(fit.total_weight)


def aic(fit: FitSummary) -> float:
    """-2 log L + 2 p (Akaike 1974, IEEE Trans. Autom. Control 19)."""
    return -2.0 * fit.log_likelihood + 2.0 * fit.n_parameters


def icl(fit: FitSummary) -> float:
    """BIC of the classification likelihood (Biernacki, Celeux & Govaert 2000, IEEE PAMI 22)."""
    return bic(fit) - 2.0 * fit.log_classification


def bic_effective(fit: FitSummary) -> float:
    """BIC of as many independent rows as say what all rows do, n_e: -2 (n_e / n) log L + p log n_e.

    With independent rows it is BIC.
    """
    return _bic_of(fit, _effective_weight(fit))


def icl_effective(fit: FitSummary) -> float:
    """ICL of as many independent rows as say what all rows do."""
    share = _effective_weight(fit) / fit.total_weight
    return bic_effective(fit) - 2.0 * share * fit.log_classification


def bic_coarsened(fit: FitSummary) -> float:
    """BIC of the coarsened posterior (Miller & Dunson 2019, J. Am. Stat. Assoc. 114).

    The likelihood to the power a / (a + n), with a = ``COARSENING``, counts like a n / (a + n)
    rows, at most a: what is too small to be seen in a rows brings no component, whatever n is.
    """
    n = _effective_weight(fit)
    return _bic_of(fit, COARSENING * n / (COARSENING + n))


def tolerance(fit: FitSummary) -> float:
    """The number of parameters; infinite if the likeliest model is better by ``TOLERANCE``.

    The smallest model wins of those that are within 0.01 nats a row of the likeliest.
    """
    if fit.sweep is None:
        return math.nan
    gap = (fit.sweep.log_likelihood - fit.log_likelihood) / fit.total_weight
    return float(fit.n_parameters) if gap <= TOLERANCE else math.inf


def slope(fit: FitSummary) -> float:
    """-2 log L + 4 s p, twice the smallest penalty.

    Slope heuristics (Baudry, Maugis & Michel 2012, Stat. Comput. 22): s is what a further parameter
    gains in large models (:func:`dgmm.mixture.model_selection.slope_heuristics.estimate_slope`).
    """
    rate = math.nan if fit.sweep is None else fit.sweep.slope
    return -2.0 * fit.log_likelihood + 4.0 * rate * fit.n_parameters


def _effective_weight(fit: FitSummary) -> float:
    return math.nan if fit.sweep is None else fit.sweep.effective_weight


def _bic_of(fit: FitSummary, n: float) -> float:
    """BIC as if so many rows had the same mean log density."""
    log_n = math.log(n) if n > 0 else math.nan
    return -2.0 * (n / fit.total_weight) * fit.log_likelihood + fit.n_parameters * log_n


def evaluate(fit: FitSummary) -> dict[str, float]:
    """Every criterion by its name."""
    return {name: criterion(fit) for name, criterion in CRITERIA.items()}
