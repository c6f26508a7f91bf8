"""Components moved from where one would do to where two are needed.

Local optima of mixtures mostly differ in where the components are. What splitting one component
gains and what merging two loses are both bounded by EM's own lower bound, so that they can be
compared: a split is made with the cheapest merge that loses less than it gains (after Ueda, Nakano,
Ghahramani & Hinton 2000, Neural Computation 12).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dgmm.mixture.initialization.split import Split
from dgmm.mixture.kernels.tiling import loops_for
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array, Indices

_LOG_2PI = float(np.log(2 * np.pi))
_TINY = float(np.finfo(np.float64).tiny)
_PAIRS_PER_COMPONENT = 3
_NEARLY = 0.01  # of a standard deviation


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What a mixture says of rows in memory.

    Attributes
    ----------
    responsibilities : ndarray of shape (K, n)
    log_density : ndarray of shape (n,)
        In nats.
    weights : ndarray of shape (n,)
        Of the rows.
    """

    responsibilities: Array
    log_density: Array
    weights: Array


@dataclass(frozen=True, slots=True)
class Merge:
    """Components ``i`` and ``j`` as one; ``loss`` is the most it loses, in nats."""

    loss: float
    i: int
    j: int

    @property
    def components(self) -> tuple[int, ...]:
        """Those that it replaces."""
        return self.i, self.j


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """A merge, and the split of component ``k`` that it makes room for."""

    merge: Merge
    k: int
    split: Split

    @property
    def gain(self) -> float:
        """The least that it gains, in nats."""
        return self.split.gain - self.merge.loss

    @property
    def components(self) -> tuple[int, ...]:
        """Those that it replaces."""
        return self.merge.i, self.merge.j, self.k


def pool_pairs(mixture: Parameters, i: Indices, j: Indices) -> tuple[Array, Array, Array]:
    """Weights, means and covariance matrices of pairs of components taken together."""
    matrices, weights = mixture.matrices, mixture.weights
    weight = weights[i] + weights[j]
    share = np.where(weight > 0, weights[i] / np.maximum(weight, _TINY), 0.5)
    apart = mixture.means[i] - mixture.means[j]
    mean = mixture.means[j] + share[:, None] * apart
    s = share[:, None, None]
    between = apart[:, :, None] * apart[:, None, :]
    return weight, mean, s * matrices[i] + (1 - s) * matrices[j] + s * (1 - s) * between


def cheapest_merges(mixture: Parameters, posterior: Posterior) -> list[Merge]:
    """The merges that lose least, cheapest first.

    With s = r_i + r_j and p the density of the mixture, merging loses at most

        sum s log(s p) - n log w + n / 2 (d log 2 pi + log |S| + tr S^-1 M),

    n, M and w being what the two have together and S the covariance of their structure that is
    nearest to M. Pairs are preselected by the bound of Runnalls 2007 (IEEE Trans. Aerosp. Electron.
    Syst. 43, eq. 21).

    Parameters
    ----------
    mixture : Parameters
    posterior : Posterior
        Of the mixture.
    """
    i, j = _likely_pairs(mixture, _PAIRS_PER_COMPONENT * mixture.n_components)
    r, w = np.ascontiguousarray(posterior.responsibilities), posterior.weights
    counts, densities = r @ w, r @ (w * posterior.log_density)
    n = counts[i] + counts[j]
    entropy = np.zeros(len(i))
    pairs = np.ascontiguousarray(np.stack([i, j], axis=1))
    loops_for(len(w), len(r)).add_pair_entropies(r, w, pairs, entropy)
    weight, _, matrix = pool_pairs(mixture, i, j)
    spread = mixture.n_features * _LOG_2PI + _spreads(mixture, matrix)
    one = n * np.log(np.maximum(weight, _TINY)) - 0.5 * n * spread
    losses = densities[i] + densities[j] - entropy - one
    found = list(map(Merge, losses.tolist(), i.tolist(), j.tolist()))
    return sorted(found, key=lambda merge: (merge.loss, merge.i, merge.j))


def choose_moves(splits: Sequence[Split], merges: Sequence[Merge], most: int) -> list[Move]:
    """Moves that gain, of disjoint components: the splits that gain most, each with a cheap merge.

    Parameters
    ----------
    splits : sequence of Split
        Of each component.
    merges : sequence of Merge
        Cheapest first.
    most : int
        Number of moves.
    """
    used: set[int] = set()
    moves: list[Move] = []
    for k in sorted(range(len(splits)), key=lambda k: -splits[k].gain):
        free = (m for m in merges if not {m.i, m.j, k} & used and k not in (m.i, m.j))
        merge = next(free, None)
        if merge is None or len(moves) == most or splits[k].gain <= merge.loss:
            continue
        moves.append(Move(merge, k, splits[k]))
        used |= {merge.i, merge.j, k}
    return moves


def disjoint_merges(merges: Sequence[Merge], most: int) -> list[Merge]:
    """The cheapest merges of components that occur once."""
    used: set[int] = set()
    chosen: list[Merge] = []
    for merge in merges:
        if len(chosen) < most and not {merge.i, merge.j} & used:
            chosen.append(merge)
            used |= {merge.i, merge.j}
    return chosen


def halve(mixture: Parameters, k: int) -> Split:
    """Component ``k`` as two that are nearly the same, on either side of its mean.

    Their common moments are those of the component, so that the likelihood hardly changes.
    """
    matrix = mixture.matrices[k]
    values, vectors = np.linalg.eigh(matrix)
    shift = _NEARLY * np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
    means = np.stack([mixture.means[k] - shift, mixture.means[k] + shift])
    half = matrix - np.outer(shift, shift)
    return Split(0.0, np.array([0.5, 0.5]), means, np.stack([half, half]))


def cut_in_half(mixture: Parameters, k: int, rng: np.random.Generator) -> Split:
    """Component ``k`` as the halves of its Gaussian on either side of its mean.

    The cut is across a random direction, most likely one in which the component is wide. With a the
    radius of the unit ellipsoid there the halves have means mu +- sqrt(2 / pi) a and covariances
    S - 2 / pi a a' (moments of the half-normal distribution). What that gains is not known.
    """
    matrix = mixture.matrices[k]
    direction = matrix @ rng.normal(size=len(matrix))
    radius = direction / np.sqrt(direction @ np.linalg.solve(matrix, direction))
    shift = np.sqrt(2 / np.pi) * radius
    half = matrix - 2 / np.pi * np.outer(radius, radius)
    means = np.stack([mixture.means[k] - shift, mixture.means[k] + shift])
    return Split(0.0, np.array([0.5, 0.5]), means, np.stack([half, half]))


def drop_component(mixture: Parameters, k: int, regularization: Regularization) -> Parameters:
    """The mixture without component ``k``; the others share its weight in proportion to theirs."""
    kept = np.delete(np.arange(mixture.n_components), k)
    parts = mixture.weights[kept], mixture.means[kept], mixture.matrices[kept]
    return Parameters.from_moments(mixture.covariance_type, *parts, regularization, mixture.noise)


def narrowest_component(mixture: Parameters, regularization: Regularization) -> int:
    """The component that is flattest in any direction, or empty; in units of the features."""
    units = np.sqrt(regularization.floor)
    widths = np.linalg.eigvalsh(mixture.matrices / np.outer(units, units))[:, 0]
    return int(np.argmin(np.where(mixture.weights > 0, widths, -np.inf)))


def apply_changes(
    mixture: Parameters,
    merges: Sequence[Merge],
    splits: Sequence[tuple[int, Split]],
    regularization: Regularization,
    dropped: Sequence[int] = (),
) -> Parameters:
    """The mixture with some pairs merged, some components split and some left out.

    Parameters
    ----------
    mixture : Parameters
    merges : sequence of Merge
    splits : sequence of (int, Split)
        Components, and what replaces them.
    regularization : Regularization
    dropped : sequence of int
        The others share their weight in proportion to theirs.

    Returns
    -------
    mixture : Parameters
        Untouched components first, then merged ones, then split ones.
    """
    gone = {k for merge in merges for k in (merge.i, merge.j)} | {k for k, _ in splits}
    gone |= set(dropped)
    kept = [k for k in range(mixture.n_components) if k not in gone]
    parts = [(mixture.weights[kept], mixture.means[kept], mixture.matrices[kept])]
    if merges:
        i, j = np.array([(merge.i, merge.j) for merge in merges]).T
        parts.append(pool_pairs(mixture, i, j))
    for k, split in splits:
        parts.append((mixture.weights[k] * split.shares, split.means, split.matrices))
    weights, means, matrices = (np.concatenate(part) for part in zip(*parts, strict=True))
    kind, noise = mixture.covariance_type, mixture.noise
    return Parameters.from_moments(kind, weights, means, matrices, regularization, noise)


def _likely_pairs(mixture: Parameters, most: int) -> tuple[Indices, Indices]:
    """Pairs whose merging costs little by the components' own moments."""
    i, j = (index.astype(np.int64) for index in np.triu_indices(mixture.n_components, 1))
    alone = mixture.weights * _spreads(mixture, mixture.matrices)
    weight, _, matrix = pool_pairs(mixture, i, j)
    costs = weight * _spreads(mixture, matrix) - alone[i] - alone[j]
    order = np.argsort(costs, kind="stable")[:most]
    return i[order], j[order]


def _spreads(mixture: Parameters, matrices: Array) -> Array:
    """Log |S| + tr S^-1 M for each M of (m, d, d), S being the nearest covariance of the structure.

    A structure whose components share a covariance keeps it.
    """
    d = mixture.n_features
    kind = mixture.structure.local_kind
    if kind == "full":
        return np.linalg.slogdet(matrices)[1] + d
    if kind == "fixed":
        factor = mixture.factor_matrices[0]
        log_determinant = -2 * np.linalg.slogdet(factor)[1]
        return log_determinant + np.einsum("mij,ik,jk->m", matrices, factor, factor, optimize=True)
    variances = np.diagonal(matrices, axis1=1, axis2=2)
    if kind == "spherical":
        return d * np.log(variances.mean(axis=1)) + d
    return np.log(variances).sum(axis=1) + d
