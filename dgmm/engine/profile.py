"""The first pass: mean, covariance and checks of the data, and a sample of its rows."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from dgmm.engine.block import Block, Rows
from dgmm.engine.profiling.extremes import find_extremes
from dgmm.engine.profiling.label_checks import read_labels
from dgmm.engine.profiling.observed_values import ObservedValues
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.engine.row_checks import PLACES, find_bad_weights, find_non_finite
from dgmm.engine.sampling import sample_mask
from dgmm.mixture.identifiers import RisingIntegers
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.pooled_moments import PooledMoments
from dgmm.mixture.prior_knowledge.labelled_moments import LabelledMoments, shifted_mean
from dgmm.mixture.sample_size import WeightTotals
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array, Indices

_TILE_ROWS = 8192

Column = TypeVar("Column", Array, Indices)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Summary of a set of rows; the profile of consecutive blocks is the ``+`` of theirs.

    Attributes
    ----------
    n_rows : int
        Rows that count.
    n_missing : int
        Rows that are left out, because they lack a value, or all values.
    weight_totals : WeightTotals
        Of the weights, or of ones; zero where rows cannot be fitted.
    mean, mean_low : ndarray of shape (n_features,)
        Weighted; their exact sum is the mean to twice the digits of float64, which pooling blocks
        of far data needs.
    scatter : ndarray of shape (n_features, n_features)
        Weighted sum of outer products about the mean.
    minimum, maximum : ndarray of shape (n_features,)
    n_non_finite : int
        Values that are NaN or infinite.
    non_finite : tuple of (int, int, float)
        Row, column and value of the first of them.
    bad_weights : tuple of (int, float)
        Row and value of the first weights that are negative, NaN, infinite or huge.
    checksums : tuple of int
        One for each block, in order.
    sample : ndarray of shape (m, n_features), float64
        Rows drawn uniformly, in order.
    sample_weights : ndarray of shape (m,), or None
    rising : RisingIntegers
        Which features may be identifiers.
    log_jacobian : float
        Weighted sum of the log derivatives of the functions of single features, of which mean and
        scatter are; 0 without them.
    observed : ObservedValues, or None
        What is there of rows that lack values; None if none does. Mean and variances are then of
        what is there, and covariances of the rows that have both features.
    labelled : LabelledMoments, or None
        Of the classes, and of the rows without a label; None without labels.
    sample_labels : ndarray of shape (m,), int64, or None
        Of the rows of the sample; -1 where the component is not known.
    """

    n_rows: int
    n_missing: int
    weight_totals: WeightTotals
    mean: Array
    mean_low: Array
    scatter: Array
    minimum: Array
    maximum: Array
    n_non_finite: int
    non_finite: tuple[tuple[int, int, float], ...]
    bad_weights: tuple[tuple[int, float], ...]
    checksums: tuple[int, ...]
    sample: Array
    sample_weights: Array | None
    rising: RisingIntegers
    log_jacobian: float = 0.0
    observed: ObservedValues | None = None
    labelled: LabelledMoments | None = None
    sample_labels: Indices | None = None

    @property
    def total_weight(self) -> float:
        """Sum of weights; the number of rows, if there are none."""
        return self.weight_totals.total

    @property
    def moments(self) -> PooledMoments:
        """Mean and scatter."""
        return PooledMoments(self.total_weight, self.mean, self.mean_low, self.scatter)

    @property
    def covariance(self) -> Array:
        """Maximum-likelihood covariance of all rows, shape (n_features, n_features)."""
        return self.scatter / self.total_weight

    @property
    def lacks_values(self) -> bool:
        """Whether some of the rows that count lack a value."""
        return self.observed is not None

    @property
    def centred_scatter(self) -> CentredScatter:
        """All rows about their mean; those with a label apart from the others."""
        if self.labelled is not None:
            others, labelled = self.labelled.others, self.labelled.about(self.mean)
            shift = shifted_mean(others, self.mean)
            scatter = others.scatter + others.total_weight * np.outer(shift, shift)
            return CentredScatter(self.mean, others.total_weight, scatter, known=(labelled,))
        if self.lacks_values:
            unknown = np.full(self.scatter.shape, np.nan)
            return CentredScatter(self.mean, self.total_weight, unknown, lacks_values=True)
        return CentredScatter(self.mean, self.total_weight, self._scatter_about_mean)

    @property
    def _scatter_about_mean(self) -> Array:
        """The scatter about the mean as it is rounded."""
        return self.scatter + self.total_weight * np.outer(self.mean_low, self.mean_low)

    def transform(self, transform: FeatureTransform | None) -> "Profile":
        """The profile of the same rows after a transform.

        Their mean is zero, unless it applies functions alone, of whose values this profile is.
        """
        if transform is None:
            return self
        sample = np.ascontiguousarray(transform.apply(self.sample.T).T)
        unknown = np.full(transform.n_axes, np.nan)
        if transform.is_columnwise:
            return replace(self, minimum=unknown, maximum=unknown, sample=sample)
        zeros = np.zeros(transform.n_axes)
        return replace(
            self,
            mean=zeros,
            mean_low=zeros,
            scatter=transform.scatter(self._scatter_about_mean),
            minimum=unknown,
            maximum=unknown,
            sample=sample,
            labelled=None if self.labelled is None else self.labelled.transform(transform),
        )

    @property
    def is_sample_complete(self) -> bool:
        """Whether the sample holds all rows."""
        return len(self.sample) == self.n_rows

    def __add__(self, other: "Profile") -> "Profile":
        observed = _pool_observed(self, other)
        if observed is None:
            moments = self.moments + other.moments
        else:
            moments = observed.moments.of_features(self.total_weight + other.total_weight)
        labelled = None
        if self.labelled is not None and other.labelled is not None:
            labelled = self.labelled + other.labelled
        return Profile(
            n_rows=self.n_rows + other.n_rows,
            n_missing=self.n_missing + other.n_missing,
            weight_totals=self.weight_totals + other.weight_totals,
            mean=moments.mean,
            mean_low=moments.mean_low,
            scatter=moments.scatter,
            minimum=np.fmin(self.minimum, other.minimum),
            maximum=np.fmax(self.maximum, other.maximum),
            n_non_finite=self.n_non_finite + other.n_non_finite,
            non_finite=(self.non_finite + other.non_finite)[:PLACES],
            bad_weights=(self.bad_weights + other.bad_weights)[:PLACES],
            checksums=self.checksums + other.checksums,
            sample=np.concatenate([self.sample, other.sample]),
            sample_weights=_join(self.sample_weights, other.sample_weights),
            rising=self.rising + other.rising,
            log_jacobian=self.log_jacobian + other.log_jacobian,
            observed=observed,
            labelled=labelled,
            sample_labels=_join(self.sample_labels, other.sample_labels),
        )


def _join(a: Column | None, b: Column | None) -> Column | None:
    """Values of the rows of two samples, if they have any."""
    return None if a is None or b is None else np.concatenate([a, b])


def _pool_observed(a: Profile, b: Profile) -> ObservedValues | None:
    """What is there of a union; None if nothing lacks."""
    if a.observed is None and b.observed is None:
        return None
    first, second = (x.observed or ObservedValues.complete(x.n_rows, x.moments) for x in (a, b))
    return first + second


def profile_block(spec: ProfileSpec, block: Block) -> Profile:
    """The profile of one block.

    Parameters
    ----------
    spec : ProfileSpec
    block : Block

    Raises
    ------
    DataError
        If a function is not defined for a value, or a label is no class.
    """
    rows, weights, d = block.rows, block.weights, block.rows.shape[1]
    tiles = [slice(i, i + _TILE_ROWS) for i in range(0, len(rows), _TILE_ROWS)]
    w = np.ones(len(rows)) if weights is None else weights.astype(np.float64)
    n_non_finite, non_finite = find_non_finite(block, tiles)
    bad_weights = find_bad_weights(block)
    usable = not non_finite and not bad_weights and w.sum() > 0
    labels = read_labels(block, spec.n_classes)
    moments, labelled, log_jacobian = PooledMoments.zero(d), None, 0.0
    observed = _find_observed_values(spec, block, w) if usable else None
    if observed is not None:
        moments = observed.moments.of_features(float(w.sum()))
    elif usable:
        moments = _moments(spec, rows, None if weights is None else w)
    if labels is not None:
        labelled = LabelledMoments.without_labels(moments)
        if usable:
            labelled = LabelledMoments.from_rows(spec.values(rows), labels, w)
    if usable and spec.functions is not None:
        lost = spec.functions.log_jacobian
        log_jacobian = sum(float(w[t] @ lost(rows[t].T)) for t in tiles)
    chosen = sample_mask(spec.seed, block.start, block.n_rows, spec.probability)
    if block.complete is not None:
        chosen = chosen[block.complete]
    minimum, maximum = find_extremes(rows)
    return Profile(
        n_rows=len(rows),
        n_missing=block.n_missing,
        weight_totals=WeightTotals.from_weights(w) if usable else WeightTotals(0, 0.0, 0.0),
        mean=moments.mean,
        mean_low=moments.mean_low,
        scatter=moments.scatter,
        minimum=minimum,
        maximum=maximum,
        n_non_finite=n_non_finite,
        non_finite=non_finite,
        bad_weights=bad_weights,
        checksums=(block.checksum,),
        sample=rows[chosen].astype(np.float64, order="C"),
        sample_weights=None if weights is None else w[chosen],
        rising=RisingIntegers.from_rows(rows),
        log_jacobian=log_jacobian,
        observed=observed,
        labelled=labelled,
        sample_labels=None if labels is None else labels[chosen],
    )


def _find_observed_values(spec: ProfileSpec, block: Block, weights: Array) -> ObservedValues | None:
    """What is there of a block's rows; None if nothing lacks."""
    rows = block.rows
    if block.missing != "marginalize" or rows.dtype.kind != "f" or not np.isnan(rows).any():
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # ``validate_profile`` refuses overflow
        return ObservedValues.from_rows(rows, spec.values(rows), weights)


def _moments(spec: ProfileSpec, rows: Rows, weights: Array | None) -> PooledMoments:
    """Mean and scatter of the values of functions; overflow is refused by `validate_profile`."""
    if spec.functions is None:
        return PooledMoments.of(rows, weights)
    found = PooledMoments.zero(rows.shape[1])
    for start in range(0, len(rows), _TILE_ROWS):
        tile = slice(start, start + _TILE_ROWS)
        own = None if weights is None else weights[tile]
        found = found + PooledMoments.of(spec.values(rows[tile]), own)
    return found
