"""Fitted models beside the likeliest of them, on the same groups of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from dgmm.mixture.model_selection.dependence import standard_error
from dgmm.mixture.types import Array

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """How much less likely a model is than another, per unit of weight, in nats.

    Attributes
    ----------
    mean : float
        Negative where it is less likely.
    standard_error : float
        By a grouped jackknife, so that rows may depend on each other within groups; NaN where it
        is not known.
    """

    mean: float
    standard_error: float

    @property
    def z(self) -> float:
        """Vuong's (1989, Econometrica 57) statistic; NaN without an error."""
        return self.mean / self.standard_error if self.standard_error > 0 else float("nan")

    @property
    def text(self) -> str:
        """The mean and its standard error, if there is one, for a person."""
        error = f" ± {self.standard_error:.4f}" if self.standard_error > 0 else ""
        return f"{self.mean:.4f}{error}"

    def may_be_above(self, bound: float, n_groups: int) -> bool:
        """Whether a one-sided 95 % confidence interval of the difference goes beyond a bound.

        Parameters
        ----------
        bound : float
            In nats.
        n_groups : int
            Of the jackknife; one more than the degrees of freedom of Student's distribution.
        """
        error = 0.0 if np.isnan(self.standard_error) else self.standard_error
        reach = float(scipy.special.stdtrit(max(1, n_groups - 1), _CONFIDENCE))
        return self.mean + reach * error >= bound


def differences(
    groups: Sequence[Array], log_likelihoods: Sequence[float], best: int
) -> tuple[ModelDifference, ...]:
    """Each model less the one in place ``best``.

    Parameters
    ----------
    groups : sequence of ndarray of shape (2, n_groups)
        Of each model: weights of groups of consecutive rows, and their log-likelihoods. Where they
        are not known, or not of the groups of the best, there is no error.
    log_likelihoods : sequence of float
        Of all rows under each model.
    best : int
    """
    weights, reference = groups[best]
    found = []
    for (_, sums), log_likelihood in zip(groups, log_likelihoods, strict=True):
        gap = (log_likelihood - log_likelihoods[best]) / float(weights.sum())
        error = float("nan")
        if sums.shape == reference.shape:
            kept = weights > 0
            error = float(standard_error(weights[kept], (sums - reference)[None, kept])[0])
        found.append(ModelDifference(gap, error))
    return tuple(found)
