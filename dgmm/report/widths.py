"""Widths of components relative to the data."""

import numpy as np

from dgmm.io.results.record import Record
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.report.sample import Sample

_MOST_FEATURES = 300  # for eigenvalues


def data_moments(
    record: Record | None, mixture: Parameters, transform: FeatureTransform | None = None
) -> tuple[Array, Array]:
    """Means and standard deviations of the data, shape (n_features,) each, in their units.

    Without a record those of the mixture, which at a maximum of the likelihood are the same (for
    spherical covariances, up to how the variance is shared out among the features). Noise has none.
    """
    if record is not None:
        return record.mean, record.standard_deviation
    if transform is not None:
        return transform.mean, transform.scale
    weights = mixture.with_noise(None).weights
    mean = weights @ mixture.means
    between = weights @ (mixture.means - mean) ** 2
    return mean, np.sqrt(weights @ mixture.variances + between)


def fitted_moments(
    sample: Sample | None, mixture: Parameters, transform: FeatureTransform
) -> tuple[Array, Array]:
    """Means and standard deviations after functions of single features, shape (n_features,) each.

    Without a sample they are those of the mixture, or, where features were standardised, those that
    the fit has used.
    """
    is_given = not transform.is_columnwise
    mean, deviations = data_moments(None, mixture, transform if is_given else None)
    if sample is not None:
        deviations = np.sqrt(sample.weights @ (sample.rows - mean) ** 2)
    return mean, deviations


def relative_widths(mixture: Parameters) -> Array | None:
    """Width of each component in its narrowest direction, relative to the data, shape (K,).

    The square root of the smallest v'S_k v / v'S v, S_k being a component's covariance, S that of
    the whole mixture. None if there are too many features to compute it quickly.
    """
    if mixture.n_features > _MOST_FEATURES:
        return None
    mean, deviations = data_moments(None, mixture)
    scale = np.where(deviations > 0, deviations, 1.0)
    matrices, weights = mixture.matrices / np.outer(scale, scale), mixture.with_noise(None).weights
    means = (mixture.means - mean) / scale
    whole = np.einsum("k,kij->ij", weights, matrices)
    whole += np.einsum("k,ki,kj->ij", weights, means, means)
    values, vectors = np.linalg.eigh(whole)
    sound = values > 1e-12 * values[-1]  # components may be flat where the data are
    whitening = vectors[:, sound] / np.sqrt(values[sound])
    within = np.einsum("ip,kij,jq->kpq", whitening, matrices, whitening, optimize=True)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(within)[:, 0], 0.0))
