"""The expanded kernel: all components of all models in one product with the feature map.

Models are grouped by the prefix of the feature map they need; for a group and a tile of rows,
L = Theta Phi, then S += Phi R'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Self

import numpy as np

from dgmm.mixture import feature_map
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.statistics import Moments, is_empty, noise_with_share
from dgmm.mixture.kernels.tiling import TileShape, loops_for
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class LinearTerms:
    """Log densities that are linear in the feature map: L = Theta Phi.

    Attributes
    ----------
    order : int
        The prefix of the feature map.
    theta : ndarray of shape (C, p)
        Natural parameters of the components of all models. Squares of the last features may be
        left out.
    stops : tuple of int
        Where each model's components end in ``theta``.
    """

    order: int
    theta: Array
    stops: tuple[int, ...]

    def accumulate(
        self,
        x: Array,
        origin: Array,
        weights: Array,
        sums: Array,
        scratch: Array,
        loops: ModuleType,
        posterior: Array | None = None,
        densities: Array | None = None,
    ) -> Array:
        """Add rows to ``sums``; log-likelihoods and log-classifications, shape (2, n_models).

        Parameters
        ----------
        x : ndarray of shape (n_rows, d)
        origin : ndarray of shape (d,)
            Subtracted from every row.
        weights : ndarray of shape (n_rows,)
        sums : ndarray of shape (p, C)
            Added to in place.
        scratch : ndarray
            Of at least the tile shape's ``scratch_size``; overwritten.
        loops : module
            :func:`dgmm.mixture.kernels.tiling.loops_for` the block.
        posterior : ndarray of shape (C, n_rows), optional
            Set to weighted responsibilities.
        densities : ndarray of shape (n_models, n_rows), optional
            Set to log densities, in nats.
        """
        n_components, n_models, d = len(self.theta), len(self.stops), x.shape[1]
        scores = np.zeros((2, n_models))
        shape = TileShape.of(n_components, self.order, d)
        # what came over the network may be read-only and unaligned
        theta = np.require(self.theta, requirements=["C", "ALIGNED", "WRITEABLE"])
        stops = np.array(self.stops, dtype=np.int64)
        factors = np.ascontiguousarray(feature_map.factors(self.order, d)[:, : theta.shape[1]])
        data = (x, origin, weights, theta, stops, factors, shape.rows, shape.components)
        kept = (
            np.empty((n_components, 0)) if posterior is None else posterior,
            np.empty((n_models, 0)) if densities is None else densities,
        )
        if shape.factored:
            loops.add_factored(*data, sums, scores, scratch, *kept)
        else:
            loops.add(*data, shape.transposed, sums, scores, scratch, *kept)
        return scores

    def evaluate(
        self, x: Array, weights: Array, loops: ModuleType | None = None
    ) -> tuple[Array, Array]:
        """Sums, shape (p, C), and log-likelihoods, shape (n_models,), of rows about zero."""
        n_components, d = len(self.theta), x.shape[1]
        sums = np.zeros(self.theta.shape[::-1])
        size = TileShape.of(n_components, self.order, d).scratch_size(n_components, self.order, d)
        loops = loops_for(len(x), n_components) if loops is None else loops
        scores = self.accumulate(x, np.zeros(d), weights, sums, np.empty(size), loops)
        return sums, scores[0]


@dataclass(frozen=True, slots=True, eq=False)
class ExpandedGroup(LinearTerms):
    """Models of one order of the feature map, their natural parameters stacked.

    Attributes
    ----------
    n_features : int
    models : tuple of int
        Which of the pass's models these are.
    common_factors : tuple of ndarray of shape (d, d)
        Precision factors of models whose log densities lack the quadratic term.
    """

    n_features: int
    models: tuple[int, ...]
    common_factors: tuple[Array, ...] = ()

    @classmethod
    def pack(cls, order: int, models: tuple[int, ...], mixtures: list[Parameters]) -> Self:
        """Stack the natural parameters of mixtures that share an order."""
        stops = tuple(int(n) for n in np.cumsum([m.n_terms for m in mixtures]))
        theta = natural_parameters(mixtures)
        is_linear = order == feature_map.LINEAR
        common = tuple(mixture.factor_matrices[0] for mixture in mixtures if is_linear)
        return cls(order, theta, stops, mixtures[0].n_features, models, common)

    def complete(self, log_densities: Array, x: Array, origin: Array) -> None:
        """Add the quadratic term that all components of a model share to log densities.

        Parameters
        ----------
        log_densities : ndarray of shape (n_models, n_rows)
            As the kernel sets them; changed in place.
        x : ndarray of shape (n_rows, d)
        origin : ndarray of shape (d,)
            Subtracted from every row.
        """
        for values, factor in zip(log_densities, self.common_factors, strict=False):
            white = (x - origin) @ factor
            values -= 0.5 * np.einsum("ij,ij->i", white, white)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The rows of ``theta`` of each model."""
        starts = (0, *self.stops[:-1])
        return tuple(slice(a, b) for a, b in zip(starts, self.stops, strict=True))

    def zero(self) -> Array:
        """The sums over no rows, shape (p, C)."""
        return np.zeros(self.theta.shape[::-1])

    @property
    def shape(self) -> TileShape:
        """How the work is cut."""
        return TileShape.of(len(self.theta), self.order, self.n_features)

    @property
    def scratch_size(self) -> int:
        """Numbers to work with beside the sums."""
        return self.shape.scratch_size(len(self.theta), self.order, self.n_features)


def natural_parameters(mixtures: Sequence[Parameters]) -> Array:
    """The theta of theta_k . phi(x) = log(w_k N(x | mu_k, Sigma_k)), shape (C, p).

    For a tied covariance the term -1/2 x' P x, the same for all components, is left out. Noise is a
    constant, after the components of its mixture.

    Parameters
    ----------
    mixtures : sequence of Parameters
        Of the same order.
    """
    means = np.concatenate([mixture.means for mixture in mixtures])
    peaks = np.concatenate([mixture.log_peaks for mixture in mixtures])
    n_features = means.shape[1]
    order = mixtures[0].order
    if order == feature_map.SQUARES:
        variances = np.concatenate([_inverse_variances(mixture) for mixture in mixtures])
        linear, quadratic = variances * means, -0.5 * variances
    else:
        precisions = np.concatenate([_precisions(mixture) for mixture in mixtures])
        linear = np.einsum("kij,kj->ki", precisions, means)
        quadratic = -feature_map.pack_symmetric(precisions)
        quadratic[:, :n_features] *= 0.5
    constant = peaks - 0.5 * np.einsum("ki,ki->k", linear, means)
    theta = np.concatenate([constant[:, None], linear, quadratic], axis=1)
    theta = theta[:, : feature_map.length(order, n_features)]
    return np.ascontiguousarray(_add_noise(theta, mixtures))


def _add_noise(theta: Array, mixtures: Sequence[Parameters]) -> Array:
    """The natural parameters of components, and of each mixture's noise behind its own."""
    if all(mixture.noise is None for mixture in mixtures):
        return theta
    stops = np.cumsum([mixture.n_components for mixture in mixtures])
    places = [stop for stop, m in zip(stops, mixtures, strict=True) if m.noise is not None]
    rows = np.zeros((len(places), theta.shape[1]))
    rows[:, 0] = [m.noise.log_peak for m in mixtures if m.noise is not None]
    return np.insert(theta, places, rows, axis=0)


def relative_error(mixture: Parameters) -> float:
    """A bound on what the expanded form loses, relative to a log-density of order one.

    eps max_k (|mu_k|' |P_k| |mu_k| + sum_ij |P_k|_ij |Sigma_k|_ij), absolute values elementwise:
    far means and strong correlations both cost digits.
    """
    return float(relative_errors(mixture).max())


def relative_errors(mixture: Parameters) -> Array:
    """The same bound for each component, shape (K,)."""
    means = np.abs(mixture.means)
    if mixture.structure.is_diagonal:
        far = (_inverse_variances(mixture) * means**2).sum(axis=1)
        correlated = np.full(mixture.n_components, float(mixture.n_features))
    else:
        precisions = np.abs(_precisions(mixture))
        far = ((precisions @ means[:, :, None])[:, :, 0] * means).sum(axis=1)
        correlated = (precisions * np.abs(mixture.matrices)).sum(axis=(1, 2))
    return np.finfo(np.float64).eps * (far + correlated)


def _precisions(mixture: Parameters) -> Array:
    factors = mixture.factor_matrices
    return factors @ factors.transpose(0, 2, 1)


def _inverse_variances(mixture: Parameters) -> Array:
    """Diagonals of precisions that are diagonal, shape (K, d)."""
    return mixture.structure.variances(mixture.precisions, *mixture.means.shape)


def moments(
    mixture: Parameters,
    sums: Array,
    log_likelihood: float,
    log_classification: float,
    centred: CentredScatter,
    scatter: Array | None = None,
) -> Moments:
    """The E-step's outcome for one mixture from its sums, shape (p, n_terms), over all rows.

    ``scatter``, of a tied model, is the expected one where rows lack values; the log-likelihood is
    then complete.
    """
    structure, d = mixture.structure, mixture.n_features
    noise = noise_with_share(mixture.noise, sums[0], centred.total_weight)
    sums = sums[:, : mixture.n_components]
    counts = sums[0].copy()
    empty = is_empty(counts, centred.total_weight)
    divisor = np.where(empty, 1.0, counts)
    means = np.where(empty[:, None], mixture.means, sums[1 : 1 + d].T / divisor[:, None])
    if len(sums) == feature_map.length(feature_map.LINEAR, d):
        if scatter is None:
            scatter = centred.scatter
            log_likelihood -= 0.5 * float(np.sum(mixture.precisions * scatter))
        covariances = (scatter - (means.T * counts) @ means) / centred.total_weight
    else:
        second = sums[1 + d :].T / divisor[:, None]
        if structure.is_diagonal:
            scatters = np.maximum(second - means**2, 0.0)
        else:
            scatters = feature_map.unpack_symmetric(second, d) - structure.outer(means)
        covariances = structure.from_scatter(scatters, counts)
        if not structure.is_shared:
            covariances[empty] = mixture.covariances[empty]
    return Moments(
        log_likelihood,
        log_classification,
        centred.total_weight,
        counts,
        means,
        covariances,
        noise=noise,
    )
