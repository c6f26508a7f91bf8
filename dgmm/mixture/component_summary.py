"""Summaries of the rows of each component, in the units of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_TILE_ROWS = 2048


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
    """

    n_labelled: NDArray[np.int64]
    sizes: Array
    deviations: Array
    squares: Array

    @classmethod
    def zero(cls, n_components: int, n_features: int) -> Self:
        """The sums of no rows."""
        shape = n_components, n_features
        counts = np.zeros(n_components, np.int64)
        return cls(counts, np.zeros(n_components), np.zeros(shape), np.zeros(shape))

    @classmethod
    def from_assignment(
        cls,
        rows: NDArray[np.generic],
        weights: NDArray[np.generic] | None,
        assignment: RowPosteriors,
        pivots: Array,
    ) -> Self:
        """The sums over rows without missing values.

        Parameters
        ----------
        rows : ndarray of shape (T, n_features)
        weights : ndarray of shape (T,), or None
        assignment : RowPosteriors
            Of these rows.
        pivots : ndarray of shape (n_components, n_features)
        """
        n_components, n_features = pivots.shape
        sums = cls.zero(n_components, n_features)
        for start in range(0, len(rows), _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            x = rows[tile].astype(np.float64)
            r = assignment.responsibilities[tile].T.copy()
            if weights is not None:
                r *= weights[tile].astype(np.float64)
            sums.sizes[...] += r.sum(axis=1)
            for k in range(n_components):
                deviations = x - pivots[k]
                sums.deviations[k] += r[k] @ deviations
                sums.squares[k] += r[k] @ deviations**2
        sums.n_labelled[...] = np.bincount(assignment.labels, minlength=n_components)
        return sums

    def __add__(self, other: "ComponentStatistics") -> "ComponentStatistics":
        return ComponentStatistics(
            self.n_labelled + other.n_labelled,
            self.sizes + other.sizes,
            self.deviations + other.deviations,
            self.squares + other.squares,
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
    weights : ndarray of shape (m,), or None
    responsibilities : ndarray of shape (m, n_components)
    quantile : sequence of float
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (n_components, n_quantiles, n_features)
        NaN where a component has none of the rows.
    """
    n_components = responsibilities.shape[1]
    found = np.full((n_components, len(quantile), rows.shape[1]), np.nan)
    w = responsibilities if weights is None else responsibilities * weights[:, None]
    for k in range(n_components):
        present = w[:, k] > 0
        if quantile and present.any():
            found[k] = np.quantile(
                rows[present], quantile, axis=0, weights=w[present, k], method="inverted_cdf"
            )
    return found


def outlier_threshold(log_density: Array, weights: Array | None, quantile: float) -> float:
    """The log density below which this weighted share of a sample lies."""
    return float(np.quantile(log_density, quantile, weights=weights, method="inverted_cdf"))


def component_pivots(mixture: Parameters, transform: FeatureTransform | None) -> Array:
    """Means in the units of the data, shape (n_components, n_features)."""
    return mixture.means if transform is None else transform.inverse_means(mixture)
