"""The first pass: mean, covariance and checks of the data, and a sample of its rows."""

from dataclasses import dataclass, replace

import numpy as np

from dgmm.engine.block import Block, Rows
from dgmm.engine.row_checks import (
    PLACES,
    check_places,
    check_range,
    check_total_weight,
    check_weights,
    find_bad_weights,
    find_non_finite,
)
from dgmm.engine.sampling import sample_mask
from dgmm.errors import DataError, Remedy
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.identifiers import RisingIntegers
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.sample_size import WeightTotals
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_TILE_ROWS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Summary of a set of rows; the profile of consecutive blocks is the ``+`` of theirs.

    Attributes
    ----------
    n_rows : int
        Rows that count.
    n_missing : int
        Rows that are left out, because they lack a value.
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

    @property
    def total_weight(self) -> float:
        """Sum of weights; the number of rows, if there are none."""
        return self.weight_totals.total

    @property
    def covariance(self) -> Array:
        """Maximum-likelihood covariance of all rows, shape (n_features, n_features)."""
        return self.scatter / self.total_weight

    @property
    def centred_scatter(self) -> CentredScatter:
        """All rows about their mean."""
        about_rounded = self.total_weight * np.outer(self.mean_low, self.mean_low)
        return CentredScatter(self.mean, self.total_weight, self.scatter + about_rounded)

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
        about_mean = self.centred_scatter.scatter
        return replace(
            self,
            mean=zeros,
            mean_low=zeros,
            scatter=transform.scatter(about_mean),
            minimum=unknown,
            maximum=unknown,
            sample=sample,
        )

    @property
    def is_sample_complete(self) -> bool:
        """Whether the sample holds all rows."""
        return len(self.sample) == self.n_rows

    def __add__(self, other: "Profile") -> "Profile":
        mean, mean_low, scatter = _pool_moments(self, other, self.total_weight + other.total_weight)
        weights = None
        if self.sample_weights is not None and other.sample_weights is not None:
            weights = np.concatenate([self.sample_weights, other.sample_weights])
        return Profile(
            n_rows=self.n_rows + other.n_rows,
            n_missing=self.n_missing + other.n_missing,
            weight_totals=self.weight_totals + other.weight_totals,
            mean=mean,
            mean_low=mean_low,
            scatter=scatter,
            minimum=np.fmin(self.minimum, other.minimum),
            maximum=np.fmax(self.maximum, other.maximum),
            n_non_finite=self.n_non_finite + other.n_non_finite,
            non_finite=(self.non_finite + other.non_finite)[:PLACES],
            bad_weights=(self.bad_weights + other.bad_weights)[:PLACES],
            checksums=self.checksums + other.checksums,
            sample=np.concatenate([self.sample, other.sample]),
            sample_weights=weights,
            rising=self.rising + other.rising,
            log_jacobian=self.log_jacobian + other.log_jacobian,
        )


@np.errstate(over="ignore", invalid="ignore")  # ``validate_profile`` refuses overflow
def _pool_moments(a: Profile, b: Profile, total: float) -> tuple[Array, Array, Array]:
    """Mean and scatter of a union, without cancellation (Chan, Golub & LeVeque 1983)."""
    if b.total_weight == 0:
        return a.mean, a.mean_low, a.scatter
    if a.total_weight == 0:
        return b.mean, b.mean_low, b.scatter
    difference = (b.mean - a.mean) + (b.mean_low - a.mean_low)
    step = a.mean_low + difference * (b.total_weight / total)
    mean = a.mean + step
    between = np.outer(difference, difference) * (a.total_weight * b.total_weight / total)
    return mean, (a.mean - mean) + step, a.scatter + b.scatter + between


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """What a profile is of: which rows the sample takes, and what is done to features first.

    Attributes
    ----------
    seed : int
        Of the sample.
    probability : float
        The share of the rows that the sample takes.
    functions : ColumnFunctions, or None
        Of single features; mean and scatter are those of their values.
    """

    seed: int
    probability: float
    functions: ColumnFunctions | None = None

    def values(self, rows: Rows) -> Rows:
        """Rows after the functions."""
        if self.functions is None:
            return rows
        return self.functions.apply(rows.T.astype(np.float64)).T


def profile_block(spec: ProfileSpec, block: Block) -> Profile:
    """The profile of one block.

    Parameters
    ----------
    spec : ProfileSpec
    block : Block

    Raises
    ------
    DataError
        If a function is not defined for a value.
    """
    rows, weights, d = block.rows, block.weights, block.rows.shape[1]
    tiles = [slice(i, i + _TILE_ROWS) for i in range(0, len(rows), _TILE_ROWS)]
    w = np.ones(len(rows)) if weights is None else weights.astype(np.float64)
    n_non_finite, non_finite = find_non_finite(block, tiles)
    bad_weights = find_bad_weights(block)
    usable = not non_finite and not bad_weights and w.sum() > 0
    zeros = np.zeros(d)
    mean, mean_low, scatter, log_jacobian = zeros, zeros, np.zeros((d, d)), 0.0
    if usable:
        mean, mean_low, scatter = _mean_and_scatter(spec, rows, w, tiles)
    if usable and spec.functions is not None:
        lost = spec.functions.log_jacobian
        log_jacobian = sum(float(w[t] @ lost(rows[t].T)) for t in tiles)
    chosen = sample_mask(spec.seed, block.start, block.n_rows, spec.probability)
    if block.complete is not None:
        chosen = chosen[block.complete]
    nothing = np.full(d, np.nan)
    return Profile(
        n_rows=len(rows),
        n_missing=block.n_missing,
        weight_totals=WeightTotals.from_weights(w) if usable else WeightTotals(0, 0.0, 0.0),
        mean=mean,
        mean_low=mean_low,
        scatter=scatter,
        minimum=np.fmin.reduce(rows, axis=0).astype(np.float64) if len(rows) else nothing,
        maximum=np.fmax.reduce(rows, axis=0).astype(np.float64) if len(rows) else nothing,
        n_non_finite=n_non_finite,
        non_finite=non_finite,
        bad_weights=bad_weights,
        checksums=(block.checksum,),
        sample=rows[chosen].astype(np.float64, order="C"),
        sample_weights=None if weights is None else w[chosen],
        rising=RisingIntegers.from_rows(rows),
        log_jacobian=log_jacobian,
    )


def _mean_and_scatter(
    spec: ProfileSpec, rows: Rows, weights: Array, tiles: list[slice]
) -> tuple[Array, Array, Array]:
    """Weighted mean in two parts, and scatter about it.

    A first pass finds a pivot near the mean; deviations from it lose no digits.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # ``validate_profile`` refuses overflow
        first = spec.values(rows[:1])[0].astype(np.float64)
        total = weights.sum()
        # in C order whatever the rows' own, because BLAS adds in the order of the layout
        shifted = (np.subtract(spec.values(rows[t]), first, order="C") for t in tiles)
        pivot = first + sum(weights[t] @ x for t, x in zip(tiles, shifted, strict=True)) / total
        residual, scatter = np.zeros(len(pivot)), np.zeros((len(pivot), len(pivot)))
        for tile in tiles:
            deviations = np.subtract(spec.values(rows[tile]), pivot, order="C")
            weighted = deviations * weights[tile][:, None]
            residual += weighted.sum(axis=0)
            scatter += weighted.T @ deviations
        low = residual / total
        mean = pivot + low
        return mean, (pivot - mean) + low, scatter - np.outer(low, low) * total


def validate_profile(
    profile: Profile, feature_names: tuple[str, ...], n_components: int
) -> Profile:
    """The profile, if its data can be fitted with up to ``n_components`` components.

    Raises
    ------
    DataError
        Naming the first offending rows and columns.
    """
    check_places(profile.n_non_finite, profile.non_finite, feature_names)
    if profile.n_missing and not profile.n_rows:
        message = (
            f"All {profile.n_missing:,} rows lack a value; expected rows without NaN or fill "
            "values. Leave out features that are hardly ever there."
        )
        raise DataError(message)
    check_weights(profile.bad_weights)
    check_total_weight(profile.total_weight)
    if profile.n_rows < n_components:
        message = (
            f"The data have {profile.n_rows} rows (n_samples = {profile.n_rows}); expected at "
            f"least as many as components, n_components = {n_components}. Use fewer components."
        )
        raise DataError(message)
    if profile.n_missing and not len(profile.sample):
        message = (
            f"Only {profile.n_rows:,} of {profile.n_rows + profile.n_missing:,} rows have all "
            "values, and none of them is in the sample that starts are made from. Leave out "
            "features that are hardly ever there, or write the complete rows to a store of their "
            "own."
        )
        raise DataError(message, remedy=Remedy.ENLARGE_SAMPLE)
    check_range(profile.minimum, profile.maximum, feature_names)
    return profile
