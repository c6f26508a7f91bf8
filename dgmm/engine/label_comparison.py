"""The labels of rows under the mixture that assigns them, and under its neighbours."""

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.model_selection.label_agreement import cross_tabulate
from dgmm.mixture.types import Array, Indices

_MOST_COMPARED = 1 << 17  # rows: each neighbour costs as much as the mixture that assigns


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
    places: Indices,
    n_rows: int,
    *,
    may_lack: bool,
) -> None:
    """Add rows to contingency tables, in place: all of few rows, evenly spaced ones of many.

    Parameters
    ----------
    tables : tuple of ndarray
        Of :func:`empty_tables`.
    found : RowPosteriors
        Of the rows.
    rows : ndarray of shape (T, n_features)
    weights : ndarray of shape (T,), or None
    by : AssigningMixture
    places : ndarray of shape (T,)
        Where the rows are in the dataset.
    n_rows : int
        Of the whole dataset.
    may_lack : bool
        Whether NaN marks what is missing.
    """
    step = -(-n_rows // _MOST_COMPARED)
    some = np.flatnonzero((places % step == 0) & ~np.isnan(found.log_density))
    if not len(some):
        return
    w, own = None if weights is None else weights[some], found.take(some).labels
    for table, other in zip(tables, by.neighbours, strict=True):
        others = assign(other, rows[some], by.transform, may_lack=may_lack).labels
        shape = by.mixture.n_components, other.n_components
        table += cross_tabulate(own, others, shape, w)
