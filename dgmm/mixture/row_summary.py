"""What all rows say of the mixture that assigns them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from dgmm.mixture.assignment_statistics import AssigningMixture, AssignmentStatistics
from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.component_summary import (
    ComponentStatistics,
    ComponentSummary,
    summarize_components,
)
from dgmm.mixture.goodness_of_fit import GoodnessOfFit
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class RowSummary:
    """The outcome of the last pass.

    Attributes
    ----------
    components : ComponentSummary
        What the rows of each component are like.
    goodness : GoodnessOfFit
        How well each component fits them.
    clustering : Clustering, or None
        Which components are one cluster; None if no hierarchy is known.
    errors : ComponentErrors, or None
        How sure the components' weights, means and deviations are; None with few groups of rows.
    outlier_share, noise_share : float
        Of the weight of all rows.
    """

    components: ComponentSummary
    goodness: GoodnessOfFit
    clustering: Clustering | None
    errors: ComponentErrors | None
    outlier_share: float
    noise_share: float

    @classmethod
    def from_sums(
        cls,
        sums: AssignmentStatistics,
        by: AssigningMixture,
        n_clusters: int | None,
        quantile: Sequence[float],
        quantiles: Array,
        groups: Mapping[int, ComponentStatistics],
    ) -> Self:
        """What sums over all rows say.

        Parameters
        ----------
        sums : AssignmentStatistics
        by : AssigningMixture
        n_clusters : int or None
            How many clusters the rows were assigned to.
        quantile : sequence of float
        quantiles : ndarray of shape (n_components, n_quantiles, n_features)
            Of every feature in every component.
        groups : mapping of int to ComponentStatistics
            The sums of groups of consecutive rows, by their number.
        """
        clustering = None
        if by.hierarchy is not None:
            total = sums.components.total_weight
            clustering = Clustering.from_sums(by.hierarchy, sums.mergers, total, n_clusters)
        return cls(
            summarize_components(sums.components, by.pivots, quantile, quantiles),
            GoodnessOfFit.from_sums(sums.distances, by.mixture.n_features),
            clustering,
            ComponentErrors.from_groups([groups[group] for group in sorted(groups)]),
            sums.outlier_share,
            sums.components.noise_share,
        )
