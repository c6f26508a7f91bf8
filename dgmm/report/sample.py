"""The sampled rows of a run under its mixture."""

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.io.results.assignment_schema import MISSING
from dgmm.io.results.record import Record
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

OUTLIER_SHARE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows, with their densities and responsibilities.

    Attributes
    ----------
    rows : ndarray of shape (m, n_features)
        Those of positive weight that lack no value, in the units of the input.
    fitted : ndarray of shape (m, n_axes)
        The same in the coordinates of the mixture.
    weights : ndarray of shape (m,)
        They sum to 1.
    responsibilities : ndarray of shape (m, n_components)
    log_density : ndarray of shape (m,)
        In nats.
    certainty : ndarray of shape (m,)
        The probability of the most probable component, or of noise.
    is_noise : ndarray of shape (m,), bool
        Which are most probably noise.
    is_outlier : ndarray of shape (m,), bool
        Farther from the mean of the most probable component, in its own metric, than one of ten
        thousand of its rows would be: the squared distance has a chi-squared distribution. Noise
        has no such distance.
    """

    rows: Array
    fitted: Array
    weights: Array
    responsibilities: Array
    log_density: Array
    certainty: Array
    is_noise: NDArray[np.bool_]
    is_outlier: NDArray[np.bool_]

    @property
    def labels(self) -> NDArray[np.intp]:
        """The most probable component of each row, noise aside."""
        return self.responsibilities.argmax(axis=1)

    @property
    def labels_and_noise(self) -> NDArray[np.intp]:
        """The most probable component of each row; -1 where noise is more probable."""
        return np.where(self.is_noise, MISSING, self.labels)


def evaluate_sample(
    record: Record | None, mixture: Parameters, transform: FeatureTransform | None = None
) -> Sample | None:
    """The rows in the record of a run, under its mixture; None if there are none."""
    if record is None or not len(record.sample):
        return None
    rows, weights = record.sample, record.sample_weights
    if weights is None or not weights.any():
        weights = np.ones(len(rows))
    usable = (weights > 0) & np.isfinite(rows).all(axis=1)
    if not usable.any():
        return None
    rows, weights = rows[usable], weights[usable]
    assigned = assign(mixture, rows, transform)
    is_noise = assigned.labels < 0
    fitted = rows if transform is None else transform.apply(rows.T).T
    distances = _squared_distances(mixture, fitted, assigned.responsibilities.argmax(axis=1))
    return Sample(
        rows,
        fitted,
        weights / weights.sum(),
        assigned.responsibilities,
        assigned.log_density,
        assigned.certainty,
        is_noise,
        ~is_noise & (scipy.special.chdtrc(mixture.n_features, distances) < OUTLIER_SHARE),
    )


def apply_functions(sample: Sample | None, transform: FeatureTransform) -> Sample | None:
    """The same rows after the functions of single features."""
    if sample is None or transform.functions is None:
        return sample
    return replace(sample, rows=transform.functions.apply(sample.rows.T).T)


def _squared_distances(mixture: Parameters, rows: Array, labels: NDArray[np.intp]) -> Array:
    """Squared Mahalanobis distance of each row to the mean of its component."""
    distances = np.empty(len(rows))
    for k in np.unique(labels):
        own = labels == k
        deviations = (rows[own] - mixture.means[k]).T
        whitened = mixture.structure.whiten(deviations, mixture.precisions_cholesky, int(k))
        distances[own] = (whitened**2).sum(axis=0)
    return distances
