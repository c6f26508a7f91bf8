"""What a mixture expects in the place of missing values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.density import assign
from dgmm.mixture.kernels.completion import Regression
from dgmm.mixture.missing_values.missing_patterns import PatternRows, group_by_pattern
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_PART_ROWS = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Imputation:
    """Rows without missing values.

    Attributes
    ----------
    mean : ndarray of shape (n_rows, n_features)
        Values that are there, and in the place of others their mean given those; NaN in rows that
        have no value.
    variance : ndarray of shape (n_rows, n_features)
        Of the missing values given those that are there, in squared units; 0 of these.
    """

    mean: Array
    variance: Array


def impute(
    mixture: Parameters, rows: NDArray[np.generic], transform: FeatureTransform | None = None
) -> Imputation:
    """The means and variances of missing values, given the values that are there.

    Those of the mixture of the components' regressions, weighted by the responsibilities
    (Ghahramani & Jordan 1994, NIPS 6, sec. 3).

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (n_rows, n_features)
        NaN marks what is missing.
    transform : FeatureTransform, or None
        Of rows for the mixture, linear and without principal components; None if it is in their
        units.
    """
    x = np.array(rows, np.float64)
    variance = np.zeros(x.shape)
    prepared = x if transform is None else transform.apply(x.T).T
    scale = np.ones(x.shape[1]) if transform is None else transform.scale
    shift = np.zeros(x.shape[1]) if transform is None else transform.mean
    for pattern in group_by_pattern(x):
        other = np.flatnonzero(~pattern.observed)
        if len(other) == 0:
            continue
        at = np.ix_(pattern.places, other)
        if len(pattern.features) == 0:
            variance[at] = np.nan
            continue
        found, found_variance = _conditional_moments(mixture, prepared, pattern)
        x[at] = found[:, other] * scale[other] + shift[other]
        variance[at] = found_variance[:, other] * scale[other] ** 2
    return Imputation(x, variance)


def draw_missing(mixture: Parameters, rows: Array, rng: np.random.Generator) -> Array:
    """The rows with missing values drawn from the mixture, given the values that are there.

    Parameters
    ----------
    mixture : Parameters
        In the units of the rows.
    rows : ndarray of shape (n_rows, n_features)
        Every one has a value.
    rng : numpy.random.Generator
    """
    found = rows.copy()
    for pattern in group_by_pattern(rows):
        other = np.flatnonzero(~pattern.observed)
        if len(other) == 0:
            continue
        some = rows[pattern.places]
        r = assign(mixture, some, may_lack=True).responsibilities
        chosen = (r.cumsum(axis=1) < rng.random((len(some), 1))).sum(axis=1)
        chosen = np.minimum(chosen, mixture.n_components - 1)
        regression = Regression.from_mixture(mixture, pattern.features)
        expected = _expected_rows(regression, some[:, pattern.features], chosen)
        roots = np.stack([_root(matrix) for matrix in regression.residuals])
        noise = rng.standard_normal(some.shape)
        drawn = expected + np.einsum("nij,nj->ni", roots[chosen], noise)
        found[np.ix_(pattern.places, other)] = drawn[:, other]
    return found


def _conditional_moments(
    mixture: Parameters, rows: Array, pattern: PatternRows
) -> tuple[Array, Array]:
    """Means and variances of all features of the rows of a pattern, shape (m, d) each."""
    regression = Regression.from_mixture(mixture, pattern.features)
    some = rows[pattern.places]
    mean, square = np.zeros(some.shape), np.zeros(some.shape)
    residuals = np.diagonal(regression.residuals, axis1=1, axis2=2)
    for start in range(0, len(some), _PART_ROWS):
        part = slice(start, start + _PART_ROWS)
        r = assign(mixture, some[part], may_lack=True).responsibilities
        expected = [
            _expected_rows(regression, some[part][:, pattern.features], k)
            for k in range(mixture.n_components)
        ]
        mean[part] = sum(r[:, k, None] * x for k, x in enumerate(expected))
        for k, x in enumerate(expected):
            square[part] += r[:, k, None] * (residuals[k] + (x - mean[part]) ** 2)
    return mean, square


def _expected_rows(
    regression: Regression, observed: Array, component: int | NDArray[np.intp]
) -> Array:
    """Rows expected by one component, or by one for each row, shape (m, d)."""
    slopes, offsets = regression.slopes[component], regression.offsets[component]
    return offsets + np.einsum("...ij,...j->...i", slopes, observed)


def _root(matrix: Array) -> Array:
    """A root of a matrix that may be singular."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
