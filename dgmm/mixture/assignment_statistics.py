"""Everything that the last pass sums up over the rows that a mixture assigns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.component_summary import ComponentStatistics, component_pivots
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.goodness_of_fit import DistanceStatistics
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
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

    @classmethod
    def from_assignment(
        cls,
        rows: NDArray[np.generic],
        weights: NDArray[np.generic] | None,
        assignment: RowPosteriors,
        by: AssigningMixture,
        pivots: Array,
    ) -> Self:
        """The sums over rows that are all there.

        Parameters
        ----------
        rows : ndarray of shape (T, n_features)
        weights : ndarray of shape (T,), or None
        assignment : RowPosteriors
            Of these rows.
        by : AssigningMixture
        pivots : ndarray of shape (n_components, n_features)
            ``by.pivots``.
        """
        mergers = MergeStatistics.zero(len(pivots))
        if by.hierarchy is not None:
            mergers = MergeStatistics.from_responsibilities(
                assignment.responsibilities, weights, by.hierarchy
            )
        is_outlier = assignment.log_density < by.outlier_threshold
        weight = is_outlier.sum() if weights is None else weights[is_outlier].sum(dtype=np.float64)
        return cls(
            ComponentStatistics.from_assignment(rows, weights, assignment, pivots),
            DistanceStatistics.from_assignment(assignment, weights, by.mixture),
            mergers,
            np.array([assignment.log_likelihood(weights), float(weight)]),
        )

    @property
    def log_likelihood(self) -> float:
        """Weighted sum of the log densities, in nats."""
        return float(self.densities[0])

    @property
    def outlier_share(self) -> float:
        """The share of the weight that outliers have; 0 without rows."""
        total = float(self.components.sizes.sum())
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
            ComponentStatistics(*arrays[1:5]),
            DistanceStatistics(*arrays[5:7]),
            MergeStatistics(*arrays[7:]),
            arrays[0],
        )

    def __add__(self, other: "AssignmentStatistics") -> "AssignmentStatistics":
        return AssignmentStatistics(
            self.components + other.components,
            self.distances + other.distances,
            self.mergers + other.mergers,
            self.densities + other.densities,
        )
