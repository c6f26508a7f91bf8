"""A mixture and rows in a few coordinates, for plots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.report.sample import Sample

MOST_FEATURES = 5
_N_COMPONENTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Projection2D:
    """A mixture in p coordinates: features, or principal components.

    Attributes
    ----------
    names : tuple of str
        One for each coordinate.
    components : tuple of int
        What the components are called.
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, p)
    covariances : ndarray of shape (n_components, p, p)
    rows : ndarray of shape (m, p)
        Sampled; m may be 0.
    labels : ndarray of shape (m,)
        The place of the most probable component of each row.
    row_weights : ndarray of shape (m,)
        They sum to 1.
    is_projected : bool
        Whether the coordinates are principal components.
    """

    names: tuple[str, ...]
    components: tuple[int, ...]
    weights: Array
    means: Array
    covariances: Array
    rows: Array
    labels: NDArray[np.intp]
    row_weights: Array
    is_projected: bool


def project(
    mixture: Parameters,
    names: tuple[str, ...],
    deviations: Array,
    sample: Sample | None,
    transform: FeatureTransform | None = None,
    components: tuple[int, ...] | None = None,
) -> Projection2D:
    """All features in their units if they are few, else the first principal components.

    Parameters
    ----------
    mixture : Parameters
    names : tuple of str
        Of the features of the input.
    deviations : ndarray of shape (n_features,)
        Standard deviations of the data, by which features are made comparable; what was prepared
        is so already.
    sample : Sample or None
        Without one, principal components are those of the components' means.
    transform : FeatureTransform or None
        Of the input for the mixture.
    components : tuple of int, optional
        What the components are called; by their places unless given.
    """
    if len(names) <= MOST_FEATURES:
        p = len(names)
        rows, is_projected = np.empty((0, p)) if sample is None else sample.rows, False
        if transform is None:
            means, covariances = mixture.means, _project_mixture(mixture, np.eye(p))
        else:
            means = transform.inverse_means(mixture)
            covariances = transform.inverse_covariances(mixture)
    else:
        rows = np.empty((0, mixture.n_features)) if sample is None else sample.fitted
        weights, is_projected = mixture.weights if sample is None else sample.weights, True
        guides = mixture.means if sample is None else rows
        origin, scale = weights @ guides, np.ones(mixture.n_features)
        if transform is None:
            scale = np.where(deviations > 0, deviations, 1.0)
        directions, shares = _principal((guides - origin) / scale, weights)
        directions = directions / scale[:, None]
        names = tuple(f"PC {i + 1} ({share:.0%})" for i, share in enumerate(shares))
        means, covariances = (
            (mixture.means - origin) @ directions,
            _project_mixture(mixture, directions),
        )
        rows = (rows - origin) @ directions
    return Projection2D(
        names=names,
        components=components or tuple(range(mixture.n_components)),
        weights=mixture.weights,
        means=means,
        covariances=covariances,
        rows=rows,
        labels=np.empty(0, np.intp) if sample is None else sample.labels,
        row_weights=np.empty(0) if sample is None else sample.weights,
        is_projected=is_projected,
    )


def _principal(deviations: Array, weights: Array) -> tuple[Array, Array]:
    """The directions of largest variance (n_features, p), and their shares of it."""
    _, values, vectors = np.linalg.svd(deviations * np.sqrt(weights)[:, None], full_matrices=False)
    p = min(_N_COMPONENTS, max(1, int((values > 0).sum())))
    return vectors[:p].T, values[:p] ** 2 / max((values**2).sum(), np.finfo(np.float64).tiny)


def _project_mixture(mixture: Parameters, directions: Array) -> Array:
    """D' Sigma_k D for each component, shape (n_components, p, p)."""
    if mixture.structure.is_diagonal:  # without building large diagonal matrices
        return np.einsum("ip,ki,iq->kpq", directions, mixture.variances, directions)
    return np.stack([directions.T @ matrix @ directions for matrix in mixture.matrices])
