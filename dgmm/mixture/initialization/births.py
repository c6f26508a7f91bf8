"""Components for rows that a mixture hardly expects.

Of n rows the m that are least likely under a mixture p are known. With one more component N of
share w the density is (1 - w) p + w N, so that the log-likelihood rises by at least

    sum over the m rows of log((1 - w) + w N / p)  +  (n - m) log(1 - w),

whatever the other rows are. EM on the m rows, with p as it is, climbs this bound (components for
rows of low density: Fraley, Raftery & Wehrens 2005, J. Comput. Graph. Stat. 14).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.kernels.least_likely import LeastLikelyRows
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

_CENTRES = 256  # rows about which a component is tried
_TRIED = 3  # places, the best
_STEPS = 30
_SETTLED = 1e-2  # nats

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Birth:
    """A component beside those of a mixture.

    Attributes
    ----------
    gain : float
        Log-likelihood that it gains at least, in nats, the d + 1 rows that gain most not counted.
    share : float
        Its weight; the others keep the rest.
    mean : ndarray of shape (n_features,)
    matrix : ndarray of shape (n_features, n_features)
        Covariance.
    """

    gain: float
    share: float
    mean: Array
    matrix: Array


def add_births(
    mixture: Parameters, births: Sequence[Birth], regularization: Regularization
) -> Parameters:
    """The mixture with components more, which take their shares of all others alike."""
    shares = np.array([birth.share for birth in births])
    return Parameters.from_moments(
        mixture.covariance_type,
        np.concatenate([mixture.weights * (1 - shares.sum()), shares]),
        np.concatenate([mixture.means, [birth.mean for birth in births]]),
        np.concatenate([mixture.matrices, [birth.matrix for birth in births]]),
        regularization,
        mixture.noise,
    )


@dataclass(eq=False)
class UnlikelyRows:
    """The least likely rows of a mixture, among which components are looked for.

    Attributes
    ----------
    mixture : Parameters
    tail : LeastLikelyRows
        Of the mixture.
    n_rows : float
        The weight of all rows, in the unit of the tail's weights.
    least_rows : float
        Weight on which a component must stand.
    least_gain : float
        Log-likelihood that it must gain, in nats.
    regularization : Regularization
    """

    mixture: Parameters
    tail: LeastLikelyRows
    n_rows: float
    least_rows: float
    least_gain: float
    regularization: Regularization

    def find_births(self, most: int) -> list[Birth]:
        """At most so many components, each of what the earlier ones leave."""
        background, births = self.tail.log_densities, list[Birth]()
        while len(births) < most:
            tried = [self._climb(place, background) for place in self._dense_places(background)]
            found = [pair for pair in tried if pair is not None]
            if not found:
                break
            birth, background = max(found, key=lambda pair: pair[0].gain)
            births.append(birth)
        return births

    @cached_property
    def _neighbours(self) -> Places:
        """The rows about each of some, (n_centres, n_neighbours); the first is the centre."""
        rows, size = self.tail.rows, int(np.ceil(self.least_rows)) + 1
        if len(rows) < size:
            return np.empty((0, size), dtype=np.intp)
        pooled = np.einsum("k,kij->ij", self.mixture.weights, self.mixture.matrices)
        z = np.linalg.solve(np.linalg.cholesky(pooled), rows.T).T
        centres = np.arange(0, len(rows), max(1, len(rows) // _CENTRES))
        squares = np.einsum("ij,ij->i", z, z)
        distances = squares - 2 * z[centres] @ z.T
        distances[np.arange(len(centres)), centres] = -np.inf
        return np.argpartition(distances, (0, size - 1), axis=1)[:, :size]

    def _dense_places(self, background: Array) -> list[Places]:
        """The neighbourhoods in which a Gaussian of their moments would gain most.

        The median of what their rows gain decides: one error gains more than a cluster of rows.
        """
        near, rows = self._neighbours, self.tail.rows
        if not len(near):
            return []
        means = rows[near].mean(axis=1)
        deviations = rows[near] - means[:, None]
        matrices = deviations.transpose(0, 2, 1) @ deviations / near.shape[1]
        share = self.tail.weights[near].sum(axis=1) / self.n_rows
        constants, factors = self._gaussians(means, matrices)
        squares = np.square(deviations @ factors).sum(axis=2)
        gains = (np.log(share) + constants)[:, None] - 0.5 * squares - background[near]
        values = np.median(gains, axis=1)
        places: list[Places] = []
        for index in np.argsort(-values, kind="stable"):
            if len(places) == _TRIED or not values[index] > 0:
                break
            if not any(near[index, 0] in place for place in places):
                places.append(near[index])
        return places

    def _climb(self, place: Places, background: Array) -> tuple[Birth, Array] | None:
        """A component after EM from some rows, and the log densities of all with it.

        None if it loses its rows or gains too little.
        """
        weights, rows, d = self.tail.weights, self.tail.rows, self.tail.rows.shape[1]
        r = np.zeros(len(rows))
        r[place] = 1.0
        last = -np.inf
        for _ in range(_STEPS):
            taken = weights * r
            count = taken.sum()
            if not self.least_rows <= count < self.n_rows:
                return None
            mean = taken @ rows / count
            deviations = rows - mean
            matrix = (deviations.T * taken) @ deviations / count
            constants, factors = self._gaussians(mean[None], matrix[None])
            share = count / self.n_rows
            squares = np.square(deviations @ factors[0]).sum(axis=1)
            own = np.log(share) + constants[0] - 0.5 * squares
            density = np.logaddexp(background + np.log1p(-share), own)
            r = np.exp(own - density)
            gains = weights * (density - background)
            value = gains.sum() + (self.n_rows - weights.sum()) * np.log1p(-share)
            if value - last < _SETTLED:
                break
            last = value
        gain = float(value - np.sort(gains)[-(d + 1) :].sum())
        if not gain > self.least_gain:
            return None
        inverse = np.linalg.inv(factors[0])
        return Birth(gain, float(share), mean, inverse.T @ inverse), density

    def _gaussians(self, means: Array, matrices: Array) -> tuple[Array, Array]:
        """Log densities at their means, and precision factors, of the mixture's structure."""
        mixture, n = self.mixture, len(means)
        if mixture.structure.local_kind == "fixed":
            factors = np.broadcast_to(mixture.factor_matrices[0], matrices.shape)
            return np.full(n, mixture.log_peaks[0] - np.log(mixture.weights[0])), factors
        nearest = Parameters.from_moments(
            mixture.covariance_type, np.ones(n), means, matrices, self.regularization
        )
        return nearest.log_peaks + np.log(n), nearest.factor_matrices
