"""Densities and assignments of rows under one mixture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.mixture.kernels.assignment_kernel import AssignedTile, AssignmentKernel
from dgmm.mixture.missing_values.missing_patterns import PatternRows, group_by_pattern
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array, Indices


@dataclass(frozen=True, slots=True, eq=False)
class RowPosteriors:
    """Densities and responsibilities of T rows under a mixture.

    Attributes
    ----------
    log_density : ndarray of shape (T,), float64
        log p(x), in nats.
    responsibilities : ndarray of shape (T, n_components), float64
        Posterior probability of each component; with that of noise, rows sum to 1. Without columns
        if not asked for.
    components : tuple of int, or None
        What each component is called, not negative; None calls them by their places.
    largest : (ndarray of shape (T,), ndarray of shape (T,)), or None
        Places of the most probable components, -1 of noise, and their responsibilities; found when
        they are needed unless given.
    noise : ndarray of shape (T,), or None
        Posterior probability of noise; None of a mixture without noise.
    """

    log_density: Array
    responsibilities: Array
    components: tuple[int, ...] | None = None
    largest: tuple[Indices, Array] | None = None
    noise: Array | None = None

    @classmethod
    def empty(cls, n_rows: int, mixture: Parameters, *, with_responsibilities: bool = True) -> Self:
        """Arrays for `store` to fill, tile by tile."""
        n_columns = mixture.n_components if with_responsibilities else 0
        largest = np.empty(n_rows, np.int64), np.empty(n_rows)
        noise = None if mixture.noise is None else np.empty(n_rows)
        return cls(np.empty(n_rows), np.empty((n_rows, n_columns)), None, largest, noise)

    def store(self, tile: AssignedTile, at: NDArray[np.intp] | None = None) -> None:
        """Copy what is found of a tile of the rows to its place, or to these places."""
        index = tile.rows if at is None else at[tile.rows]
        self.log_density[index] = tile.log_density
        if self.responsibilities.shape[1]:
            self.responsibilities[index] = tile.posterior.T
        if self.largest is not None:
            places, largest = self.largest
            places[index], largest[index] = tile.places, tile.largest
        if self.noise is not None:
            self.noise[index] = tile.noise

    def store_nothing(self, at: NDArray[np.intp]) -> None:
        """Say that rows at these places have no value."""
        self.log_density[at] = np.nan
        self.responsibilities[at] = np.nan
        if self.largest is not None:
            places, largest = self.largest
            places[at], largest[at] = -1, np.nan

    @property
    def labels(self) -> NDArray[np.intp]:
        """The labels of the most probable components, shape (T,); the first one of ties.

        -1 for rows that are left out, and for those that are most probably noise.
        """
        if self.largest is not None:
            places = self.largest[0]
        else:
            places = self.responsibilities.argmax(axis=1)
            if self.noise is not None:
                places[self.noise > self.responsibilities.max(axis=1)] = -1
        return self.name_places(np.where(np.isnan(self.log_density), -1, places))

    @property
    def certainty(self) -> Array:
        """The largest responsibility of each row, or that of noise, shape (T,)."""
        if self.largest is not None:
            return self.largest[1]
        largest = self.responsibilities.max(axis=1)
        return largest if self.noise is None else np.maximum(largest, self.noise)

    @property
    def uncertainty(self) -> Array:
        """One minus the largest responsibility of each row, shape (T,)."""
        return 1.0 - self.certainty

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
        return RowPosteriors(self.log_density, merged, tuple(names), noise=self.noise)

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
        largest, noise = self.largest, self.noise
        if largest is not None:
            places, certainty = np.full(len(complete), -1), np.full(len(complete), np.nan)
            places[complete], certainty[complete] = largest
            largest = places, certainty
        if noise is not None:
            noise = np.full(len(complete), np.nan)
            noise[complete] = self.noise
        return RowPosteriors(log_density, responsibilities, self.components, largest, noise)


def assign(
    mixture: Parameters,
    rows: NDArray[np.generic],
    transform: FeatureTransform | None = None,
    *,
    may_lack: bool = False,
) -> RowPosteriors:
    """Densities and responsibilities of rows, by the centred form.

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (T, n_features)
        Any real or boolean dtype; widened to float64 tile by tile.
    transform : FeatureTransform, or None
        Of rows for the mixture; None if it is in their units. Without principal components and
        functions, if values are missing.
    may_lack : bool
        Whether NaN marks what is missing: densities are then of the values that are there, and NaN
        for rows without any.

    Returns
    -------
    RowPosteriors

    Raises
    ------
    DataError
        If a value is infinite, or NaN unless rows may lack values.
    """
    found = RowPosteriors.empty(len(rows), mixture)
    may_lack = may_lack and rows.dtype.kind == "f"
    if may_lack and np.isnan(rows).any():
        for pattern in group_by_pattern(rows):
            if pattern.is_empty:
                found.store_nothing(pattern.places)
                continue
            some = rows[pattern.places][:, pattern.features]
            for tile in marginal_kernel(mixture, transform, pattern).tiles(some):
                found.store(tile, pattern.places)
    else:
        for tile in AssignmentKernel.pack(mixture, transform).tiles(rows):
            found.store(tile)
    unknown = np.flatnonzero(~np.isfinite(found.log_density))
    values = rows[unknown].astype(np.float64)
    is_bad = np.isinf(values).any(axis=1) if may_lack else ~np.isfinite(values).all(axis=1)
    bad = unknown[is_bad]
    if len(bad):
        message = (
            f"Row {bad[0]} of a block has a value that is NaN or infinite; expected finite "
            "numbers. Remove or fill such rows."
        )
        raise DataError(message)
    return found


def marginal_kernel(
    mixture: Parameters, transform: FeatureTransform | None, pattern: PatternRows
) -> AssignmentKernel:
    """The mixture of the features that rows of a pattern have."""
    if pattern.is_complete:
        return AssignmentKernel.pack(mixture, transform)
    selected = None if transform is None else transform.select(pattern.features)
    return AssignmentKernel.pack(mixture.marginal(pattern.features.tolist()), selected)
