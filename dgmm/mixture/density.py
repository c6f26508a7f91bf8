"""Densities and assignments of rows under one mixture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.mixture.kernels import centred_kernel
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_TILE_ROWS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class RowPosteriors:
    """Densities and responsibilities of T rows under a mixture.

    Attributes
    ----------
    log_density : ndarray of shape (T,), float64
        log p(x), in nats.
    responsibilities : ndarray of shape (T, n_components), float64
        Posterior probability of each component; rows sum to 1.
    components : tuple of int, or None
        What each component is called, not negative; None calls them by their places.
    """

    log_density: Array
    responsibilities: Array
    components: tuple[int, ...] | None = None

    @property
    def labels(self) -> NDArray[np.intp]:
        """The labels of the most probable components, shape (T,); the first one of ties.

        -1 for rows that are left out.
        """
        places = self.responsibilities.argmax(axis=1)
        places[np.isnan(self.log_density)] = -1
        return self.name_places(places)

    @property
    def uncertainty(self) -> Array:
        """One minus the largest responsibility of each row, shape (T,)."""
        return 1.0 - self.responsibilities.max(axis=1)

    def name_places(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """What the components at some places are called; -1 stays."""
        if self.components is None:
            return places
        return np.array((*self.components, -1))[places]

    def most_probable(self, m: int) -> NDArray[np.intp]:
        """The places of each row's m most probable components, largest first, shape (T, m)."""
        order = np.argsort(-self.responsibilities, axis=1, kind="stable")[:, :m]
        order[np.isnan(self.log_density)] = -1
        return order

    def merge(self, clusters: Sequence[int]) -> "RowPosteriors":
        """The same of clusters of components, in the order of their names.

        Parameters
        ----------
        clusters : sequence of int
            What the cluster of each component is called.
        """
        names = sorted(set(clusters))
        merged = np.zeros((len(self.responsibilities), len(names)))
        for cluster, r in zip(clusters, self.responsibilities.T, strict=True):
            merged[:, names.index(cluster)] += r
        return RowPosteriors(self.log_density, merged, tuple(names))

    def log_likelihood(self, weights: NDArray[np.generic] | None) -> float:
        """Weighted sum of the log densities."""
        if weights is None:
            return float(self.log_density.sum())
        return float(weights.astype(np.float64) @ self.log_density)

    def spread(self, complete: NDArray[np.bool_]) -> "RowPosteriors":
        """The same with NaN in the places of rows that were left out.

        Parameters
        ----------
        complete : ndarray of shape (n_rows,), bool
            Where the T rows lie.
        """
        log_density = np.full(len(complete), np.nan)
        responsibilities = np.full((len(complete), self.responsibilities.shape[1]), np.nan)
        log_density[complete] = self.log_density
        responsibilities[complete] = self.responsibilities
        return RowPosteriors(log_density, responsibilities, self.components)


def assign(
    mixture: Parameters, rows: NDArray[np.generic], transform: FeatureTransform | None = None
) -> RowPosteriors:
    """Densities and responsibilities of rows, by the centred form.

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (T, n_features)
        Any real or boolean dtype; widened to float64 tile by tile.
    transform : FeatureTransform, or None
        Of rows for the mixture; None if it is in their units.

    Returns
    -------
    RowPosteriors

    Raises
    ------
    DataError
        If a value is NaN or infinite.
    """
    n_rows = len(rows)
    loops = loops_for(n_rows, mixture.n_components)
    log_density = np.empty(n_rows)
    responsibilities = np.empty((n_rows, mixture.n_components))
    for start in range(0, n_rows, _TILE_ROWS):
        tile = slice(start, start + _TILE_ROWS)
        x = np.ascontiguousarray(rows[tile].T.astype(np.float64))
        if not np.isfinite(x).all():
            row = start + int(np.flatnonzero(~np.isfinite(x).all(axis=0))[0])
            message = (
                f"Row {row} of a block has a value that is NaN or infinite; expected finite "
                "numbers. Remove or fill such rows."
            )
            raise DataError(message)
        if transform is not None:
            x = transform.apply(x)
        logits, _ = centred_kernel.log_densities(mixture, x)
        log_total, scale = np.empty((2, logits.shape[1]))
        loops.softmax(logits, np.ones_like(scale), log_density[tile], log_total, scale)
        responsibilities[tile] = logits.T
    return RowPosteriors(log_density, responsibilities)
