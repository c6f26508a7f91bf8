"""The labels of rows under the mixture that assigns them, and under its neighbours."""

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.model_selection.label_agreement import cross_tabulate
from dgmm.mixture.types import Array

_MOST_COMPARED = 1 << 20  # rows, of which all are compared
_STEP = 8  # of more rows every eighth: each neighbour costs as much as the mixture that assigns


def empty_tables(by: AssigningMixture) -> tuple[Array, ...]:
    """Contingency tables of no rows, one for each neighbour."""
    k = by.mixture.n_components
    return tuple(np.zeros((k + 1, other.n_components + 1)) for other in by.neighbours)


def compare_labels(
    tables: tuple[Array, ...],
    found: RowPosteriors,
    rows: NDArray[np.generic],
    weights: NDArray[np.generic] | None,
    by: AssigningMixture,
    n_rows: int,
    *,
    may_lack: bool,
) -> None:
    """Add rows to contingency tables, in place.

    Parameters
    ----------
    tables : tuple of ndarray
        Of :func:`empty_tables`.
    found : RowPosteriors
        Of the rows.
    rows : ndarray of shape (T, n_features)
    weights : ndarray of shape (T,), or None
    by : AssigningMixture
    n_rows : int
        Of the whole dataset.
    may_lack : bool
        Whether NaN marks what is missing.
    """
    step = 1 if n_rows <= _MOST_COMPARED else _STEP
    some = np.flatnonzero(~np.isnan(found.log_density))[::step]
    w = None if weights is None else weights[some]
    for table, other in zip(tables, by.neighbours, strict=True):
        others = assign(other, rows[some], by.transform, may_lack=may_lack).labels
        shape = by.mixture.n_components, other.n_components
        table += cross_tabulate(found.labels[some], others, shape, w)
