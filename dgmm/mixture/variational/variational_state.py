"""Variational inference as ``step(mixture, moments, ...) -> state``, as EM is."""

from dataclasses import dataclass, replace
from typing import Self

from dgmm.mixture.em.convergence import has_converged
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array
from dgmm.mixture.variational.posterior import VariationalPosterior, responsibility_entropy
from dgmm.mixture.variational.prior import Prior

_OF_RULE = 3  # bounds that tell of convergence


@dataclass(frozen=True, slots=True, eq=False)
class VariationalState:
    """A Bayesian mixture during inference.

    Attributes
    ----------
    posterior : VariationalPosterior
    lower_bounds : tuple of float
        After each iteration, in nats, but for a constant of the prior.
    is_converged : bool
    """

    posterior: VariationalPosterior
    lower_bounds: tuple[float, ...] = ()
    is_converged: bool = False

    def translate(self, shift: Array) -> Self:
        """The same with the origin moved: every mean by ``shift`` (n_features,)."""
        return replace(self, posterior=self.posterior.translate(shift))


def step(
    mixture: Parameters,
    moments: Moments,
    prior: Prior,
    lower_bounds: tuple[float, ...],
    rules: EMOptions,
) -> VariationalState:
    """The state after an E-step.

    Parameters
    ----------
    mixture : Parameters
        Of the E-step.
    moments : Moments
        Its outcome.
    prior : Prior
        About the same origin.
    lower_bounds : tuple of float
        Of the iterations before.
    rules : EMOptions
    """
    entropy = responsibility_entropy(mixture, moments)
    posterior = VariationalPosterior.from_moments(prior, moments, rules.regularization)
    bounds = (*lower_bounds, posterior.lower_bound(entropy))
    per_row = [bound / moments.total_weight for bound in bounds[-_OF_RULE:]]
    return VariationalState(posterior, bounds, has_converged(per_row, rules.tol))
