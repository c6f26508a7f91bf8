"""Stepwise EM: update a mixture with new rows, reading each of them once.

EM uses the statistics of all rows under the same parameters. Stepwise EM keeps a running average of
the statistics of blocks, each under the parameters of its time, s <- s + gamma (s_block - s), and
maximises after each block (Neal & Hinton 1998, in Learning in Graphical Models, pp. 355-368; Cappe
& Moulines 2009, J. R. Stat. Soc. B 71, pp. 593-613).
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy

from dgmm.mixture.em import iteration
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

DECAY = 0.7
"""An exponent that serves components that overlap as well as those that are apart."""


@dataclass(frozen=True, slots=True, eq=False)
class StepwiseOptions:
    """The rules of stepwise EM.

    Attributes
    ----------
    decay : float
        The exponent alpha of the step sizes, above 0.5 and at most 1.
    reg_covar : float or None
        Added to variances, squared data units; None adds nothing.
    origin : ndarray of shape (n_features,)
        What means are relative to.
    """

    decay: float
    reg_covar: float | None
    origin: Array

    def em_options(self, average: Moments, covariance_type: str) -> iteration.EMOptions:
        """EM's rules for data that are on average like this."""
        mean, covariance = _overall(average, covariance_type)
        regularization = Regularization.for_data(covariance, self.origin + mean, self.reg_covar)
        return iteration.EMOptions(0.0, 0, regularization, covariance)


@dataclass(frozen=True, slots=True, eq=False)
class StepwiseState:
    """The state of a mixture that is updated with new rows.

    Attributes
    ----------
    parameters : Parameters
        Relative to the origin of the rules.
    average : Moments
        Average moments of the rows, of total weight 1. Its log-likelihoods are NaN, since blocks
        were evaluated under different parameters.
    fitted_weight : float
        Sum of weights of the rows that the first parameters were fitted to, positive.
    total_weight : float
        The same of all rows seen, those included.
    n_steps : int
    """

    parameters: Parameters
    average: Moments
    fitted_weight: float
    total_weight: float
    n_steps: int = 0

    @classmethod
    def from_parameters(
        cls,
        parameters: Parameters,
        rules: StepwiseOptions,
        fitted_weight: float,
        total_weight: float,
        n_steps: int = 0,
    ) -> Self:
        """The state whose average has its maximum at these parameters.

        Where EM has converged, these are the moments of an E-step over all rows.
        """
        structure = parameters.structure
        average = _average(
            parameters.weights, parameters.means, parameters.covariances, parameters.noise
        )
        regularization = rules.em_options(average, parameters.covariance_type).regularization
        without_ridge = replace(regularization, ridge=-regularization.ridge)
        covariances = structure.regularize(parameters.covariances, without_ridge)
        average = replace(average, covariances=covariances)
        return cls(parameters, average, fitted_weight, total_weight, n_steps)

    def is_degenerate(self, rules: StepwiseOptions) -> bool:
        """Whether a component is empty, or flat in a direction in which the data are not."""
        return iteration.is_degenerate(
            self.parameters, rules.em_options(self.average, self.parameters.covariance_type)
        )


def step(state: StepwiseState, moments: Moments, rules: StepwiseOptions) -> StepwiseState:
    """Update the average with the moments of a block under ``state.parameters``, and maximise.

    Parameters
    ----------
    state : StepwiseState
    moments : Moments
        Of positive total weight, relative to the origin of the rules.
    rules : StepwiseOptions
    """
    covariance_type, weight = state.parameters.covariance_type, moments.total_weight
    gamma = step_size(state.fitted_weight, state.total_weight, weight, rules.decay)
    average = average_moments(state.average, moments, gamma, covariance_type)
    regularization = rules.em_options(average, covariance_type).regularization
    return replace(
        state,
        parameters=m_step(covariance_type, average, regularization, state.parameters.covariances),
        average=average,
        total_weight=state.total_weight + weight,
        n_steps=state.n_steps + 1,
    )


def step_size(fitted_weight: float, seen_weight: float, weight: float, decay: float) -> float:
    """The share gamma that a block of rows gets in the average.

    1 - exp(-integral of t^-alpha dt), where t is the weight seen in units of that of the first
    fit, and the integral runs over the block. Blocks of equal weight get about t^-alpha, as in
    Cappe & Moulines; a small one gets in proportion less, and a block that is cut in two moves the
    average as far as the whole. With alpha = 1 it is the block's share of all weight seen, so that
    rows count alike, whenever they came; with less, the average is over the last t^alpha or so.

    Parameters
    ----------
    fitted_weight, seen_weight : float
        Of the first fit, and of all rows before the block.
    weight : float
        Of the block.
    decay : float
        alpha, above 0.5 and at most 1.
    """
    t = seen_weight / fitted_weight
    integral = t ** (1.0 - decay) * scipy.special.boxcox1p(weight / seen_weight, 1.0 - decay)
    return -float(np.expm1(-integral))


def average_moments(older: Moments, newer: Moments, share: float, covariance_type: str) -> Moments:
    """The average of two sets of moments, in which the newer has this share.

    Second moments stay about the means: each pair of means adds what lies between them (Chan,
    Golub & LeVeque 1983, Am. Stat. 37), and nothing cancels.

    Parameters
    ----------
    older, newer : Moments
        Relative to the same origin.
    share : float
        From 0 to 1.
    covariance_type : str
    """
    kept = (1.0 - share) / older.total_weight * older.counts
    added = share / newer.total_weight * newer.counts
    counts = kept + added
    part = added / np.where(counts > 0, counts, 1.0)
    differences = newer.means - older.means
    structure = structure_of(covariance_type)
    between = structure.outer(differences)
    each = part.reshape(-1, *[1] * (between.ndim - 1))
    within = (1.0 - each) * structure.expand(older.covariances, *older.means.shape)
    within += each * structure.expand(newer.covariances, *newer.means.shape)
    covariances = structure.from_scatter(within + each * (1.0 - each) * between, counts)
    noise = newer.noise
    if noise is not None and older.noise is not None:
        weight = (1.0 - share) * older.noise.weight + share * noise.weight
        noise = replace(noise, weight=weight)
    return _average(counts, older.means + part[:, None] * differences, covariances, noise)


def _average(counts: Array, means: Array, covariances: Array, noise: Noise | None) -> Moments:
    return Moments(np.nan, np.nan, 1.0, counts, means, covariances, noise=noise)


def _overall(average: Moments, covariance_type: str) -> tuple[Array, Array]:
    """Mean and covariance of all rows, as far as the structure determines them."""
    shares = average.counts / average.counts.sum()
    mean = shares @ average.means
    deviations = average.means - mean
    matrices = structure_of(covariance_type).matrices(average.covariances, *average.means.shape)
    return mean, np.tensordot(shares, matrices, axes=1) + (deviations.T * shares) @ deviations
