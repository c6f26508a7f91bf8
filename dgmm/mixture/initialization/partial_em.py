"""EM of the few components that a move concerns, while all others stay as they are.

The bounds of splits and merges leave neighbours as they are. Here those that overlap most with a
move's components go along with it, on the rows that they share; the density of all others is a
fixed background (partial EM: Ueda et al. 2000, Neural Computation 12). What the log-likelihood of
these rows gains, the whole mixture gains.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from dgmm.mixture import feature_map
from dgmm.mixture.initialization.moves import Merge, Move, Posterior, pool_pairs
from dgmm.mixture.kernels import expanded_kernel
from dgmm.mixture.kernels.expanded_kernel import LinearTerms
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

_LEAST_SHARE = 0.01  # of a row that the components must take for it to count
_NEIGHBOURS = 3
_SETTLED = 1e-3  # nats
_OPTIMISM = 2.0  # times what the last step gained: more than later ones gain
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How a move went.

    Attributes
    ----------
    gain : float
        Log-likelihood that it gained, in nats.
    replaced : tuple of int
        Components of the mixture that it concerned.
    local : Parameters
        What is in their place; full, with weights that sum to 1.
    share : float
        Weight of these components together.
    """

    gain: float
    replaced: tuple[int, ...]
    local: Parameters
    share: float


def try_move(
    mixture: Parameters,
    posterior: Posterior,
    overlaps: Array,
    move: Move | Merge,
    rows: Array,
    regularization: Regularization,
    n_steps: int,
    most_rows: int,
    loops: ModuleType | None = None,
) -> Trial:
    """Carry on the components of a move and their neighbours.

    Parameters
    ----------
    mixture : Parameters
    posterior : Posterior
        Of the mixture and these rows.
    overlaps : ndarray of shape (K, K)
        Sums over rows of products of two components' responsibilities.
    move : Move or Merge
        A merge alone makes a mixture with a component less.
    rows : ndarray of shape (n, n_features)
    regularization : Regularization
    n_steps : int
    most_rows : int
        More rows than these are thinned.
    loops : module, optional
        Unless given, :func:`dgmm.mixture.kernels.tiling.loops_for` the rows.
    """
    concerned = list(move.components)
    near = _neighbours(overlaps, concerned)
    replaced = (*concerned, *near)
    taken = posterior.responsibilities[list(replaced)].sum(axis=0)
    chosen = np.flatnonzero(taken > _LEAST_SHARE)
    thinning = -(-len(chosen) // most_rows)
    chosen = chosen[::thinning]
    density, weights = posterior.log_density[chosen], posterior.weights[chosen]
    background = density + np.log(np.maximum(1.0 - taken[chosen], _TINY))
    # The background is one more feature, in which its log density is linear.
    x = np.column_stack([rows[chosen], background])
    share = float(mixture.weights[list(replaced)].sum())
    local = _start(mixture, move, near, regularization)
    before, last = float(weights @ density), -np.inf
    for n_left in range(n_steps, -1, -1):
        value, moved = _step(mixture, local, share, x, weights, regularization, loops)
        pace = value - last
        is_hopeless = isinstance(move, Move) and value + _OPTIMISM * n_left * pace < before
        if moved is None or pace < _SETTLED or is_hopeless or not n_left:
            break
        local, last = moved, value
    return Trial(thinning * (value - before), replaced, local, share)


def apply_trials(
    mixture: Parameters, trials: list[Trial], regularization: Regularization
) -> Parameters:
    """The mixture after trials that concern different components."""
    gone = {k for trial in trials for k in trial.replaced}
    kept = [k for k in range(mixture.n_components) if k not in gone]
    weights = [mixture.weights[kept], *(t.share * t.local.weights for t in trials)]
    means = [mixture.means[kept], *(t.local.means for t in trials)]
    matrices = [mixture.matrices[kept], *(t.local.matrices for t in trials)]
    return Parameters.from_moments(
        mixture.covariance_type,
        np.concatenate(weights),
        np.concatenate(means),
        np.concatenate(matrices),
        regularization,
        mixture.noise,
    )


def _neighbours(overlaps: Array, concerned: list[int]) -> list[int]:
    """The components that share most rows with some others."""
    shared = overlaps[concerned].max(axis=0)
    shared[concerned] = 0.0
    order = np.argsort(-shared, kind="stable")[:_NEIGHBOURS]
    return [int(k) for k in order if shared[k] > 0]


def _start(
    mixture: Parameters, move: Move | Merge, near: list[int], regularization: Regularization
) -> Parameters:
    merge = move if isinstance(move, Merge) else move.merge
    parts = [pool_pairs(mixture, np.array([merge.i]), np.array([merge.j]))]
    if isinstance(move, Move):
        halves = mixture.weights[move.k] * move.split.shares
        parts.append((halves, move.split.means, move.split.matrices))
    parts.append((mixture.weights[near], mixture.means[near], mixture.matrices[near]))
    weights, means, matrices = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _constrain(mixture, weights, means, matrices, regularization)


def _constrain(
    mixture: Parameters,
    weights: Array,
    means: Array,
    matrices: Array,
    regularization: Regularization,
) -> Parameters:
    """Components with covariances as the mixture's structure allows, as a full mixture.

    Where all components share a covariance, it stays as it is.
    """
    if mixture.structure.local_kind == "fixed":
        matrices = np.broadcast_to(mixture.matrices[0], matrices.shape)
    else:
        kind = mixture.covariance_type
        nearest = Parameters.from_moments(kind, weights, means, matrices, regularization)
        if kind == "full":
            return nearest
        weights, means, matrices = nearest.weights, nearest.means, nearest.matrices
    return Parameters.from_moments("full", weights, means, matrices, regularization)


def _step(
    mixture: Parameters,
    local: Parameters,
    share: float,
    x: Array,
    weights: Array,
    regularization: Regularization,
    loops: ModuleType | None,
) -> tuple[float, Parameters | None]:
    """Log-likelihood, and the components after a step of EM; None where one has lost its rows."""
    k, d = local.means.shape
    order = feature_map.CROSSES
    left, right = feature_map.factors(order, d + 1)
    own = (left <= d) & (right <= d)
    theta = np.zeros((k + 1, len(own)))
    theta[:k, own] = expanded_kernel.natural_parameters([local])
    theta[:k, 0] += np.log(share)
    theta[k, d + 1] = 1.0
    sums, values = LinearTerms(order, theta, (k + 1,)).evaluate(x, weights, loops)
    sums = sums[own, :k]
    counts = sums[0]
    if not counts.min() >= d + 1:
        return float(values[0]), None
    means = sums[1 : 1 + d].T / counts[:, None]
    second = feature_map.unpack_symmetric(sums[1 + d :].T / counts[:, None], d)
    matrices = second - means[:, :, None] * means[:, None, :]
    return float(values[0]), _constrain(mixture, counts, means, matrices, regularization)
