"""How alike the labels of two mixtures are."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """What pairs of rows say that share a label, or do not; noise is a label.

    Attributes
    ----------
    adjusted_rand : float
        Hubert & Arabie's (1985, J. Classif. 2) index: 1 for the same partition, about 0 by chance.
    fowlkes_mallows : float
        Of the pairs that share a label under one mixture, the share that do under the other:
        geometric mean of both (Fowlkes & Mallows 1983, J. Am. Stat. Assoc. 78).
    """

    adjusted_rand: float
    fowlkes_mallows: float

    @classmethod
    def from_table(cls, table: Array) -> Self:
        """The agreement that a contingency table shows.

        Parameters
        ----------
        table : ndarray of shape (n_labels, n_other_labels)
            Weights of the rows with each pair of labels; a weight is a number of equal rows. Those
            of another unit have to be scaled to 1 a row on average.
        """
        total = table.sum()
        both = (table**2).sum() - total
        first = (table.sum(axis=1) ** 2).sum() - total - both  # pairs that share the first only
        second = (table.sum(axis=0) ** 2).sum() - total - both
        neither = total**2 - total - both - first - second
        chance = (both + first) * (first + neither) + (both + second) * (second + neither)
        geometric = np.sqrt((both + first) * (both + second))
        return cls(
            float(2 * (both * neither - first * second) / chance) if chance > 0 else 1.0,
            float(both / geometric) if geometric > 0 else 0.0,
        )


def cross_tabulate(
    labels: NDArray[np.integer],
    others: NDArray[np.integer],
    shape: tuple[int, int],
    weights: NDArray[np.generic] | None = None,
) -> Array:
    """A contingency table of the labels of two mixtures.

    Parameters
    ----------
    labels, others : ndarray of shape (T,)
        Places of components, -1 of noise.
    shape : (int, int)
        Numbers of components.
    weights : ndarray of shape (T,), optional

    Returns
    -------
    ndarray of shape (shape[0] + 1, shape[1] + 1)
        Sums of weights; the last row and column are noise.
    """
    n_rows, n_columns = (n + 1 for n in shape)
    places = labels % n_rows * n_columns + others % n_columns  # -1 is the last
    w = None if weights is None else weights.astype(np.float64)
    return np.bincount(places, w, n_rows * n_columns).reshape(n_rows, n_columns).astype(np.float64)
