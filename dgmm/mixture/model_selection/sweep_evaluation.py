"""What the models of a sweep say of each other, once all are fitted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.candidate import Status
from dgmm.mixture.criteria import FitSummary, SweepSummary, bic
from dgmm.mixture.density import assign
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.model_selection.dependence import FEWEST_GROUPS, Dependence
from dgmm.mixture.model_selection.model_differences import ModelDifference, differences
from dgmm.mixture.model_selection.slope_heuristics import estimate_slope
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.types import Array

_MOST_PAIRS = 8

Sample = Callable[[], tuple[Array, Array | None]]
"""Gives rows in the coordinates of the mixtures, and their weights or None."""


@dataclass(frozen=True, slots=True, eq=False)
class SweepEvaluation:
    """Fitted models side by side.

    Attributes
    ----------
    groups : tuple of ndarray of shape (2, n_groups)
        Of each model: weights of groups of consecutive rows, and their log-likelihoods.
    log_likelihoods : tuple of float
        Of all rows under each model, in nats.
    summary : SweepSummary, or None
        None of a single model.
    dependence : Dependence, or None
        Of the rows; None where it is not known.
    """

    groups: tuple[Array, ...]
    log_likelihoods: tuple[float, ...]
    summary: SweepSummary | None = None
    dependence: Dependence | None = None

    @classmethod
    def from_states(cls, states: Sequence[FitState], size: SampleSize, sample: Sample) -> Self:
        """Evaluate a sweep; models that collapsed do not count, unless all did.

        Parameters
        ----------
        states : sequence of FitState
            Final, after the same rows.
        size : SampleSize
            Of all rows.
        sample : callable
            Asked only of several models.
        """
        groups = tuple(_groups(state, size) for state in states)
        log_likelihoods = tuple(state.log_likelihood for state in states)
        if len(states) == 1:
            return cls(groups, log_likelihoods)
        sound = [s for s in states if s.status is not Status.DEGENERATE] or list(states)
        sound.sort(key=lambda state: _bic(state, size))
        dependence = measure_dependence(sound, size, sample)
        n_parameters = np.array([s.parameters.n_parameters for s in sound], np.float64)
        log_likelihood = size.scale * np.array([s.log_likelihood for s in sound])
        n = size.n_effective
        effective = n if dependence is None else dependence.effective(n)
        slope = estimate_slope(n_parameters, log_likelihood)
        summary = SweepSummary(effective, float(log_likelihood.max()), slope)
        return cls(groups, log_likelihoods, summary, dependence)

    def compare(self, best: int) -> tuple[ModelDifference, ...]:
        """Each model less the one in this place, in nats per unit of weight."""
        return differences(self.groups, self.log_likelihoods, best)


def measure_dependence(
    states: Sequence[FitState], size: SampleSize, sample: Sample
) -> Dependence | None:
    """How much rows depend on their neighbours in what tells the best model from the next eight.

    Parameters
    ----------
    states : sequence of FitState
        Best first.
    size : SampleSize
        Of all rows.
    sample : callable
        Gives the rows for the variance of single rows.
    """
    known = [(s, _groups(s, size)) for s in states]
    known = [(s, groups) for s, groups in known if np.isfinite(groups).all()]
    if not known or known[0][1].shape[1] < FEWEST_GROUPS:
        return None
    best, (weights, reference) = known[0]
    rows, sample_weights = sample()
    expected = assign(best.parameters, rows, may_lack=True).log_density
    sums, variances = [], []
    for state, (_, found) in known[1 : 1 + _MOST_PAIRS]:
        if found.shape == reference.shape:
            gaps = assign(state.parameters, rows, may_lack=True).log_density - expected
            sums.append(found - reference)
            variances.append(_variance(gaps, sample_weights))
    return Dependence.from_groups(weights, np.array(sums), np.array(variances)) if sums else None


def _variance(values: Array, weights: Array | None) -> float:
    """Of single rows: mean of squared weight times squared deviation, over the mean weight."""
    w = np.ones(len(values)) if weights is None else weights
    deviations = values - np.average(values, weights=w)
    return float((w**2 * deviations**2).sum() / w.sum())


def _groups(state: FitState, size: SampleSize) -> Array:
    """All rows as one group where a checkpoint of an earlier version has none."""
    if state.groups is None:
        return np.array([[size.total_weight], [state.log_likelihood]])
    return state.groups


def _bic(state: FitState, size: SampleSize) -> float:
    log_likelihood, n = state.log_likelihood * size.scale, size.n_effective
    return bic(FitSummary.of_likelihood(log_likelihood, state.parameters.n_parameters, n))
