"""Everything that the last pass sums up over the rows that a mixture assigns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.component_summary import ComponentStatistics, component_pivots
from dgmm.mixture.density import RowPosteriors, marginal_kernel
from dgmm.mixture.goodness_of_fit import DistanceStatistics
from dgmm.mixture.kernels.assignment_kernel import AssignedTile, AssignmentKernel
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.mixture.missing_values.missing_expectation import MissingExpectation
from dgmm.mixture.missing_values.missing_patterns import PatternRows, group_by_pattern
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class AssigningMixture:
    """A mixture, and what is asked of the rows that it assigns.

    Attributes
    ----------
    mixture : Parameters
    transform : FeatureTransform, or None
        Of rows for the mixture; None if it is in their units.
    hierarchy : MergeHierarchy, or None
        Of its components; None if that is not known.
    outlier_threshold : float
        Log density below which a row is an outlier.
    """

    mixture: Parameters
    transform: FeatureTransform | None = None
    hierarchy: MergeHierarchy | None = None
    outlier_threshold: float = -np.inf

    @property
    def pivots(self) -> Array:
        """Means in the units of the data, shape (n_components, n_features)."""
        return component_pivots(self.mixture, self.transform)


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentStatistics:
    """Sums over some rows; those of a union of rows are the ``+`` of theirs.

    Attributes
    ----------
    components : ComponentStatistics
    distances : DistanceStatistics
    mergers : MergeStatistics
        Zero where no hierarchy is known.
    densities : ndarray of shape (2,)
        Weighted sum of the log densities; weight of the outliers.
    """

    components: ComponentStatistics
    distances: DistanceStatistics
    mergers: MergeStatistics
    densities: Array

    @classmethod
    def zero(cls, n_components: int, n_features: int) -> Self:
        """The sums of no rows; ``n_features`` of the data."""
        return cls(
            ComponentStatistics.zero(n_components, n_features),
            DistanceStatistics.zero(n_components),
            MergeStatistics.zero(n_components),
            np.zeros(2),
        )

    def add(
        self,
        tile: AssignedTile,
        weights: Array | None,
        by: AssigningMixture,
        pivots: Array,
        expectation: MissingExpectation | None = None,
    ) -> None:
        """Add the rows of a tile, in place; its responsibilities are overwritten.

        Parameters
        ----------
        tile : AssignedTile
        weights : ndarray of shape (T,), or None
        by : AssigningMixture
            That assigned them.
        pivots : ndarray of shape (n_components, n_features)
            ``by.pivots``.
        expectation : MissingExpectation, optional
            Of the values that the rows lack, if they lack any.
        """
        w = np.ones(len(tile.x)) if weights is None else weights
        shares = tile.posterior if weights is None else tile.posterior * w
        if expectation is None:
            self.components.add(tile, weights, shares, pivots)
            self.distances.add(tile, shares, by.mixture.n_features)
        else:
            expectation.add_components(self.components, tile, shares)
            expectation.add_distances(self.distances, tile, shares)
        is_outlier = tile.log_density < by.outlier_threshold
        self.densities[...] += w @ tile.log_density, w[is_outlier].sum()
        if by.hierarchy is not None:
            entropies = tile.sum_entropies(shares)  # before responsibilities are overwritten
            self.mergers.add(tile.posterior, w, entropies, by.hierarchy, tile.loops)

    @property
    def log_likelihood(self) -> float:
        """Weighted sum of the log densities, in nats."""
        return float(self.densities[0])

    @property
    def outlier_share(self) -> float:
        """The share of the weight that outliers have; 0 without rows."""
        total = self.components.total_weight
        return float(self.densities[1]) / total if total > 0 else 0.0

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """Every number, in an order that stays."""
        components, distances, mergers = self.components, self.distances, self.mergers
        return (
            self.densities,
            components.n_labelled,
            components.sizes,
            components.deviations,
            components.squares,
            components.noise,
            distances.histogram,
            distances.fourth_powers,
            mergers.entropy,
            mergers.sizes,
            mergers.confused,
        )

    @classmethod
    def from_numbers(cls, numbers: Array, n_components: int, n_features: int) -> Self:
        """The sums whose ``arrays`` hold these numbers, one after the other.

        Raises
        ------
        ValueError
            If there are more or fewer of them.
        """
        zero = cls.zero(n_components, n_features).arrays
        sizes = [array.size for array in zero]
        if len(numbers) != sum(sizes):
            raise ValueError(f"found {len(numbers)} numbers, expected {sum(sizes)}")
        parts = np.split(numbers, np.cumsum(sizes)[:-1])
        arrays = [
            part.reshape(array.shape).astype(array.dtype)
            for part, array in zip(parts, zero, strict=True)
        ]
        return cls(
            ComponentStatistics(*arrays[1:6]),
            DistanceStatistics(*arrays[6:8]),
            MergeStatistics(*arrays[8:]),
            arrays[0],
        )

    def __add__(self, other: "AssignmentStatistics") -> "AssignmentStatistics":
        return AssignmentStatistics(
            self.components + other.components,
            self.distances + other.distances,
            self.mergers + other.mergers,
            self.densities + other.densities,
        )


def assign_and_add(
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    by: AssigningMixture,
    sums: AssignmentStatistics,
    *,
    with_responsibilities: bool,
    may_lack: bool = False,
) -> RowPosteriors:
    """Densities and assignments of rows, which are added to sums in place.

    Parameters
    ----------
    rows : ndarray of shape (T, n_features)
    weights : ndarray of shape (T,), or None
    by : AssigningMixture
    sums : AssignmentStatistics
    with_responsibilities : bool
        Whether those of all components are kept.
    may_lack : bool
        Whether NaN marks what is missing; every row has a value.

    Returns
    -------
    RowPosteriors
        With densities that are not finite where values are not, or are too large.
    """
    pivots = np.ascontiguousarray(by.pivots)
    found = RowPosteriors.empty(len(rows), by.mixture, with_responsibilities=with_responsibilities)
    if may_lack and rows.dtype.kind == "f" and np.isnan(rows).any():
        for pattern in group_by_pattern(rows):
            _add_pattern(pattern, rows, weights, by, sums, found)
        return found
    for tile in AssignmentKernel.pack(by.mixture, by.transform).tiles(rows):
        found.store(tile)
        w = None if weights is None else weights[tile.rows].astype(np.float64)
        sums.add(tile, w, by, pivots)
    return found


def _add_pattern(
    pattern: PatternRows,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    by: AssigningMixture,
    sums: AssignmentStatistics,
    found: RowPosteriors,
) -> None:
    """Assign the rows of one pattern of missing values, and add them to sums in place."""
    places, pivots = pattern.places, np.ascontiguousarray(by.pivots)
    expectation = None
    if not pattern.is_complete:
        expectation = MissingExpectation.of(pattern, by.mixture, by.transform)
    some = rows[places][:, pattern.features]
    for tile in marginal_kernel(by.mixture, by.transform, pattern).tiles(some):
        found.store(tile, places)
        w = None if weights is None else weights[places[tile.rows]].astype(np.float64)
        sums.add(tile, w, by, pivots, expectation)
