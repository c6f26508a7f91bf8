"""What rows say about models: sums over any set of rows, and the moments of all rows."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.least_likely import LeastLikelyRows
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class SufficientStatistics:
    """Sums over rows; the statistics of a union of rows are the sum of theirs.

    Attributes
    ----------
    log_likelihood : ndarray of shape (n_models,)
        Sum of weight times log-density, in nats (for tied models of the expanded kernel without
        the quadratic term, which is the same for all components, unless there are scatters).
    log_classification : ndarray of shape (n_models,)
        Sum of weight times log of the largest responsibility, in nats; never positive.
    sums : tuple of ndarray
        Responsibility-weighted sums of features, one array for each group of a kernel.
    least_likely : tuple of LeastLikelyRows
        Of each model; empty if they are not kept.
    shared_scatters : ndarray of shape (n_tied, d, d)
        Expected outer products of rows that lack values, under the tied models of the expanded
        kernel; empty for rows that do not.
    """

    log_likelihood: Array
    log_classification: Array
    sums: tuple[Array, ...]
    least_likely: tuple[LeastLikelyRows, ...] = ()
    shared_scatters: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        return SufficientStatistics(
            self.log_likelihood + other.log_likelihood,
            self.log_classification + other.log_classification,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            tuple(a + b for a, b in zip(self.least_likely, other.least_likely, strict=True)),
            self.shared_scatters + other.shared_scatters,
        )


EMPTY_WEIGHT = float(np.finfo(np.float64).eps)
"""A component with no more than this share of the data says nothing about its mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The outcome of an E-step over all rows for one model.

    Attributes
    ----------
    log_likelihood : float
        Sum of weight times log-density under the parameters of the E-step, in nats.
    log_classification : float
        Sum of weight times log of the largest responsibility, in nats.
    total_weight : float
        Sum of sample weights.
    counts : ndarray of shape (n_components,)
        Sums of weight times responsibility, N_k.
    means : ndarray of shape (n_components, n_features)
        Weighted means; an empty component keeps the mean it had.
    covariances : ndarray
        Averages of scatters in the shape of the model's covariances, from which
        :meth:`dgmm.mixture.covariance_structure.Structure.estimate` makes covariances; an empty
        component keeps what it had.
    groups : ndarray of shape (2, n_groups), or None
        Weights of groups of consecutive rows, and their log-likelihoods; None if not kept apart.
    least_likely : LeastLikelyRows, or None
        None if they are not kept.
    noise : Noise, or None
        With the share of the rows that it takes.
    log_prior : float
        Of the parameters of the E-step, in nats, but for a constant; 0 without a prior.
    fixed : KnownParts, or None
        What the M-step leaves as it is known.
    """

    log_likelihood: float
    log_classification: float
    total_weight: float
    counts: Array
    means: Array
    covariances: Array
    groups: Array | None = None
    least_likely: LeastLikelyRows | None = None
    noise: Noise | None = None
    log_prior: float = 0.0
    fixed: "KnownParts | None" = None

    @property
    def objective(self) -> float:
        """What EM maximises: the log-likelihood and the log prior, in nats."""
        return self.log_likelihood + self.log_prior

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which components have no rows, shape (n_components,)."""
        return is_empty(self.counts, self.total_weight)


class KnownParts(Protocol):
    """Parts of a mixture that are known before a fit, and stay."""

    def put_into(self, mixture: Parameters) -> Parameters:
        """The mixture with these parts in place of its own."""


class PriorKnowledge(Protocol):
    """What is known before a fit, and changes the moments that an E-step finds."""

    def add_to(self, moments: Moments, mixture: Parameters) -> Moments:
        """The moments with what is known, under the mixture of the E-step."""


def is_empty(counts: Array, total_weight: float) -> NDArray[np.bool_]:
    """Which components hold no more than rounding's share of the weight."""
    return counts <= EMPTY_WEIGHT * total_weight


def noise_with_share(noise: Noise | None, counts: Array, total_weight: float) -> Noise | None:
    """The noise with the share of the rows that the E-step gives it, if there is noise.

    Parameters
    ----------
    noise : Noise, or None
    counts : ndarray of shape (n_terms,)
        Sums of responsibilities, that of the noise last.
    total_weight : float
    """
    return None if noise is None else replace(noise, weight=float(counts[-1]) / total_weight)
