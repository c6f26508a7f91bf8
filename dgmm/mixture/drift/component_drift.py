"""Changes of components between an older and a newer mixture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.drift.alignment import jeffreys
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

Labels = tuple[int, ...]

NOISE = -1
"""The label of noise, which has a weight only."""


@dataclass(frozen=True, slots=True, eq=False)
class ComponentDrift:
    """Every component of an older and a newer mixture, in the order of their labels.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,), int64
        -1 of noise, if either mixture has it; the other's then has no weight.
    older_weights, newer_weights : ndarray of shape (n_labels,)
        NaN where the mixture has no such component.
    mean_shifts : ndarray of shape (n_labels,)
        How far the mean has moved, in standard deviations of the older component: the Mahalanobis
        length of the difference. NaN for those that appeared or vanished.
    divergences : ndarray of shape (n_labels,)
        Jeffreys' divergence between the two Gaussians, in nats
        (:func:`dgmm.mixture.drift.alignment.jeffreys`); NaN for the same, and for noise.
    """

    labels: NDArray[np.int64]
    older_weights: Array
    newer_weights: Array
    mean_shifts: Array
    divergences: Array

    @property
    def names(self) -> tuple[str, ...]:
        """What the components are called."""
        return tuple("noise" if label == NOISE else str(label) for label in self.labels)

    @property
    def weight_changes(self) -> Array:
        """Newer minus older weight; NaN for those that appeared or vanished."""
        return self.newer_weights - self.older_weights

    @property
    def has_vanished(self) -> NDArray[np.bool_]:
        """Which components are in the older mixture only."""
        return np.isnan(self.newer_weights)

    @property
    def has_appeared(self) -> NDArray[np.bool_]:
        """Which components are in the newer mixture only."""
        return np.isnan(self.older_weights)


def component_drift(
    older: Parameters, newer: Parameters, older_labels: Labels, newer_labels: Labels
) -> ComponentDrift:
    """Compare components that have the same label.

    Parameters
    ----------
    older, newer : Parameters
        In the same coordinates; of any structure.
    older_labels, newer_labels : tuple of int
        Of the components, as :meth:`dgmm.mixture.drift.alignment.Alignment.labels` gives them.
    """
    has_noise = older.noise is not None or newer.noise is not None
    noise = (NOISE,) if has_noise else ()
    labels = np.union1d((*older_labels, *noise), newer_labels).astype(np.int64)
    row = {label: place for place, label in enumerate(labels.tolist())}
    older_rows, newer_rows = ([row[k] for k in of] for of in (older_labels, newer_labels))
    older_weights, newer_weights, shifts, divergences = np.full((4, len(labels)), np.nan)
    older_weights[older_rows] = older.weights
    newer_weights[newer_rows] = newer.weights
    if has_noise:
        older_weights[0], newer_weights[0] = (
            0.0 if each.noise is None else each.noise.weight for each in (older, newer)
        )
    both = [label for label in older_labels if label in newer_labels]
    if both:
        rows = [row[label] for label in both]
        before = older.permute(np.array([older_labels.index(label) for label in both]))
        after = newer.permute(np.array([newer_labels.index(label) for label in both]))
        shifts[rows] = mean_shifts(before, after)
        divergences[rows] = jeffreys(before, after)
    return ComponentDrift(labels, older_weights, newer_weights, shifts, divergences)


def mean_shifts(older: Parameters, newer: Parameters) -> Array:
    """Lengths of the means' differences in the metric of the older covariances, shape (K,).

    sqrt((m - mu)' Sigma^-1 (m - mu)) (Mahalanobis 1936, Proc. Natl. Inst. Sci. India 2), with
    Sigma^-1 = U U' as the length of U' (m - mu).

    Parameters
    ----------
    older, newer : Parameters
        Of as many components, in the same order.
    """
    whitened = np.einsum("kij,ki->kj", older.factor_matrices, newer.means - older.means)
    return np.asarray(np.linalg.norm(whitened, axis=1))
