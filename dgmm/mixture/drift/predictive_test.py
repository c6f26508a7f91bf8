"""How well mixtures predict rows, with standard errors, and a test on rows that were held out.

Rows are taken in the order of the data and cut into consecutive segments. Rows near each other may
be alike, as neighbours in space or time are; segments are the units of all standard errors here,
so that these stay honest as long as rows farther apart than a segment are not alike.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.mixture.types import Array

_MAX_SEGMENTS = 50
SKEW = 0.01
"""What an older mixture is granted of a newer one before their densities are compared."""

_ONE_IN = 5
_FEWEST_HELD_OUT = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over rows, per unit of weight, with its standard error.

    Attributes
    ----------
    mean : float
    standard_error : float
        NaN if there is one segment only.
    """

    mean: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Log likelihoods of a sample under an older and a newer mixture; nats per unit weight.

    Attributes
    ----------
    n_rows : int
        Of the sample.
    older, newer : Estimate
        Mean log-likelihood.
    difference : Estimate
        Newer minus older; unbounded, so that a few rows far from all older ones may dominate it.
    loss : Estimate
        The skew divergence (:func:`skew_divergence_terms`), at most ``-log(SKEW)``.
    """

    n_rows: int
    older: Estimate
    newer: Estimate
    difference: Estimate
    loss: Estimate


@dataclass(frozen=True, slots=True)
class HeldOutTest:
    """A test whether a refit predicts held-out rows better than the older mixture.

    Attributes
    ----------
    n_segments : int
        Held out; the units of the test.
    gain : Estimate
        Mean over these segments of log p(x | refit) - log p(x | older), nats per unit of weight.
    p_value : float
        Of Student's one-sided test that the gain is no more than the older mixture loses by chance.
    """

    n_segments: int
    gain: Estimate
    p_value: float


def row_segments(n_rows: int) -> NDArray[np.intp]:
    """The number of the segment that each row belongs to, shape (n_rows,).

    Examples
    --------
    >>> np.bincount(row_segments(1_000_010)).min(), np.bincount(row_segments(1_000_010)).max()
    (np.int64(20000), np.int64(20001))
    """
    return np.arange(n_rows) * min(_MAX_SEGMENTS, n_rows) // max(n_rows, 1)


def is_held_out(segment: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which rows are held out from a refit: those of every fifth segment."""
    return segment % _ONE_IN == _ONE_IN // 2


def skew_divergence_terms(log_older: Array, log_newer: Array) -> Array:
    """Loss of each row under the older mixture with a small share of the newer one, in nats.

    log p_newer - log((1 - a) p_older + a p_newer) with a = ``SKEW``. The mean over rows of the
    newer density is the skew divergence (Lee 1999, Proc. 37th Annual Meeting of the ACL), for a = 0
    that of Kullback and Leibler. No row costs more than -log a, however far it is from everything
    older: a small new cluster costs little, rows that are all elsewhere cost nearly all of it.

    Parameters
    ----------
    log_older, log_newer : ndarray of shape (n_rows,)
        Log densities, in nats.
    """
    return -np.logaddexp(np.log1p(-SKEW) + (log_older - log_newer), np.log(SKEW))


def compare_log_densities(log_older: Array, log_newer: Array, weights: Array | None) -> Prediction:
    """Compare the log densities of a sample under two mixtures.

    Parameters
    ----------
    log_older, log_newer : ndarray of shape (n_rows,)
        Log densities of the rows, in the order of the data.
    weights : ndarray of shape (n_rows,), or None
        Positive.
    """
    return Prediction(
        len(log_older),
        estimate(log_older, weights),
        estimate(log_newer, weights),
        estimate(log_newer - log_older, weights),
        estimate(skew_divergence_terms(log_older, log_newer), weights),
    )


def estimate(values: Array, weights: Array | None) -> Estimate:
    """The weighted mean of values, with the standard error of a ratio of sums over segments.

    Cochran 1977, Sampling Techniques, sec. 6.4: the residuals V_s - mean W_s of the segments'
    sums stand for the variance.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        In the order of the data.
    weights : ndarray of shape (n_rows,), or None
    """
    sums, sizes = _sums(values, weights)
    n, total = len(sums), sizes.sum()
    mean = float(sums.sum() / total)
    if n < 2:
        return Estimate(mean, float("nan"))
    error = float(scipy.linalg.norm(sums - mean * sizes)) / total * np.sqrt(n / (n - 1))
    return Estimate(mean, float(error))


def estimate_overfit(n_parameters: int, n_rows: int) -> Estimate:
    """Expected loss of an optimum on so many rows against the truth, in nats a row.

    2 n times the divergence is distributed as chi-squared with as many degrees of freedom as there
    are free parameters (Wilks 1938, Ann. Math. Stat. 9), where the model is right.

    Examples
    --------
    >>> estimate_overfit(50, 1000)
    Estimate(mean=0.025, standard_error=0.005)
    """
    return Estimate(n_parameters / (2 * n_rows), float(np.sqrt(n_parameters / 2) / n_rows))


def held_out_test(
    log_older: Array,
    log_refit: Array,
    weights: Array | None,
    segment: NDArray[np.intp],
    by_chance: Estimate,
) -> HeldOutTest | None:
    """Compare a refit with the older mixture on rows that the refit has not seen.

    Given the refit, both mixtures are fixed, and the segments' mean log ratios are a sample of the
    gain; Student's paired test asks whether it exceeds what the older mixture loses by chance.
    Vuong (1989, Econometrica 57) compares two fitted models on the rows they were fitted to;
    held-out rows need no correction for the refit's parameters. The refit is worse for having seen
    fewer rows, so that without a change the test rejects less often than its level allows.

    A small p-value means that a fit to other newer rows describes the held-out rows better than the
    older mixture, by more than chance explains. It does not say that the difference matters, which
    :attr:`HeldOutTest.gain` tells, nor where it comes from: a refit also improves on an older
    mixture that stopped early.

    Parameters
    ----------
    log_older, log_refit : ndarray of shape (n_rows,)
        Log densities of the held-out rows.
    weights : ndarray of shape (n_rows,), or None
        Positive.
    segment : ndarray of shape (n_rows,)
        Which segment each row belongs to.
    by_chance : Estimate
        What the older mixture loses without a change (:func:`estimate_overfit`).

    Returns
    -------
    HeldOutTest, or None
        None where fewer than three segments are held out.
    """
    _, unit = np.unique(segment, return_inverse=True)
    sums, sizes = _sums(log_refit - log_older, weights, unit)
    n = len(sums)
    if n < _FEWEST_HELD_OUT:
        return None
    units = sums / sizes
    gain = float(units.mean())
    error = float(scipy.linalg.norm(units - gain) / np.sqrt(n * (n - 1)))
    beyond = (gain - by_chance.mean) / np.hypot(error, by_chance.standard_error)
    return HeldOutTest(n, Estimate(gain, error), float(scipy.special.stdtr(n - 1, -beyond)))


def _sums(
    values: Array, weights: Array | None, segment: NDArray[np.intp] | None = None
) -> tuple[Array, Array]:
    """Weighted sums of values over the segments, and the weights of these."""
    segment = row_segments(len(values)) if segment is None else segment
    w = np.ones(len(values)) if weights is None else weights
    sums, sizes = (np.bincount(segment, weights=each) for each in (w * values, w))
    return sums.astype(np.float64), sizes.astype(np.float64)
