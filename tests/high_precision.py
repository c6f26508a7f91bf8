"""One EM step and the log densities to 50 digits, for float64 inputs taken exactly.

The same textbook as ``tests.reference`` in mpmath numbers and nested lists. The tests round its
answers to float64 only after comparing, or as the last step.
"""

from typing import NamedTuple

import mpmath
import numpy as np

DIGITS = 50


class ExactMixture(NamedTuple):
    """Like ``tests.reference.Mixture``, with object arrays of mpmath numbers."""

    covariance_type: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def exact(values):
    """The float64 numbers of an array as mpmath numbers: no rounding happens.

    Arrays of mpmath numbers are returned as they are.
    """
    if isinstance(values, np.ndarray) and values.dtype.hasobject:
        return values
    array = np.asarray(values, dtype=np.float64)
    result = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        result[index] = mpmath.mpf(float(array[index]))
    return result


def _at_50_digits(function):
    def wrapped(*args, **kwargs):
        with mpmath.workdps(DIGITS):
            return function(*args, **kwargs)

    return wrapped


def _exact_mixture(mixture):
    return ExactMixture(
        mixture.covariance_type,
        exact(mixture.weights),
        exact(mixture.means),
        exact(mixture.covariances),
    )


def _covariance_of(mixture, k):
    """The covariance of component k as d lists of d numbers."""
    d = mixture.means.shape[1]
    if mixture.covariance_type == "full":
        return [list(row) for row in mixture.covariances[k]]
    if mixture.covariance_type == "tied":
        return [list(row) for row in mixture.covariances]
    diagonal = mixture.covariances[k] if mixture.covariance_type == "diag" else None
    zero = mpmath.mpf(0)
    return [
        [
            (mixture.covariances[k] if diagonal is None else diagonal[i]) if i == j else zero
            for j in range(d)
        ]
        for i in range(d)
    ]


def _cholesky(matrix):
    """Lower triangular L with L L' = matrix."""
    d = len(matrix)
    factor = [[mpmath.mpf(0)] * d for _ in range(d)]
    for i in range(d):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(factor[i][m] * factor[j][m] for m in range(j))
            factor[i][j] = mpmath.sqrt(rest) if i == j else rest / factor[j][j]
    return factor


def _joint_log_densities(X, mixture):
    """log(w_k N(x_i | mean_k, covariance_k)), a list for every row."""
    n_components, d = mixture.means.shape
    factors = [_cholesky(_covariance_of(mixture, k)) for k in range(n_components)]
    constants = [
        mpmath.log(mixture.weights[k])
        - d * mpmath.log(2 * mpmath.pi) / 2
        - sum(mpmath.log(factors[k][j][j]) for j in range(d))
        for k in range(n_components)
    ]
    result = []
    for x in X:
        joint = []
        for k in range(n_components):
            solution = []  # of L y = x - mean, by forward substitution
            for i in range(d):
                rest = x[i] - mixture.means[k][i]
                rest -= sum(factors[k][i][m] * solution[m] for m in range(i))
                solution.append(rest / factors[k][i][i])
            joint.append(constants[k] - sum(y * y for y in solution) / 2)
        result.append(joint)
    return result


def _log_sum_exp(values):
    return mpmath.log(sum(mpmath.exp(value) for value in values))


@_at_50_digits
def log_densities(X, mixture):
    """log p(x_i) for every row: an object array of mpmath numbers."""
    joint = _joint_log_densities(exact(X), _exact_mixture(mixture))
    return np.array([_log_sum_exp(row) for row in joint], dtype=object)


@_at_50_digits
def responsibilities(X, mixture):
    """r_ik: an object array of mpmath numbers."""
    joint = _joint_log_densities(exact(X), _exact_mixture(mixture))
    result = np.empty((len(joint), len(joint[0])), dtype=object)
    for i, row in enumerate(joint):
        total = _log_sum_exp(row)
        for k, value in enumerate(row):
            result[i, k] = mpmath.exp(value - total)
    return result


@_at_50_digits
def em_step(X, mixture, sample_weight=None, ridge=0.0):
    """One E-step and one M-step: an ``ExactMixture``."""
    r = responsibilities(X, mixture)
    rows = exact(X)
    s = exact(np.ones(len(rows)) if sample_weight is None else sample_weight)
    n_components, d = np.shape(mixture.means)
    counts, means, scatters = [], [], []
    for k in range(n_components):
        share = [s[i] * r[i, k] for i in range(len(rows))]
        count = mpmath.fsum(share)
        mean = [
            mpmath.fsum(p * x[j] for p, x in zip(share, rows, strict=True)) / count
            for j in range(d)
        ]
        scatter = np.empty((d, d), dtype=object)
        for a in range(d):
            for b in range(d):
                scatter[a, b] = mpmath.fsum(
                    p * (x[a] - mean[a]) * (x[b] - mean[b])
                    for p, x in zip(share, rows, strict=True)
                )
        counts.append(count)
        means.append(mean)
        scatters.append(scatter)
    total = mpmath.fsum(s)
    return ExactMixture(
        mixture.covariance_type,
        np.array([count / total for count in counts], dtype=object),
        np.array(means, dtype=object),
        _restricted(mixture.covariance_type, scatters, counts, mpmath.mpf(ridge)),
    )


def _restricted(covariance_type, scatters, counts, ridge):
    d = len(scatters[0])
    identity = exact(np.eye(d))
    if covariance_type == "tied":
        return sum(scatters) / sum(counts) + ridge * identity
    full = [
        scatter / count + ridge * identity for scatter, count in zip(scatters, counts, strict=True)
    ]
    if covariance_type == "full":
        return np.array(full, dtype=object)
    if covariance_type == "diag":
        return np.array([np.diag(covariance) for covariance in full], dtype=object)
    return np.array([np.trace(covariance) / d for covariance in full], dtype=object)


def rounded(values):
    """To the nearest float64."""
    return np.asarray(values, dtype=object).astype(np.float64)


@_at_50_digits
def largest_error(values, reference, scale=None):
    """max |values - reference| / scale as a float; scale is |reference| unless given.

    The difference is taken in 50 digits: nothing is lost to the comparison itself.
    """
    reference = np.asarray(reference, dtype=object)
    scale = abs(reference) if scale is None else np.broadcast_to(scale, reference.shape)
    difference = abs(exact(values) - reference)
    return float(
        max((a / b for a, b in zip(difference.flat, scale.flat, strict=True)), default=0.0)
    )


@_at_50_digits
def covariance_error(values, reference, covariance_type):
    """Largest error of a covariance's elements, each relative to sqrt(C_ii C_jj).

    That is the relative error of a variance, and the absolute error of a correlation.
    """
    if covariance_type in ("diag", "spherical"):
        return largest_error(values, reference)
    deviations = np.vectorize(mpmath.sqrt, otypes=[object])(
        np.diagonal(reference, axis1=-2, axis2=-1)
    )
    return largest_error(values, reference, deviations[..., :, None] * deviations[..., None, :])
