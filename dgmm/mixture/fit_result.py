"""The result of a sweep."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.model_selection.dependence import Dependence
from dgmm.mixture.model_selection.label_agreement import LabelAgreement
from dgmm.mixture.model_selection.model_differences import ModelDifference
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.spurious_components import find_spurious_components


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """The fit of one candidate; every number belongs to these parameters, over all rows.

    Attributes
    ----------
    candidate : Candidate
    parameters : Parameters
        In the units of the input, components by weight, largest first, unless their start was
        given.
    status : Status
    n_iter : int
        EM iterations (M-steps) over all rows; those on the sample, before, are not counted.
    trace : tuple of float
        Log-likelihood per unit of weight after each pass over all rows, in nats; the last is that
        of ``parameters``.
    log_likelihood : float
        Sum over rows of weight, as it was given, times log density, in nats; larger is better.
    n_parameters : int
        Free parameters of the mixture.
    criteria : mapping of str to float
        Every criterion by its name (:mod:`dgmm.mixture.criteria`), of weights that sum to the
        sweep's effective number of rows; smaller is better.
    n_births : int
        Components that were found among the least likely of all rows, because the sample does not
        show them.
    """

    candidate: Candidate
    parameters: Parameters
    status: Status
    n_iter: int
    trace: tuple[float, ...]
    log_likelihood: float
    n_parameters: int
    criteria: Mapping[str, float]
    n_births: int = 0

    @property
    def is_bound(self) -> bool:
        """Whether criteria are upper bounds: EM was stopped while the likelihood still rose."""
        return self.status in (Status.STOPPED_EARLY, Status.MAX_ITER)

    @property
    def bic(self) -> float:
        """Bayesian information criterion (:func:`dgmm.mixture.criteria.bic`)."""
        return self.criteria["bic"]

    @property
    def aic(self) -> float:
        """Akaike's information criterion (:func:`dgmm.mixture.criteria.aic`)."""
        return self.criteria["aic"]

    @property
    def icl(self) -> float:
        """Integrated completed likelihood (:func:`dgmm.mixture.criteria.icl`)."""
        return self.criteria["icl"]

    @property
    def covariance_type(self) -> str:
        """The covariance structure."""
        return self.candidate.covariance_type

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return self.candidate.n_components

    @property
    def total_weight(self) -> float:
        """Sum of the rows' weights, to rounding; NaN where that cannot be told."""
        mean = self.trace[-1]
        return self.log_likelihood / mean if mean else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """All candidates of a sweep, one result for each covariance type and number of components.

    Attributes
    ----------
    results : tuple of FitResult
        In the order in which the candidates were named.
    criterion : str
        The one that chose.
    selected : FitResult
        The smallest criterion among candidates that are sound: neither degenerate, nor with a
        component on fewer rows than it has parameters (among others only if none is sound).
    n_passes : int
        Reads of all rows, the profile included.
    size : SampleSize, or None
        How many rows criteria count; None where an earlier version of dgmm has not kept it.
    dependence : Dependence, or None
        How much rows depend on their neighbours; None where it is not known.
    differences : tuple of ModelDifference
        How much less likely each candidate is than the selected one; empty in results of earlier
        versions.
    agreements : mapping of str to LabelAgreement
        How alike the labels of the selected candidate are to those of the ones with a component
        more or less, on a sample of the rows; by their names.
    """

    results: tuple[FitResult, ...]
    criterion: str
    selected: FitResult
    n_passes: int
    size: SampleSize | None = None
    dependence: Dependence | None = None
    differences: tuple[ModelDifference, ...] = ()
    agreements: Mapping[str, LabelAgreement] = field(default_factory=dict)

    @property
    def neighbours(self) -> tuple[FitResult, ...]:
        """Sound candidates like the selected one, with a component less and with one more."""
        best = self.selected
        return tuple(
            result
            for result in self.results
            if result.covariance_type == best.covariance_type
            and abs(result.n_components - best.n_components) == 1
            and result.status is not Status.DEGENERATE
        )

    @property
    def n_rows(self) -> float:
        """The number of rows that criteria count."""
        return self.selected.total_weight if self.size is None else self.size.n_effective

    def rank(self) -> tuple[FitResult, ...]:
        """Results best first: sound ones, those with spurious components, degenerate ones."""
        order = sorted(self.results, key=lambda result: rank(result, self.criterion, self.n_rows))
        return tuple(order)


def rank(result: FitResult, criterion: str, n_rows: float) -> tuple[bool, bool, bool, float]:
    """Sort key: sound, with spurious components, degenerate; then by criterion; NaN by BIC.

    Parameters
    ----------
    result : FitResult
    criterion : str
    n_rows : float
        The number of rows that criteria count.
    """
    value = result.criteria[criterion]
    is_unknown = math.isnan(value)
    return (
        result.status is Status.DEGENERATE,
        find_spurious_components(result.parameters, n_rows).size > 0,
        is_unknown,
        result.bic if is_unknown else value,
    )
