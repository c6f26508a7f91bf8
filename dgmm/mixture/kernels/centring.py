"""Where the origin of the arithmetic lies."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.statistics import Moments, PriorKnowledge
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_TILE_ROWS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class CentredScatter:
    """The origin that kernels subtract from every row, and what all rows add up to about it.

    Rows are those that a preparation makes of the data, if there is one.

    Second moments about a far origin lose their digits, so the origin is the mean of the data.
    Parameters handed to kernels are relative to the origin.

    Attributes
    ----------
    origin : ndarray of shape (n_features,)
    total_weight : float
        Sum of sample weights (the number of rows, if there are none).
    scatter : ndarray of shape (n_features, n_features)
        Weighted sum of (x - origin)(x - origin)'. It never changes, so that tied covariances need
        no second moments from a pass.
    transform : FeatureTransform, or None
    lacks_values : bool
        Whether rows have missing values: then ``scatter`` is NaN, and tied covariances need second
        moments as all others do.
    known : tuple of PriorKnowledge
        What is added to the moments of an E-step. If it is labelled rows, the other fields are of
        the rows without a label.
    """

    origin: Array
    total_weight: float
    scatter: Array
    transform: FeatureTransform | None = None
    lacks_values: bool = False
    known: tuple[PriorKnowledge, ...] = ()

    @classmethod
    def of(
        cls, rows: NDArray[np.generic], weights: NDArray[np.generic] | None, origin: Array
    ) -> Self:
        """Rows about an origin; NaN among them is a missing value.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        weights : ndarray of shape (n_rows,), or None
        origin : ndarray of shape (n_features,)
        """
        scatter = np.zeros((len(origin), len(origin)))
        for start in range(0, len(rows), _TILE_ROWS):
            tile = slice(start, start + _TILE_ROWS)
            # in C order whatever the rows' own, because BLAS adds in the order of the layout
            deviations = np.subtract(rows[tile], origin, order="C")
            weighted = deviations if weights is None else deviations * weights[tile][:, None]
            scatter += weighted.T @ deviations
        total = len(rows) if weights is None else weights.sum(dtype=np.float64)
        return cls(origin, float(total), scatter, lacks_values=bool(np.isnan(scatter).any()))

    def add_known(self, moments: Moments, mixture: Parameters) -> Moments:
        """The moments of an E-step with all that is known before."""
        for known in self.known:
            moments = known.add_to(moments, mixture)
        return moments

    def __add__(self, other: "CentredScatter") -> "CentredScatter":
        """The frame of a union of rows about the same origin."""
        total_weight = self.total_weight + other.total_weight
        lacks_values = self.lacks_values or other.lacks_values
        scatter = self.scatter + other.scatter
        return replace(self, total_weight=total_weight, scatter=scatter, lacks_values=lacks_values)
