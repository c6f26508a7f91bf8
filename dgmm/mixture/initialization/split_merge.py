"""New starts made from fits: components taken from where one would do, put where two are needed.

Local optima of mixtures mostly differ in where the components are (Ueda, Nakano, Ghahramani &
Hinton 2000, Neural Computation 12). A component is split as if its rows were cut in two through
the mean; two are merged into the one with their moments.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dgmm.mixture.covariance_structure import Structure
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array


def split_component(
    mixture: Parameters, k: int, regularization: Regularization, rng: np.random.Generator
) -> Parameters:
    """The mixture with component k as two, the halves of its Gaussian on either side of its mean.

    The cut is across a random direction, most likely one in which the component is wide, in units
    of the features, or in those of the data where the structure is not free of them. With a the
    radius of the unit ellipsoid in that direction the halves have means mu +- sqrt(2 / pi) a and
    covariances Sigma - 2 / pi a a' (moments of the half-normal distribution).

    Parameters
    ----------
    mixture : Parameters
    k : int
    regularization : Regularization
    rng : numpy.random.Generator

    Returns
    -------
    mixture : Parameters
        The halves are the last two components.
    """
    matrix = mixture.matrices[k]
    radius = _radius(matrix, mixture.structure, regularization, rng)
    half = matrix - 2 / np.pi * np.outer(radius, radius)
    shift = np.sqrt(2 / np.pi) * radius
    kept = np.delete(np.arange(mixture.n_components), k)
    weight = 0.5 * mixture.weights[k]
    return Parameters.from_moments(
        mixture.covariance_type,
        np.append(mixture.weights[kept], [weight, weight]),
        np.vstack([mixture.means[kept], mixture.means[k] - shift, mixture.means[k] + shift]),
        np.concatenate([mixture.matrices[kept], [half, half]]),
        regularization,
    )


def drop_component(mixture: Parameters, k: int, regularization: Regularization) -> Parameters:
    """The mixture without component k; the others share its weight in proportion to theirs."""
    kept = np.delete(np.arange(mixture.n_components), k)
    return Parameters.from_moments(
        mixture.covariance_type,
        mixture.weights[kept],
        mixture.means[kept],
        mixture.matrices[kept],
        regularization,
    )


def merge_components(
    mixture: Parameters, i: int, j: int, regularization: Regularization
) -> Parameters:
    """The mixture with components i and j as one, the last, that has their common moments."""
    kept = np.delete(np.arange(mixture.n_components), [i, j])
    weight, mean, matrix = _union(mixture, i, j)
    return Parameters.from_moments(
        mixture.covariance_type,
        np.append(mixture.weights[kept], weight),
        np.vstack([mixture.means[kept], mean]),
        np.concatenate([mixture.matrices[kept], matrix[None]]),
        regularization,
    )


def merge_costs(mixture: Parameters) -> list[tuple[float, int, int]]:
    """What merging two components costs at most, in nats per unit of weight; cheapest first.

    Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, eq. 21: a bound on the divergence of the
    merged mixture.
    """
    logs = np.linalg.slogdet(mixture.matrices)[1]
    costs = []
    for i, j in combinations(range(mixture.n_components), 2):
        weight, _, matrix = _union(mixture, i, j)
        apart = mixture.weights[i] * logs[i] + mixture.weights[j] * logs[j]
        costs.append((0.5 * float(weight * np.linalg.slogdet(matrix)[1] - apart), i, j))
    return sorted(costs)


def relocations(
    mixture: Parameters,
    lost: int | None,
    regularization: Regularization,
    rng: np.random.Generator,
) -> Iterator[Parameters]:
    """Mixtures with one component gone and another one split, in random order and without end.

    Once every choice of the two has been made, they are made again with other cuts.

    Parameters
    ----------
    mixture : Parameters
    lost : int or None
        The component to do without; None tries all.
    regularization : Regularization
    rng : numpy.random.Generator
    """
    n_components = mixture.n_components
    gone = range(n_components) if lost is None else [lost]
    pairs = [(j, k) for j in gone for k in range(n_components - 1)]
    while True:
        for index in rng.permutation(len(pairs)):
            j, k = pairs[index]
            yield split_component(
                drop_component(mixture, j, regularization), k, regularization, rng
            )


def narrowest_component(mixture: Parameters, regularization: Regularization) -> int:
    """The component that is flattest in any direction, in units of the features."""
    units = np.sqrt(regularization.floor)
    scaled = mixture.matrices / np.outer(units, units)
    widths = np.linalg.eigvalsh(scaled)[:, 0]
    return int(np.argmin(np.where(mixture.weights > 0, widths, -np.inf)))


def _radius(
    matrix: Array, structure: Structure, regularization: Regularization, rng: np.random.Generator
) -> Array:
    """The vector from the centre of the unit ellipsoid to its surface in a random direction."""
    units = np.ones(len(matrix))
    if not structure.is_isotropic:
        units = np.sqrt(regularization.floor)
    scaled = matrix / np.outer(units, units)
    size = np.abs(scaled).max()
    scaled /= size
    direction = scaled @ (scaled @ rng.normal(size=len(units)))
    direction /= np.sqrt(direction @ np.linalg.solve(scaled, direction))
    return units * direction * np.sqrt(size)


def _union(mixture: Parameters, i: int, j: int) -> tuple[float, Array, Array]:
    """Weight, mean and covariance of two components taken together."""
    matrices, weights = mixture.matrices, mixture.weights
    weight = float(weights[i] + weights[j])
    share = weights[i] / weight if weight > 0 else 0.5
    apart = mixture.means[i] - mixture.means[j]
    mean = mixture.means[j] + share * apart
    within = share * matrices[i] + (1 - share) * matrices[j]
    return weight, mean, within + share * (1 - share) * np.outer(apart, apart)
