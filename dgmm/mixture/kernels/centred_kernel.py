"""The centred kernel: deviations from the current means, whitened by the current covariances.

y = U_k' (x - mu_k) has zero mean and unit covariance under component k, so neither the densities
nor the statistics (sums of r, r y and r y y', pivot mu_k) cancel. Twice the work of the expanded
kernel; used where that one would lose digits.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.statistics import Moments, is_empty, noise_with_share
from dgmm.mixture.linear_algebra import triangular_inverse
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class CentredModel:
    """One mixture of a pass.

    Attributes
    ----------
    model : int
        Which of the pass's models this is.
    mixture : Parameters
        Relative to the frame's origin.
    """

    model: int
    mixture: Parameters

    def zero(self) -> Array:
        """The sums over no rows: (n_terms, 1 + d + d^2), or 1 + 2d for diagonal structures."""
        d, diagonal = self.mixture.n_features, self.mixture.structure.is_diagonal
        return np.zeros((self.mixture.n_terms, 1 + d + (d if diagonal else d * d)))

    def accumulate(
        self, x: Array, weights: Array, sums: Array, loops: ModuleType, log_density: Array
    ) -> tuple[float, float]:
        """Add a tile to ``sums``; the log-likelihood and log-classification of the model.

        Parameters
        ----------
        x : ndarray of shape (d, T)
            Rows relative to the frame's origin, feature-major.
        weights : ndarray of shape (T,)
        sums : ndarray of shape (n_terms, 1 + d + d^2) or (n_terms, 1 + 2d)
            Added to in place.
        loops : module
            :func:`dgmm.mixture.kernels.tiling.loops_for` the block.
        log_density : ndarray of shape (T,)
            Set to log densities, in nats.
        """
        d = x.shape[0]
        logits, whitened = log_densities(self.mixture, x)
        log_total, scale = np.empty((2, len(weights)))
        loops.softmax(logits, weights, log_density, log_total, scale)
        sums[:, 0] += logits.sum(axis=1)
        diagonal = sums.shape[1] == 1 + 2 * d
        for total, r, y in zip(sums, logits, whitened, strict=False):  # noise has no deviations
            total[1 : 1 + d] += y @ r
            total[1 + d :] += (y * y) @ r if diagonal else ((y * r) @ y.T).ravel()
        return float(weights @ log_density), -float(weights @ log_total)


def log_densities(mixture: Parameters, x: Array) -> tuple[Array, Array]:
    """Weighted log-densities of a tile and its whitened deviations.

    Parameters
    ----------
    mixture : Parameters
    x : ndarray of shape (d, T)
        Rows in the mixture's coordinates, feature-major.

    Returns
    -------
    logits : ndarray of shape (n_terms, T)
        log(w_k N(x_t | mu_k, Sigma_k)), in nats; that of the noise last.
    whitened : ndarray of shape (K, d, T)
        U_k' (x_t - mu_k).
    """
    structure, n_components = mixture.structure, mixture.n_components
    constant = mixture.log_peaks
    logits = np.empty((mixture.n_terms, x.shape[1]))
    if mixture.noise is not None:
        logits[-1] = mixture.noise.log_peak
    whitened = np.empty((n_components, *x.shape))
    for k in range(n_components):
        deviations = x - mixture.means[k][:, None]
        whitened[k] = structure.whiten(deviations, mixture.precisions_cholesky, k)
        logits[k] = constant[k] - 0.5 * np.einsum("ij,ij->j", whitened[k], whitened[k])
    return logits, whitened


def moments(
    mixture: Parameters,
    sums: Array,
    log_likelihood: float,
    log_classification: float,
    centred: CentredScatter,
) -> Moments:
    """The E-step's outcome for one mixture from its sums over all rows.

    mu_k + A ybar and A (yy' - ybar ybar') A', with A = U'^-1, undo the whitening.
    """
    structure, d = mixture.structure, mixture.n_features
    noise = noise_with_share(mixture.noise, sums[:, 0], centred.total_weight)
    sums = sums[: mixture.n_components]
    counts = sums[:, 0].copy()
    empty = is_empty(counts, centred.total_weight)
    averages = sums[:, 1:] / np.where(empty, 1.0, counts)[:, None]
    averages[empty] = 0.0
    first, second = averages[:, :d], averages[:, d:]
    if structure.is_diagonal:
        scales = 1.0 / structure.variances(mixture.precisions_cholesky, *mixture.means.shape)
        means = mixture.means + scales * first
        scatters = np.maximum(second - first**2, 0.0) * scales**2
    else:
        unwhiten = np.stack([triangular_inverse(u.T) for u in mixture.factor_matrices])
        means = mixture.means + np.einsum("kij,kj->ki", unwhiten, first)
        about_means = second.reshape(-1, d, d) - structure.outer(first)
        scatters = unwhiten @ about_means @ unwhiten.transpose(0, 2, 1)
    covariances = structure.from_scatter(scatters, counts)
    if not structure.is_shared:
        covariances[empty] = mixture.covariances[empty]
    return Moments(
        log_likelihood,
        log_classification,
        centred.total_weight,
        counts,
        means,
        covariances,
        noise=noise,
    )
