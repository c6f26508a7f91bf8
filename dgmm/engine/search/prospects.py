"""Which models of a sweep may still be chosen: work on the others need not be thorough."""

from collections.abc import Mapping
from dataclasses import dataclass

from dgmm.engine.fit_options import FitOptions, Model
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.spurious_components import find_spurious_components
from dgmm.mixture.structures import structure_of
from dgmm.registry import CRITERIA

_LEFT_TO_GAIN = 1e-3  # nats a row that steps of EM may still gain


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

    def may_be_chosen(self, model: Model, known: Mapping[Model, float]) -> bool:
        """Whether the criterion might choose a model that is as likely as the next larger one.

        No model is more likely than a larger one of its structure. All models may be chosen where
        the criterion needs more than likelihoods, or knows nothing of a prior, or all fits are
        wanted to the end.

        Parameters
        ----------
        model : Model
        known : mapping of model to float
            Log-likelihoods per row of mixtures that can be chosen.
        """
        kind, n_components = model
        larger = [k for other, k in known if other == kind and k > n_components]
        if self.options.finish_all or not self.options.is_plain or not larger:
            return True
        most = known[kind, min(larger)] + _LEFT_TO_GAIN
        best = min(self._score(other, value) for other, value in known.items())
        return not self._score(model, most) > best

    def can_be_chosen(self, mixture: Parameters) -> bool:
        """Whether all components of a mixture stand on enough rows."""
        return not find_spurious_components(mixture, self.n_effective).size

    def _score(self, model: Model, log_likelihood: float) -> float:
        """The criterion at a log-likelihood per row; NaN if it needs more than that."""
        kind, n_components = model
        n_parameters = structure_of(kind).n_parameters(n_components, self.n_features)
        n = self.n_effective
        summary = FitSummary.of_likelihood(n * log_likelihood, n_parameters, n)
        return CRITERIA[self.options.criterion](summary)


def model_of(mixture: Parameters) -> Model:
    """Covariance type and number of components."""
    return mixture.covariance_type, mixture.n_components
