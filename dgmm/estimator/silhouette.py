"""Silhouettes of candidates: how much nearer rows are to their own cluster than to the next."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import silhouette_score

from dgmm.engine.profile import Profile
from dgmm.engine.sampling import sample_mask
from dgmm.errors import ConfigurationError
from dgmm.estimator.row_outputs import LABEL, evaluate
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

CRITERION = "silhouette"

_MOST_ROWS = 1 << 12  # time and memory grow with the square


def check_counts(counts: Sequence[int]) -> None:
    """Refuse a list of numbers of components none of which can have a silhouette.

    Raises
    ------
    ConfigurationError
        If none is above one; it is a ``ValueError``.
    """
    if 1 in counts and len(set(counts)) == 1:
        message = (
            f"n_components is {list(counts)}; the silhouette compares clusters and needs a "
            "candidate of at least two components. Add one, or choose by bic."
        )
        raise ConfigurationError(message)


def rows_to_compare(profile: Profile, seed: int) -> Array:
    """About 4,096 complete rows of the sample with positive weight, all if they are fewer.

    Parameters
    ----------
    profile : Profile
    seed : int
        The same seed draws the same rows.

    Returns
    -------
    ndarray of shape (m, n_features)
    """
    rows, weights = profile.sample, profile.sample_weights
    if weights is not None:
        rows = rows[weights > 0]
    if profile.lacks_values:
        rows = rows[np.isfinite(rows).all(axis=1)]
    return rows[sample_mask(seed, 0, len(rows), _MOST_ROWS / max(1, len(rows)))]


def mean_silhouette(mixture: Parameters, rows: Array) -> float:
    """The mean of (b - a) / max(a, b) over the rows (Rousseeuw 1987, J. Comput. Appl. Math. 20).

    a is the mean Euclidean distance to the other rows of the same label, b that to the rows of the
    next nearest label.

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (m, n_features)
        Those that are most probably noise do not count.

    Returns
    -------
    float
        From -1 to 1, larger is better; NaN unless the rows have at least two labels, and one of
        them twice.
    """
    labels = evaluate(rows, AssigningMixture(mixture), LABEL).astype(np.intp)
    rows, labels = rows[labels >= 0], labels[labels >= 0]  # noise is no cluster
    if not 2 <= len(np.unique(labels)) < len(rows):
        return float("nan")
    # Distances come from products of rows, which lose the digits of data far from zero.
    return float(silhouette_score(rows - rows.mean(axis=0), labels))
