"""The variational posterior of a Bayesian mixture, from the moments of an E-step.

Formulas: Bishop 2006, sec. 10.2; Blei & Jordan 2006 for the Dirichlet process. The expected log
density of a component is that of a Gaussian but for a constant, so the E-step is that of a mixture
whose weights hold the constants.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy

from dgmm.errors import DataError
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.prior_name import STICKS
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array, Indices
from dgmm.mixture.variational.prior import Prior

_ONE_ROW = 1.0  # in sums of responsibilities


@dataclass(frozen=True, slots=True, eq=False)
class VariationalPosterior:
    """Distributions of weights, means and precisions.

    Attributes
    ----------
    prior : Prior
    weight_concentration : ndarray of shape (n_components,) or (2, n_components)
        Of the Dirichlet distribution, or of the beta distribution of each part of the stick.
    mean_precision : ndarray of shape (n_components,)
    degrees_of_freedom : ndarray of shape (n_components,), or () for tied
    mixture : Parameters
        Means of weights and means; covariances are inverses of the mean precisions.
    """

    prior: Prior
    weight_concentration: Array
    mean_precision: Array
    degrees_of_freedom: Array
    mixture: Parameters

    @classmethod
    def from_moments(cls, prior: Prior, moments: Moments, regularization: Regularization) -> Self:
        """The M-step.

        Parameters
        ----------
        prior : Prior
        moments : Moments
            Relative to the same origin as the prior.
        regularization : Regularization
            Of the covariances of the moments.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        counts = moments.counts
        concentration = _weight_concentration(prior, counts)
        precision = prior.mean_precision + counts
        means = prior.mean_precision * prior.mean + counts[:, None] * moments.means
        degrees, covariances = _covariances(prior, moments, regularization)
        mixture = Parameters.from_covariances(
            prior.covariance_type,
            _mean_weights(concentration),
            means / precision[:, None],
            covariances,
        )
        return cls(prior, concentration, precision, degrees, mixture)

    @property
    def counts(self) -> Array:
        """Rows of each component, in sums of responsibilities, (K,)."""
        return self.mean_precision - self.prior.mean_precision

    @property
    def used(self) -> Indices:
        """Places of the components that hold at least one row, the heaviest first."""
        found = np.flatnonzero(self.counts >= _ONE_ROW)
        return found[np.argsort(-self.mixture.weights[found], kind="stable")]

    @property
    def mean_mixture(self) -> Parameters:
        """Expected parameters of the components that are used, the heaviest first.

        Raises
        ------
        DataError
            If none is.
        """
        if not len(self.used):
            raise DataError("No component has a weight of 1; fit with weights that count rows.")
        mixture = self.mixture.permute(self.used)
        return replace(mixture, weights=mixture.weights / mixture.weights.sum())

    @property
    def log_constants(self) -> Array:
        """What the expected log density of each component has beside a Gaussian's, (K,)."""
        d = self.mixture.n_features
        degrees = self.degrees_of_freedom
        log_precision = d * np.log(2.0) + scipy.special.digamma(_halves(degrees, d)).sum(axis=0)
        own = log_precision - d * np.log(degrees) - d / self.mean_precision
        return np.asarray(_expected_log_weights(self.weight_concentration) + 0.5 * own)

    @property
    def log_total(self) -> float:
        """What the log densities of :attr:`expected_mixture` lack."""
        return float(scipy.special.logsumexp(self.log_constants))

    @property
    def expected_mixture(self) -> Parameters:
        """The mixture whose E-step is that of the posterior."""
        weights = np.exp(self.log_constants - self.log_total)
        return replace(self.mixture, weights=weights)

    def translate(self, shift: Array) -> Self:
        """The same with the origin moved: every mean, and that of the prior, by ``shift``."""
        prior, mixture = self.prior.translate(shift), self.mixture.translate(shift)
        return replace(self, prior=prior, mixture=mixture)

    def lower_bound(self, entropy: float) -> float:
        """The lower bound of the evidence but for a constant of the prior, as scikit-learn has it.

        Parameters
        ----------
        entropy : float
            Of the responsibilities from which this posterior was made
            (:func:`responsibility_entropy`).
        """
        d, n_components = self.mixture.n_features, self.mixture.n_components
        degrees = np.broadcast_to(self.degrees_of_freedom, n_components)
        log_factors = -0.5 * (self.mixture.log_determinants + d * np.log(degrees))
        log_wishart = -(
            degrees * (log_factors + 0.5 * d * np.log(2.0))
            + scipy.special.gammaln(_halves(degrees, d)).sum(0)
        )
        log_weights = _log_normalization(self.weight_concentration)
        own = log_wishart.sum() + log_weights + 0.5 * d * np.log(self.mean_precision).sum()
        return float(entropy - own)


def responsibility_entropy(mixture: Parameters, moments: Moments) -> float:
    """The entropy of all responsibilities, -sum r log r, from the sums of their E-step.

    The logarithm of a responsibility is a component's log density less that of the row, and a
    component's log densities add up to a function of its count, mean and covariance.
    """
    structure = mixture.structure
    deviations = moments.means - mixture.means
    scatters = structure.matrices(moments.covariances, *mixture.means.shape)
    scatters = scatters + deviations[:, :, None] * deviations[:, None, :]
    precisions = structure.matrices(mixture.precisions, *mixture.means.shape)
    distances = np.einsum("kij,kij->k", precisions, scatters)
    of_components = moments.counts @ (mixture.log_peaks - 0.5 * distances)
    return float(moments.log_likelihood - of_components)


def _weight_concentration(prior: Prior, counts: Array) -> Array:
    if prior.weights != STICKS:
        return prior.weight_concentration + counts
    later = np.append(np.cumsum(counts[::-1])[-2::-1], 0.0)
    return np.stack([1.0 + counts, prior.weight_concentration + later])


def _mean_weights(concentration: Array) -> Array:
    """Expected weights; of a stick, what is left of it beyond the last part is shared out."""
    if concentration.ndim == 1:
        return concentration / concentration.sum()
    shares = concentration / concentration.sum(axis=0)
    weights = shares[0] * np.append(1.0, np.cumprod(shares[1])[:-1])
    return np.asarray(weights / weights.sum())


def _expected_log_weights(concentration: Array) -> Array:
    logs = scipy.special.digamma(concentration) - scipy.special.digamma(concentration.sum(axis=0))
    if concentration.ndim == 1:
        return np.asarray(logs)
    return np.asarray(logs[0] + np.append(0.0, np.cumsum(logs[1])[:-1]))


def _log_normalization(concentration: Array) -> float:
    """The logarithm of the constant of a Dirichlet or of beta distributions."""
    if concentration.ndim == 1:
        return float(
            scipy.special.gammaln(concentration.sum()) - scipy.special.gammaln(concentration).sum()
        )
    return float(-scipy.special.betaln(*concentration).sum())


def _covariances(
    prior: Prior, moments: Moments, regularization: Regularization
) -> tuple[Array, Array]:
    """Degrees of freedom, and inverses of the mean precisions."""
    structure, counts = structure_of(prior.covariance_type), moments.counts
    n_components = len(counts)
    shrunk = counts * prior.mean_precision / (prior.mean_precision + counts)
    between = _scale(structure.outer(moments.means - prior.mean), shrunk)
    if structure.is_isotropic:
        between = between.mean(axis=1)
    if structure.is_shared:
        between, counts = between.sum(axis=0) / n_components, counts.sum() / n_components
    within = structure.regularize(moments.covariances, regularization)
    degrees = np.asarray(prior.degrees_of_freedom + counts)
    return degrees, _scale(prior.covariance + _scale(within, counts) + between, 1.0 / degrees)


def _scale(arrays: Array, factors: Array) -> Array:
    """Arrays times a number each, or one array times a number."""
    return arrays * np.reshape(factors, np.shape(factors) + (1,) * (arrays.ndim - np.ndim(factors)))


def _halves(degrees: Array, n_features: int) -> Array:
    """(nu - i) / 2 for every i below the number of features, on a first axis."""
    return 0.5 * (degrees - np.arange(n_features).reshape(-1, *[1] * np.ndim(degrees)))
