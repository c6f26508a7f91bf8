"""Summaries of the rows of each component, in the units of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.assignment_kernel import AssignedTile
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class ComponentStatistics:
    """Weighted sums over some rows; those of a union of rows are the ``+`` of theirs.

    Deviations are from a pivot near each component, so that narrow ones keep their digits.

    Attributes
    ----------
    n_labelled : ndarray of shape (n_components,), int64
        Rows of which this is the most probable component.
    sizes : ndarray of shape (n_components,)
        Sums of weight times responsibility.
    deviations, squares : ndarray of shape (n_components, n_features)
        The same of deviations and of their squares.
    noise : ndarray of shape (2,)
        Rows that are most probably noise; sum of weight times the probability of noise.
    """

    n_labelled: NDArray[np.int64]
    sizes: Array
    deviations: Array
    squares: Array
    noise: Array

    @property
    def total_weight(self) -> float:
        """Of all rows."""
        return float(self.sizes.sum() + self.noise[1])

    @property
    def noise_share(self) -> float:
        """Of the weight of all rows."""
        return float(self.noise[1]) / self.total_weight if self.noise[1] > 0 else 0.0

    @property
    def n_rows(self) -> int:
        """Rows that are assigned, to a component or to noise."""
        return int(self.n_labelled.sum() + self.noise[0])

    @classmethod
    def zero(cls, n_components: int, n_features: int) -> Self:
        """The sums of no rows."""
        shape = n_components, n_features
        counts = np.zeros(n_components, np.int64)
        sizes, noise = np.zeros(n_components), np.zeros(2)
        return cls(counts, sizes, np.zeros(shape), np.zeros(shape), noise)

    def add(self, tile: AssignedTile, weights: Array | None, shares: Array, pivots: Array) -> None:
        """Add the rows of a tile, in place.

        Parameters
        ----------
        tile : AssignedTile
        weights : ndarray of shape (T,), or None
        shares : ndarray of shape (n_components, T)
            Weight times responsibility.
        pivots : ndarray of shape (n_components, n_features)
        """
        labelled = tile.places[tile.places >= 0]
        self.n_labelled[...] += np.bincount(labelled, minlength=len(pivots))
        tile.loops.add_deviations(tile.x, shares, pivots, self.sizes, self.deviations, self.squares)
        if tile.noise is not None:
            w = np.ones(len(tile.x)) if weights is None else weights
            self.noise[...] += np.array([len(tile.x) - len(labelled), w @ tile.noise])

    def __add__(self, other: "ComponentStatistics") -> "ComponentStatistics":
        return ComponentStatistics(
            self.n_labelled + other.n_labelled,
            self.sizes + other.sizes,
            self.deviations + other.deviations,
            self.squares + other.squares,
            self.noise + other.noise,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ComponentSummary:
    """Statistics of the rows of each component; NaN for a component without rows.

    Attributes
    ----------
    n_labelled : ndarray of shape (n_components,), int64
        Rows of which this is the most probable component.
    size : ndarray of shape (n_components,)
        Sum of weight times responsibility.
    mean, standard_deviation : ndarray of shape (n_components, n_features)
        Weighted, over all rows, in the units of the data.
    quantile : ndarray of shape (n_quantiles,)
    quantiles : ndarray of shape (n_components, n_quantiles, n_features)
        Weighted, over a sample of the rows.
    """

    n_labelled: NDArray[np.int64]
    size: Array
    mean: Array
    standard_deviation: Array
    quantile: Array
    quantiles: Array

    def moments(self) -> tuple[Array, Array]:
        """Weighted means and standard deviations of all rows, shape (n_features,) each."""
        known = self.size > 0
        if not known.any():
            return (np.full(self.mean.shape[1], np.nan),) * 2
        shares = self.size[known] / self.size[known].sum()
        means, deviations = self.mean[known], self.standard_deviation[known]
        mean = shares @ means
        return mean, np.sqrt(shares @ (deviations**2 + (means - mean) ** 2))


def summarize_components(
    sums: ComponentStatistics, pivots: Array, quantile: Sequence[float], quantiles: Array
) -> ComponentSummary:
    """Summarize the components from sums over all rows.

    Parameters
    ----------
    sums : ComponentStatistics
    pivots : ndarray of shape (n_components, n_features)
        Of the sums.
    quantile : sequence of float
    quantiles : ndarray of shape (n_components, n_quantiles, n_features)
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a component may have no rows
        shift = sums.deviations / sums.sizes[:, None]
        variance = sums.squares / sums.sizes[:, None] - shift**2
    return ComponentSummary(
        n_labelled=sums.n_labelled,
        size=sums.sizes,
        mean=pivots + shift,
        standard_deviation=np.sqrt(np.maximum(variance, 0.0)),
        quantile=np.asarray(quantile, np.float64),
        quantiles=quantiles,
    )


def sample_quantiles(
    rows: Array, weights: Array | None, responsibilities: Array, quantile: Sequence[float]
) -> Array:
    """Quantiles of every feature in every component, by the inverse of the weighted distribution.

    Parameters
    ----------
    rows : ndarray of shape (m, n_features)
        NaN where a value is missing; quantiles are of those that are there.
    weights : ndarray of shape (m,), or None
    responsibilities : ndarray of shape (m, n_components)
    quantile : sequence of float
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (n_components, n_quantiles, n_features)
        NaN where a component has none of the rows.
    """
    n_components, n_features = responsibilities.shape[1], rows.shape[1]
    found = np.full((n_components, len(quantile), n_features), np.nan)
    shares = np.asarray(quantile, np.float64)
    for j in range(n_features):
        order = np.argsort(rows[:, j])  # once for all components; NaN is last
        order = order[: np.count_nonzero(~np.isnan(rows[:, j]))]
        if not len(order):
            continue
        values, w = rows[order, j], None if weights is None else weights[order]
        for k in range(n_components):  # one at a time: a sample may be large
            share = responsibilities[order, k]
            below = np.cumsum(share if w is None else share * w)
            if below[-1] > 0:
                reached = np.searchsorted(below, shares * below[-1])
                first = np.searchsorted(below, 0.0, side="right")  # of positive weight
                found[k, :, j] = values[np.maximum(reached, first)]
    return found


def component_pivots(mixture: Parameters, transform: FeatureTransform | None) -> Array:
    """Means in the units of the data, shape (n_components, n_features)."""
    return mixture.means if transform is None else transform.inverse_means(mixture)
