"""What rows with missing values add to the statistics of assignments."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.component_summary import ComponentStatistics
from dgmm.mixture.goodness_of_fit import DistanceStatistics
from dgmm.mixture.kernels.assignment_kernel import AssignedTile
from dgmm.mixture.kernels.completion import Features, Regression
from dgmm.mixture.missing_values.missing_patterns import PatternRows
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class MissingExpectation:
    """What the components of a mixture expect of the values that rows of one pattern lack.

    Attributes
    ----------
    mixture : Parameters
    observed : ndarray of int
        The features that rows have.
    regression : Regression
        Of all features on these, in the coordinates of the mixture.
    scale : ndarray of shape (n_features,)
        Of these coordinates, in the units of the data.
    transform : FeatureTransform, or None
        Of the observed features for the mixture.
    """

    mixture: Parameters
    observed: Features
    regression: Regression
    scale: Array
    transform: FeatureTransform | None

    @classmethod
    def of(
        cls, pattern: PatternRows, mixture: Parameters, transform: FeatureTransform | None
    ) -> Self:
        """Those of a mixture for rows of a pattern.

        Parameters
        ----------
        pattern : PatternRows
        mixture : Parameters
        transform : FeatureTransform, or None
            Of rows for the mixture; linear, without principal components.
        """
        observed = pattern.features
        scale = np.ones(mixture.n_features) if transform is None else transform.scale
        selected = None if transform is None else transform.select(observed)
        regression = Regression.from_mixture(mixture, observed)
        return cls(mixture, observed, regression, scale, selected)

    def add_components(self, sums: ComponentStatistics, tile: AssignedTile, shares: Array) -> None:
        """Add a tile to the sums of components, in place.

        Parameters
        ----------
        sums : ComponentStatistics
            About the means of the mixture, in the units of the data.
        tile : AssignedTile
            Rows of the observed features.
        shares : ndarray of shape (n_components, T)
            Weight times responsibility.
        """
        z = tile.x if self.transform is None else self.transform.apply(tile.x.T).T
        sums.n_labelled[...] += np.bincount(tile.places, minlength=len(shares))
        sums.sizes[...] += shares.sum(axis=1)
        residuals = np.diagonal(self.regression.residuals, axis1=1, axis2=2) * self.scale**2
        for k, share in enumerate(shares):
            expected = (z - self.mixture.means[k, self.observed]) @ self.regression.slopes[k].T
            deviations = expected * self.scale
            sums.deviations[k] += share @ deviations
            sums.squares[k] += share @ deviations**2 + share.sum() * residuals[k]

    def add_distances(self, sums: DistanceStatistics, tile: AssignedTile, shares: Array) -> None:
        """Add a tile to the sums of squared distances, in place.

        They are compared with those that a Gaussian of as many features has; fourth powers are
        scaled to what complete rows would have.
        """
        n_observed, d = len(self.observed), self.mixture.n_features
        found = DistanceStatistics.zero(len(shares))
        found.add(tile, shares, n_observed)
        sums.histogram[...] += found.histogram
        scale = d * (d + 2) / (n_observed * (n_observed + 2))
        sums.fourth_powers[...] += found.fourth_powers * scale
