"""Rows whose component is known: all that EM needs of them, found in one read.

Their responsibilities are 0 and 1 and never change. So the counts, means and scatters of the
classes say all about them: each E-step adds these to the sums of the other rows, and their part of
the likelihood, the sum of log(w_k N_k(x)), is a function of the same numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class LabelledStatistics:
    """Sums over labelled rows, in the coordinates of the fit.

    Attributes
    ----------
    counts : ndarray of shape (n_classes,)
        Total weights.
    means : ndarray of shape (n_classes, n_features)
    scatters : ndarray of shape (n_classes, n_features, n_features)
        Weighted sums of outer products about the means.
    weight_of_others : float
        Total weight of the rows without a label.
    """

    counts: Array
    means: Array
    scatters: Array
    weight_of_others: float

    @property
    def n_classes(self) -> int:
        """Number of classes; they are the first components."""
        return len(self.counts)

    def beside(self, weight: float) -> "LabelledStatistics":
        """The same in proportion, beside rows without a label of another total weight."""
        factor = weight / self.weight_of_others
        counts, scatters = self.counts * factor, self.scatters * factor
        return replace(self, counts=counts, scatters=scatters, weight_of_others=weight)

    def log_likelihood(self, mixture: Parameters) -> float:
        """The sum of weight times log(w_k N_k(x)) over the rows of the classes k."""
        n = self.n_classes
        factors = mixture.factor_matrices[:n]
        shifts = np.einsum("kij,ki->kj", factors, self.means - mixture.means[:n])
        within = np.einsum("kij,kil,klj->k", factors, self.scatters, factors, optimize=True)
        distances = within + self.counts * (shifts**2).sum(axis=1)
        return float(self.counts @ mixture.log_peaks[:n] - 0.5 * distances.sum())

    def add_to(self, moments: Moments, mixture: Parameters) -> Moments:
        """The moments of all rows from those of the rows without a label.

        Parameters
        ----------
        moments : Moments
            Of rows without a label, under ``mixture``.
        mixture : Parameters
        """
        structure, n = mixture.structure, self.n_classes
        extra = np.zeros(mixture.n_components)
        extra[:n] = self.counts
        before = np.where(moments.empty, 0.0, moments.counts)
        counts = before + extra
        filled = np.where(counts > 0, counts, 1.0)
        means, scatters = moments.means.copy(), np.zeros((len(counts), *self.scatters.shape[1:]))
        apart = self.means - means[:n]
        means[:n] += (extra / filled)[:n, None] * apart
        between = (before * extra / filled)[:n, None, None] * apart[:, :, None] * apart[:, None, :]
        scatters[:n] = self.scatters + between
        averages = structure.diagonals(scatters / filled.reshape(-1, 1, 1))
        added = structure.from_scatter(averages, counts)
        if structure.is_shared:
            kept = np.array(before.sum() / counts.sum())
        else:
            kept = np.where(counts > 0, before / filled, 1.0)
            kept = kept.reshape(-1, *[1] * (moments.covariances.ndim - 1))
        total, noise = moments.total_weight + float(self.counts.sum()), moments.noise
        if noise is not None:
            noise = replace(noise, weight=noise.weight * moments.total_weight / total)
        return replace(
            moments,
            log_likelihood=moments.log_likelihood + self.log_likelihood(mixture),
            total_weight=total,
            counts=counts,
            means=means,
            covariances=kept * moments.covariances + added,
            noise=noise,
        )
