"""Complete rows for the search, where the sample lacks values.

Searches split, merge and compare components row by row, which needs whole rows. So what is missing
is drawn once, from a rough mixture of the rows as they are, given what is there: means in its place
would make clusters too narrow. All that follows the search uses the values that are there alone.
"""

from dataclasses import replace

import numpy as np

from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.initialization import initializers
from dgmm.mixture.kernels import incomplete_rows, packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.missing_values.imputation import draw_missing
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array

_FEW_ROWS = 1 << 11
_ROWS_PER_PARAMETER = 5
_MOST_COMPONENTS = 10
_STEPS = 10  # of EM


def complete_rows(sample: SearchRows, seed: int) -> SearchRows:
    """Rows for the search; what is missing is drawn by the seed."""
    if not sample.scatter.lacks_values:
        return sample
    rows = impute_sample(sample.rows, sample.weights, sample.regularization, seed)
    return replace(sample, rows=rows)


def impute_sample(rows: Array, weights: Array, regularization: Regularization, seed: int) -> Array:
    """The rows with their missing values drawn given those that are there.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Relative to the mean of the data; NaN marks what is missing, and every row has a value.
    weights : ndarray of shape (n_rows,)
        Positive.
    regularization : Regularization
    seed : int
    """
    rng = np.random.default_rng([seed, len(rows)])
    step = max(1, len(rows) // _FEW_ROWS)
    few, w = np.ascontiguousarray(rows[::step]), np.ascontiguousarray(weights[::step])
    d = rows.shape[1]
    variances = np.nanmean(few**2, axis=0) if len(few) else np.ones(d)
    known = np.where(variances > 0, variances, regularization.floor)  # also NaN: none is there
    variances = np.where(np.isfinite(known), known, regularization.floor)
    single = Parameters.from_covariances(
        "full", np.ones(1), np.zeros((1, d)), np.diag(variances)[None]
    )
    single = _climb(single, few, w, regularization)
    n_parameters = 1 + d + d * (d + 1) // 2
    k = int(np.clip(len(few) // (_ROWS_PER_PARAMETER * n_parameters), 1, _MOST_COMPONENTS))
    if k == 1:
        return draw_missing(single, rows, rng)
    drawn = draw_missing(single, few, rng)
    guess = initializers.kmeans(drawn, w, k, rng)
    mixture = initializers.first_parameters("full", drawn, guess, w, regularization, rng)
    return draw_missing(_climb(mixture, few, w, regularization), rows, rng)


def _climb(
    mixture: Parameters, rows: Array, weights: Array, regularization: Regularization
) -> Parameters:
    """Steps of EM."""
    origin = np.zeros(rows.shape[1])
    centred = CentredScatter.of(rows, weights, origin)
    for _ in range(_STEPS):
        models = incomplete_rows.pack([mixture], origin)
        sums = incomplete_rows.accumulate(models, rows, weights)
        (moments,) = packed_models.moments(models.packed, [mixture], sums, centred)
        mixture = m_step(mixture.covariance_type, moments, regularization)
    return mixture
