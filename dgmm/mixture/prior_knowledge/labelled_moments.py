"""Moments of the rows whose component is known, class by class."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.pooled_moments import PooledMoments
from dgmm.mixture.prior_knowledge.labelled_statistics import LabelledStatistics
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class LabelledMoments:
    """Moments of the rows of each class, and of rows without a label; the ``+`` is of all.

    Attributes
    ----------
    classes : tuple of PooledMoments
        Class k is component k.
    others : PooledMoments
        Of rows whose component is not known.
    """

    classes: tuple[PooledMoments, ...]
    others: PooledMoments

    @classmethod
    def from_rows(
        cls, rows: NDArray[np.generic], labels: NDArray[np.generic], weights: Array | None
    ) -> Self:
        """Moments of rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        labels : ndarray of shape (n_rows,)
            Integers of any dtype: the class, or -1.
        weights : ndarray of shape (n_rows,), or None
        """
        n_classes = int(labels.max(initial=-1)) + 1

        def of_class(k: int) -> PooledMoments:
            chosen = labels == k
            return PooledMoments.of(rows[chosen], None if weights is None else weights[chosen])

        return cls(tuple(of_class(k) for k in range(n_classes)), of_class(-1))

    @classmethod
    def without_labels(cls, moments: PooledMoments) -> Self:
        """Of rows of which no component is known."""
        return cls((), moments)

    def __add__(self, other: "LabelledMoments") -> "LabelledMoments":
        pairs = zip_longest(self.classes, other.classes)
        classes = tuple(b if a is None else a if b is None else a + b for a, b in pairs)
        return LabelledMoments(classes, self.others + other.others)

    @property
    def all_rows(self) -> PooledMoments:
        """Moments of all rows."""
        return sum(self.classes, self.others)

    @property
    def weights(self) -> tuple[float, ...]:
        """Total weight of each class."""
        return tuple(moments.total_weight for moments in self.classes)

    def transform(self, transform: FeatureTransform) -> "LabelledMoments":
        """The same after the linear part of a transform, of whose functions these moments are."""

        def one(moments: PooledMoments) -> PooledMoments:
            deviation = (moments.mean - transform.mean + moments.mean_low) / transform.scale
            mean = deviation if transform.axes is None else transform.axes @ deviation
            scatter = transform.scatter(moments.scatter)
            return PooledMoments(moments.total_weight, mean, np.zeros_like(mean), scatter)

        return LabelledMoments(tuple(map(one, self.classes)), one(self.others))

    def about(self, origin: Array) -> LabelledStatistics:
        """What EM needs of the classes, relative to an origin (n_features,)."""
        return LabelledStatistics(
            np.array(self.weights),
            np.stack([shifted_mean(moments, origin) for moments in self.classes]),
            np.stack([moments.scatter for moments in self.classes]),
            self.others.total_weight,
        )


def shifted_mean(moments: PooledMoments, origin: Array) -> Array:
    """The mean relative to an origin."""
    shift: Array = (moments.mean - origin) + moments.mean_low
    return shift
