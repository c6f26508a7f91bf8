"""Two components in place of one: a fit to the rows of that component alone.

While all other responsibilities stay as they are, EM's lower bound on the log-likelihood (Neal &
Hinton 1998, in Learning in Graphical Models) rises by what a mixture of two Gaussians fits the
weighted rows of a component better than one Gaussian does. So the gain of a split is known from
below without a pass over all components.

All arithmetic is in whitened coordinates, in which the component is N(0, I).
"""

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.initialization import cuts
from dgmm.mixture.initialization.split import NEEDLESS_SPLIT, NO_SPLIT, Split
from dgmm.mixture.kernels.expanded_kernel import LinearTerms
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_SCHEDULE = ((2, 2), (2, 1))  # steps of EM, and how many pairs then go on
_MOST_STEPS = 8
_FEW_ROWS, _ROWS_PER_PARAMETER = 1 << 11, 8  # by which one of the cuts is chosen
_TIMES_MORE, _LAST_STEPS = 4, 2  # rows on which EM goes on, and steps on all rows after these
_SETTLED = 0.02  # of the gain so far: a local fit that gains less in a step is done
_LEAST_SHARE = 1e-6  # of the weight: what is left of less by a difference is rounding
_LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-9  # of unit variance
_FARTHEST = 1e6  # squared distance: beyond, rounding makes more of covariances than the ridge
_TINY = float(np.finfo(np.float64).tiny)


def split_component(
    mixture: Parameters,
    k: int,
    rows: Array,
    weights: Array,
    min_rows: float,
    rng: np.random.Generator,
    loops: ModuleType | None = None,
) -> Split:
    """The best of several local fits of two components to the rows of component ``k``.

    A component that looks Gaussian is not split, nor one so narrow that its rows lie far outside
    of it.

    Parameters
    ----------
    mixture : Parameters
    k : int
    rows : ndarray of shape (m, n_features)
        Rows of which the component takes a part worth counting.
    weights : ndarray of shape (m,)
        That part, times the sample weight.
    min_rows : float
        Weight on which each of the two must stand.
    rng : numpy.random.Generator
    loops : module, optional
        Unless given, :func:`dgmm.mixture.kernels.tiling.loops_for` the rows.
    """
    factor = mixture.factor_matrices[k]
    z = np.ascontiguousarray((rows - mixture.means[k]) @ factor)
    local = LocalRows(mixture.structure.local_kind, z, weights, min_rows, loops)
    if local.total < 2 * min_rows or local.is_far:
        return NO_SPLIT
    if local.looks_gaussian:
        return NEEDLESS_SPLIT
    n_few = max(_FEW_ROWS, int(_ROWS_PER_PARAMETER * min_rows))
    few, more = local.thin(n_few), local.thin(_TIMES_MORE * n_few)
    starts = few.two_sides(cuts.propose_cuts(few.centred, few.weights, rng))
    pair = None if starts is None else few.choose(starts)
    found = None if pair is None else more.fit(pair)
    if found is not None and more is not local:
        found = local.fit(found[1], _LAST_STEPS)
    if found is None:
        return NO_SPLIT
    log_likelihood, halves = found
    back = np.linalg.inv(factor)
    return Split(
        log_likelihood - local.log_likelihood_of_one(),
        halves.shares,
        mixture.means[k] + halves.means @ back,
        back.T @ halves.covariances @ back,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Components in pairs; each pair is a mixture of two.

    Attributes
    ----------
    shares : ndarray of shape (C,)
        Sum to 1 in each pair.
    means : ndarray of shape (C, d)
    covariances : ndarray of shape (C, d, d)
    """

    shares: Array
    means: Array
    covariances: Array

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return len(self.shares) // 2

    def select(self, chosen: NDArray[np.intp]) -> "Pairs":
        """Some of the pairs."""
        part = (2 * chosen[:, None] + np.arange(2)).ravel()
        return Pairs(self.shares[part], self.means[part], self.covariances[part])

    def where(self, sound: NDArray[np.bool_], other: "Pairs") -> "Pairs":
        """These pairs where they are sound, others elsewhere."""
        each = np.repeat(sound, 2)
        return Pairs(
            np.where(each, self.shares, other.shares),
            np.where(each[:, None], self.means, other.means),
            np.where(each[:, None, None], self.covariances, other.covariances),
        )


@dataclass(eq=False)
class LocalRows:
    """Weighted rows of a component, in its whitened coordinates.

    Attributes
    ----------
    kind : str
        What local covariances may be: ``"full"``, ``"diag"``, ``"spherical"``, or ``"fixed"``,
        which is the unit matrix.
    z : ndarray of shape (m, d)
    weights : ndarray of shape (m,)
    min_rows : float
        Weight on which a component must stand.
    loops : module, or None
        Of the kernel; None leaves them to the shape of the rows.
    """

    kind: str
    z: Array
    weights: Array
    min_rows: float
    loops: ModuleType | None = None

    @cached_property
    def total(self) -> float:
        """Sum of weights."""
        return float(self.weights.sum())

    @property
    def is_far(self) -> bool:
        """Whether rows are too far from the origin for second moments about the mean."""
        return not np.einsum("ij,ij->i", self.z, self.z).max() < _FARTHEST

    @cached_property
    def mean(self) -> Array:
        """Weighted mean, shape (d,)."""
        return self.weights @ self.z / self.total

    @cached_property
    def centred(self) -> Array:
        """Rows about their mean."""
        return self.z - self.mean

    @cached_property
    def covariance(self) -> Array:
        """Weighted covariance, shape (d, d)."""
        return (self.centred.T * self.weights) @ self.centred / self.total

    @cached_property
    def looks_gaussian(self) -> bool:
        """Whether moments up to the fourth are those of a Gaussian of this kind, but for chance."""
        return cuts.looks_gaussian(self.centred, self.weights, self.covariance, self.kind)

    def log_likelihood_of_one(self) -> float:
        """Log-likelihood of one Gaussian, in nats."""
        d = len(self.mean)
        fitted = _constrain(self.kind, self.covariance[None])[0]
        trace = np.trace(self.covariance) if self.kind == "fixed" else d
        return float(-0.5 * self.total * (d * _LOG_2PI + np.linalg.slogdet(fitted)[1] + trace))

    def two_sides(self, sides: list[NDArray[np.bool_]]) -> Pairs | None:
        """The rows on both sides of each cut as a pair, with covariances shrunk towards I."""
        d = len(self.mean)
        second = self.covariance + np.outer(self.mean, self.mean)
        counts, sums, squares = [], [], []
        for side in sides:
            w, z = self.weights[side], self.z[side]
            n, first, scatter = w.sum(), w @ z, (z.T * w) @ z
            least = max(min(self.min_rows, d + 2), _LEAST_SHARE * self.total)
            if min(n, self.total - n) >= least:
                counts += [n, self.total - n]
                sums += [first, self.total * self.mean - first]
                squares += [scatter, self.total * second - scatter]
        if not counts:
            return None
        n_rows = np.array(counts)
        means = np.stack(sums) / n_rows[:, None]
        scatters = np.stack(squares) - n_rows[:, None, None] * _outer(means)
        shrunk = (scatters + (d + 2) * np.eye(d)) / (n_rows + d + 2)[:, None, None]
        return Pairs(n_rows / self.total, means, _constrain(self.kind, shrunk))

    def thin(self, n_rows: int) -> "LocalRows":
        """Every so manieth row, at least as many as these if there are."""
        step = max(1, len(self.z) // n_rows)
        if step == 1:
            return self
        z, weights = np.ascontiguousarray(self.z[::step]), self.weights[::step].copy()
        return LocalRows(self.kind, z, weights, self.min_rows / step, self.loops)

    def choose(self, pairs: Pairs) -> Pairs | None:
        """The pair that is most likely after a few steps of EM, of which fewer and fewer go on."""
        for n_steps, n_kept in _SCHEDULE:
            scores = np.full(pairs.n_pairs, -np.inf)
            for _ in range(n_steps):
                values, moved, sound = self._step(pairs)
                scores = np.where(sound, values, -np.inf)
                pairs = moved.where(sound, pairs)
            order = np.argsort(-scores, kind="stable")[:n_kept]
            if not np.isfinite(scores[order[0]]):
                return None
            pairs = pairs.select(order)
        return pairs

    def fit(self, pairs: Pairs, n_steps: int = _MOST_STEPS) -> tuple[float, Pairs] | None:
        """EM from one pair: its log-likelihood, and the pair that has it."""
        one, last = self.log_likelihood_of_one(), -np.inf
        for _ in range(n_steps):
            values, moved, sound = self._step(pairs)
            if not sound[0]:
                return None
            if values[0] - last < _SETTLED * max(values[0] - one, 1.0):
                break
            last, pairs = float(values[0]), moved
        return float(values[0]), pairs

    def _step(self, pairs: Pairs) -> tuple[Array, Pairs, NDArray[np.bool_]]:
        """Likelihoods of all pairs, pairs after one step of EM, and which stand on enough rows."""
        d = len(self.mean)
        theta = _natural_parameters(self.kind, pairs)
        stops = tuple(range(2, len(theta) + 1, 2))
        terms = LinearTerms(_order(self.kind), theta, stops)
        sums, values = terms.evaluate(self.z, self.weights, self.loops)
        counts = sums[0]
        sound = (counts >= self.min_rows).reshape(-1, 2).all(axis=1)
        divisor = np.maximum(counts, _TINY)
        means, second = sums[1 : 1 + d].T / divisor[:, None], sums[1 + d :].T / divisor[:, None]
        if _order(self.kind) == feature_map.CROSSES:
            squares = feature_map.unpack_symmetric(second, d)
        else:
            squares = second[:, :, None] * np.eye(d)
        spread = _constrain(self.kind, squares - _outer(means)) + _RIDGE * np.eye(d)
        return values, Pairs(counts / self.total, means, spread), sound


def _outer(vectors: Array) -> Array:
    return vectors[:, :, None] * vectors[:, None, :]


def _constrain(kind: str, covariances: Array) -> Array:
    """The nearest covariances of a kind, shape (C, d, d)."""
    d = covariances.shape[-1]
    if kind == "full":
        return covariances
    if kind == "fixed":
        return np.broadcast_to(np.eye(d), covariances.shape).copy()
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if kind == "spherical":
        variances = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    return variances[:, :, None] * np.eye(d)


def _natural_parameters(kind: str, pairs: Pairs) -> Array:
    """The theta of theta . phi(z) = log(share N(z | mean, covariance)), shape (C, p)."""
    d = pairs.means.shape[1]
    if kind == "full":
        precisions = np.linalg.inv(pairs.covariances).astype(np.float64, copy=False)
        log_determinants = np.linalg.slogdet(pairs.covariances)[1]
    else:
        variances = np.diagonal(pairs.covariances, axis1=1, axis2=2)
        precisions = (1 / variances)[:, :, None] * np.eye(d)
        log_determinants = np.log(variances).sum(axis=1)
    linear = np.einsum("kij,kj->ki", precisions, pairs.means)
    constant = np.log(np.maximum(pairs.shares, _TINY)) - 0.5 * (
        d * _LOG_2PI + log_determinants + (linear * pairs.means).sum(axis=1)
    )
    quadratic = -feature_map.pack_symmetric(precisions)
    quadratic[:, :d] *= 0.5
    theta = np.concatenate([constant[:, None], linear, quadratic], axis=1)
    return np.ascontiguousarray(theta[:, : feature_map.length(_order(kind), d)])


def _order(kind: str) -> int:
    """The prefix of the feature map that components of a kind need."""
    return feature_map.CROSSES if kind == "full" else feature_map.SQUARES
