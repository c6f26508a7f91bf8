"""Rows that a mixture assigns, tile by tile: densities, distances and responsibilities.

The centred form is used throughout: it loses no digits, and without sums of second moments it is
no more work than an E-step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array, Indices

_TILE_NUMBERS = 1 << 19  # responsibilities
_TILE_ROWS = (256, 4096)
_CACHED_NUMBERS = 1 << 15  # of what is worked on at a time
_CACHED_ROWS = (64, 512)


@dataclass(frozen=True, slots=True, eq=False)
class AssignedTile:
    """Some rows under a mixture of K components; the next tile overwrites it.

    Attributes
    ----------
    rows : slice
        Which of all rows these T are.
    x : ndarray of shape (T, n_features)
        In the units of the data.
    distances, posterior : ndarray of shape (K, T)
        Squared Mahalanobis distances; responsibilities.
    log_density : ndarray of shape (T,)
        In nats; not finite where values are not, or are too large.
    places, largest : ndarray of shape (T,)
        The most probable components, the first of ties and -1 of noise, and their responsibilities.
    noise : ndarray of shape (T,), or None
        Responsibilities of noise.
    peaks : ndarray of shape (K,)
        Logs of weight times density in the middle of each component.
    loops : module
        What worked on it.
    """

    rows: slice
    x: Array
    distances: Array
    posterior: Array
    log_density: Array
    places: Indices
    largest: Array
    noise: Array | None
    peaks: Array
    loops: ModuleType

    def sum_entropies(self, shares: Array) -> Array:
        """Sums of -log r, by ``shares`` of weight times responsibility, shape (K,)."""
        entropies = np.empty(len(shares))
        self.loops.sum_entropies(shares, self.distances, self.log_density, self.peaks, entropies)
        return entropies


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentKernel:
    """A mixture laid out for the assignment of rows.

    Attributes
    ----------
    means : ndarray of shape (K, n_axes)
    factors : ndarray of shape (K, n_axes, n_axes) or (1, n_axes, n_axes), or (K, 1, n_axes)
        Transposed factors of the precisions, of each component or of all; or their diagonals.
    is_diagonal : bool
    peaks : ndarray of shape (K,)
    noise : Noise, or None
    transform : FeatureTransform, or None
        Of rows for the mixture.
    """

    means: Array
    factors: Array
    is_diagonal: bool
    peaks: Array
    noise: Noise | None
    transform: FeatureTransform | None

    @classmethod
    def pack(cls, mixture: Parameters, transform: FeatureTransform | None = None) -> Self:
        """Lay out a mixture.

        Parameters
        ----------
        mixture : Parameters
        transform : FeatureTransform, or None
            Of rows for the mixture; None if it is in their units.
        """
        structure, chosen = mixture.structure, mixture.precisions_cholesky
        if structure.is_diagonal:
            factors = structure.variances(chosen, *mixture.means.shape)[:, None, :]
        else:
            n_matrices = 1 if structure.is_shared else mixture.n_components
            factors = mixture.factor_matrices[:n_matrices].transpose(0, 2, 1)
        # copies, because what came over the network may be read-only and unaligned
        means, factors = np.array(mixture.means, order="C"), np.array(factors, order="C")
        peaks, noise = np.array(mixture.log_peaks), mixture.noise
        return cls(means, factors, structure.is_diagonal, peaks, noise, transform)

    def tiles(self, rows: NDArray[np.generic]) -> Iterator[AssignedTile]:
        """All rows, one tile after the other.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            Of any real or boolean dtype; widened to float64 tile by tile.
        """
        n_rows, (n_components, n_axes) = len(rows), self.means.shape
        size = min(_clip(_TILE_NUMBERS // n_components, _TILE_ROWS), max(n_rows, 1))
        cached_rows = _clip(_CACHED_NUMBERS // (3 * n_axes + n_components), _CACHED_ROWS)
        loops = loops_for(n_rows, n_components)
        slab = np.empty((size, rows.shape[1]))
        matrices, vectors = np.empty((2, n_components * size)), np.empty((2, size))
        places = np.empty(size, np.int64)
        for start in range(0, n_rows, size):
            tile = slice(start, min(start + size, n_rows))
            n = tile.stop - start
            x = slab[:n]
            x[...] = rows[tile]
            z = x if self.transform is None else np.ascontiguousarray(self.transform.apply(x.T).T)
            distances, posterior = (
                m[: n_components * n].reshape(n_components, n) for m in matrices
            )
            found = (distances, posterior, vectors[0, :n], places[:n], vectors[1, :n])
            loops.assign(
                z, self.means, self.factors, self.is_diagonal, self.peaks, cached_rows, *found
            )
            noise = None if self.noise is None else _give_to_noise(self.noise, *found[1:])
            yield AssignedTile(tile, x, *found, noise, self.peaks, loops)


def _give_to_noise(
    noise: Noise, posterior: Array, log_density: Array, places: Indices, largest: Array
) -> Array:
    """Change what is found of rows to what it is beside noise; the responsibilities of noise."""
    total = np.logaddexp(log_density, noise.log_peak)
    of_noise: Array = np.exp(noise.log_peak - total)
    left = np.exp(log_density - total)
    posterior *= left
    largest *= left
    log_density[...] = total
    is_noise = of_noise > largest
    places[is_noise], largest[is_noise] = -1, of_noise[is_noise]
    return of_noise


def _clip(n_rows: int, limits: tuple[int, int]) -> int:
    return int(np.clip(n_rows - n_rows % 8, *limits))
