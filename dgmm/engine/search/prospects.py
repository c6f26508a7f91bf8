"""Which models of a sweep may still be chosen: work on the others need not be thorough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from dgmm.engine.fit_options import FitOptions, Model
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.spurious_components import find_spurious_components
from dgmm.mixture.structures import structure_of
from dgmm.registry import CRITERIA

_LEFT_TO_GAIN = 1e-3  # nats a row that steps of EM may still gain
_REGAINED = (
    0.9  # of what a mixture lacks of the next larger one: the most that a better one regains
)
_OPTIMISM = 3.0  # times what splits gain with all other components as they are


@dataclass(frozen=True, slots=True)
class Prospects:
    """What the models of a sweep can reach.

    Attributes
    ----------
    options : FitOptions
    n_effective : float
        How many rows criteria count.
    n_features : int
    """

    options: FitOptions
    n_effective: float
    n_features: int

    def may_be_chosen(
        self,
        model: Model,
        known: Mapping[Model, float],
        gains: Mapping[Model, Sequence[float]] = MappingProxyType({}),
    ) -> bool:
        """Whether the criterion might choose a model at the most that its likelihood can be.

        No model is more likely than a larger one of its structure, and of what its own mixture
        lacks of that, it hardly regains all. A model with at least two components more than a
        mixture of which all splits are known gains at most a few times what they gain; one
        component may be hidden in those that look Gaussian. All models may be chosen
        where the criterion needs more than likelihoods, or knows nothing of a prior, or all fits
        are wanted to the end.

        Parameters
        ----------
        model : Model
        known : mapping of model to float
            Log-likelihoods per row of mixtures that can be chosen.
        gains : mapping of model to sequence of float
            What splits of the components of some of these mixtures gain per row, largest first.
        """
        if self.options.finish_all or not self.options.is_plain:
            return True
        kind, n_components = model
        own = known.get(model, -np.inf)
        counts = [k for other, k in known if other == kind]
        limits = []
        if larger := [k for k in counts if k > n_components]:
            missing = known[kind, min(larger)] - own
            limits.append(known[kind, min(larger)] - (1 - _REGAINED) * max(0.0, missing))
        if smaller := [k for k in counts if k < n_components - 1 and (kind, k) in gains]:
            k = max(smaller)
            limits.append(known[kind, k] + _OPTIMISM * _sum(gains[kind, k], n_components - k))
        if not limits:
            return True
        most = max(own, min(limits)) + _LEFT_TO_GAIN
        return not self.score(model, most) > self._best_score(known)

    def may_outdo(
        self,
        kind: str,
        counts: Sequence[int],
        known: Mapping[Model, float],
        gains: Mapping[Model, Sequence[float]],
    ) -> bool:
        """Whether the criterion might choose a structure after all.

        No model of it is more likely than its largest one becomes, which gains at most a few times
        what the best half of splits promises, as every other component is needed elsewhere.

        Parameters
        ----------
        kind : str
        counts : sequence of int
            Numbers of components.
        known, gains : mapping
            As those of :meth:`may_be_chosen`.
        """
        largest = kind, max(counts)
        if not self.options.is_plain or largest not in known or largest not in gains:
            return True
        most = known[largest] + _OPTIMISM * _sum(gains[largest], (largest[1] + 1) // 2)
        return not self.score((kind, min(counts)), most) > self._best_score(known)

    def can_be_chosen(self, mixture: Parameters) -> bool:
        """Whether all components of a mixture stand on enough rows."""
        return not find_spurious_components(mixture, self.n_effective).size

    def score(self, model: Model, log_likelihood: float) -> float:
        """The criterion at a log-likelihood per row; NaN if it needs more than that."""
        kind, n_components = model
        n_parameters = structure_of(kind).n_parameters(n_components, self.n_features)
        n = self.n_effective
        summary = FitSummary.of_likelihood(n * log_likelihood, n_parameters, n)
        return CRITERIA[self.options.criterion](summary)

    def _best_score(self, known: Mapping[Model, float]) -> float:
        return min(self.score(model, value) for model, value in known.items())


def model_of(mixture: Parameters) -> Model:
    """Covariance type and number of components."""
    return mixture.covariance_type, mixture.n_components


def _sum(gains: Sequence[float], n_splits: int) -> float:
    """What so many splits gain; more than once of a component if there are not enough."""
    times = max(1.0, n_splits / len(gains))
    return times * sum(gains[:n_splits])
