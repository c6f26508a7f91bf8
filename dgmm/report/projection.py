"""A mixture and rows in a few coordinates, for plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.report.feature_choice import choose_features, separation
from dgmm.report.sample import Sample

MOST_FEATURES = 5
_N_COMPONENTS = 3
_N_CHOSEN = 4  # features, of many
_MOST_CHOSEN_FROM = 300
_NEARLY = 0.9  # of what principal components separate, for features to be taken


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
        The place of the most probable component of each row; -1 of noise.
    row_weights : ndarray of shape (m,)
        They sum to 1.
    is_projected : bool
        Whether the coordinates are principal components.
    n_features : int
        Of the input.
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
    n_features: int


def project(
    mixture: Parameters,
    names: tuple[str, ...],
    deviations: Array,
    sample: Sample | None,
    transform: FeatureTransform | None = None,
    components: tuple[int, ...] | None = None,
) -> Projection2D:
    """All features in their units if they are few, else some that separate the components.

    Where a few features separate them clearly worse than the first principal components do, it is
    those.

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
        axes = _feature_axes(mixture, names, sample, transform, range(len(names)))
    else:
        axes = _principal_axes(mixture, deviations, sample, transform)
        if len(names) <= _MOST_CHOSEN_FROM:
            chosen = _chosen_axes(mixture, names, sample, transform)
            weights = mixture.weights
            if chosen.separation(weights) >= _NEARLY * axes.separation(weights):
                axes = chosen
    return Projection2D(
        names=axes.names,
        components=components or tuple(range(mixture.n_components)),
        weights=mixture.weights,
        means=axes.means,
        covariances=axes.covariances,
        rows=axes.rows,
        labels=np.empty(0, np.intp) if sample is None else sample.labels_and_noise,
        row_weights=np.empty(0) if sample is None else sample.weights,
        is_projected=axes.is_projected,
        n_features=len(names),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """Components and rows in some coordinates."""

    names: tuple[str, ...]
    means: Array
    covariances: Array
    rows: Array
    is_projected: bool

    def separation(self, weights: Array) -> float:
        """How far components of these weights are apart in them."""
        return separation(self.means, np.einsum("k,kpq->pq", weights, self.covariances))


def _feature_axes(
    mixture: Parameters,
    names: tuple[str, ...],
    sample: Sample | None,
    transform: FeatureTransform | None,
    chosen: Sequence[int],
) -> _Axes:
    """Some features, in their units."""
    some = list(chosen)
    if transform is None:
        means = mixture.means
        covariances = _project_mixture(mixture, np.eye(mixture.n_features)[:, some])
    else:
        means = transform.inverse_means(mixture)
        covariances = transform.inverse_covariances(mixture)[:, some][:, :, some]
    rows = np.empty((0, len(some))) if sample is None else sample.rows[:, some]
    return _Axes(tuple(names[j] for j in some), means[:, some], covariances, rows, False)


def _chosen_axes(
    mixture: Parameters,
    names: tuple[str, ...],
    sample: Sample | None,
    transform: FeatureTransform | None,
) -> _Axes:
    """The features that separate components best."""
    means, covariances = mixture.means, mixture.matrices
    if transform is not None:
        means = transform.inverse_means(mixture)
        covariances = transform.inverse_covariances(mixture)
    within = np.einsum("k,kij->ij", mixture.weights, covariances)
    chosen = choose_features(means, within, _N_CHOSEN)
    return _feature_axes(mixture, names, sample, transform, chosen)


def _principal_axes(
    mixture: Parameters,
    deviations: Array,
    sample: Sample | None,
    transform: FeatureTransform | None,
) -> _Axes:
    """The first principal components of what is fitted."""
    rows = np.empty((0, mixture.n_features)) if sample is None else sample.fitted
    weights = mixture.with_noise(None).weights if sample is None else sample.weights
    guides = mixture.means if sample is None else rows
    origin, scale = weights @ guides, np.ones(mixture.n_features)
    if transform is None:
        scale = np.where(deviations > 0, deviations, 1.0)
    directions, shares = _principal((guides - origin) / scale, weights)
    directions = directions / scale[:, None]
    return _Axes(
        tuple(f"PC {i + 1} ({share:.0%})" for i, share in enumerate(shares)),
        (mixture.means - origin) @ directions,
        _project_mixture(mixture, directions),
        (rows - origin) @ directions,
        True,
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
