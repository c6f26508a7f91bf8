"""A sample that stands for all rows, near a mixture at which both have been evaluated.

The difference between all rows and the sample there is added to the statistics of the sample
elsewhere: a control variate, as in EM with reduced variance (Chen, Zhu, Teh & Zhang 2018, NeurIPS
31). EM on the sample then climbs the surrogate likelihood of Jordan, Lee & Yang 2019 (J. Am. Stat.
Assoc. 114),

    l~(theta) = l_sample(theta) + <s_all - s_sample, eta(theta)>,

with s the expected statistics per row at that mixture and eta the natural parameters of labelled
rows. There its gradient is that of the likelihood of all rows, and its curvature that of the
sample: a step to its maximum is nearly Newton's, for one read of all rows.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.covariance_structure import Structure
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

_LEAST_LEFT = 0.2  # of the sample's counts and variances; below this it does not represent all rows


@dataclass(frozen=True, slots=True, eq=False)
class ControlVariate:
    """Difference between the moments of all rows and of a sample, per unit of weight.

    Attributes
    ----------
    counts : ndarray of shape (n_components,)
    sums : ndarray of shape (n_components, n_features)
        Relative to the frame's origin.
    squares : ndarray
        Second moments, in the shape of the covariances; of the means over features where they are
        spherical, and of all components together where they are tied.
    """

    counts: Array
    sums: Array
    squares: Array

    @classmethod
    def from_moments(cls, whole: Moments, sample: Moments, covariance_type: str) -> Self:
        """The difference at a mixture that both have evaluated.

        Parameters
        ----------
        whole, sample : Moments
            Of all rows and of the sample, of E-steps with the same parameters.
        covariance_type : str
        """
        structure = structure_of(covariance_type)
        pairs = zip(_sums(whole, structure), _sums(sample, structure), strict=True)
        return cls(*(all_rows - few for all_rows, few in pairs))

    def apply(self, mixture: Parameters, sample: Moments) -> Moments | None:
        """An E-step of the surrogate from one of the sample; None if it has no maximum.

        Parameters
        ----------
        mixture : Parameters
            Of the E-step.
        sample : Moments
        """
        structure = mixture.structure
        of_sample = _sums(sample, structure)
        counts, sums, squares = (
            a + b for a, b in zip(of_sample, (self.counts, self.sums, self.squares), strict=True)
        )
        if not (counts > _LEAST_LEFT * of_sample[0]).all():
            return None
        means = sums / counts[:, None]
        each = 1.0 if structure.is_shared else _broadcast_counts(counts, squares)
        covariances = squares / each - _outer_products(means, counts, structure)
        if not _is_large(structure, covariances, sample.covariances):
            return None
        weight = sample.total_weight
        return Moments(
            sample.log_likelihood + weight * self._with_natural_parameters(mixture),
            sample.log_classification,
            weight,
            weight * counts,
            means,
            covariances,
        )

    def _with_natural_parameters(self, mixture: Parameters) -> float:
        """<s_all - s_sample, eta(theta)>, in nats per unit of weight."""
        factors = mixture.factor_matrices
        linear = np.einsum("kij,klj,kl->ki", factors, factors, mixture.means, optimize=True)
        constant = mixture.log_peaks - 0.5 * (linear * mixture.means).sum(axis=1)
        n_averaged = mixture.n_features if mixture.structure.is_isotropic else 1
        quadratic = n_averaged * (mixture.precisions * self.squares).sum()
        return float(self.counts @ constant + (linear * self.sums).sum() - 0.5 * quadratic)


def _sums(moments: Moments, structure: Structure) -> tuple[Array, Array, Array]:
    """Counts, sums and second moments per unit of weight."""
    counts = moments.counts / moments.total_weight
    squares = moments.covariances + _outer_products(moments.means, counts, structure)
    if not structure.is_shared:
        squares = squares * _broadcast_counts(counts, squares)
    return counts, counts[:, None] * moments.means, squares


def _outer_products(means: Array, counts: Array, structure: Structure) -> Array:
    """Outer products of the means, in the shape of the covariances."""
    return structure.from_scatter(structure.outer(means), counts)


def _broadcast_counts(counts: Array, squares: Array) -> Array:
    return counts.reshape(-1, *[1] * (squares.ndim - 1))


def _is_large(structure: Structure, covariances: Array, others: Array) -> bool:
    """Whether covariances are positive definite, and more than a share of others."""
    try:
        structure.precisions_cholesky(covariances - _LEAST_LEFT * others)
    except np.linalg.LinAlgError:
        return False
    return True
