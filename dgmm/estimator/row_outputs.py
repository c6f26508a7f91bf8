"""Quantities of each row under a fitted mixture, block by block in bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from dgmm.engine import blas
from dgmm.engine.assignment import assign_checked
from dgmm.engine.row_checks import unmask
from dgmm.errors import DataError
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import RowPosteriors

Rows = NDArray[np.generic]

_SLICE_ROWS = 1 << 13


@dataclass(frozen=True, slots=True)
class RowOutput:
    """One number for each row, or one for each row and component, or cluster of components.

    Attributes
    ----------
    name : str
        Of the result where it carries one.
    dtype : type
    has_components : bool
        Whether there is a number for each component.
    read : callable
        Takes it from an assignment; picklable.
    n_clusters : int, optional
        Where there is a number for each cluster in place of each component.
    """

    name: str
    dtype: type[np.generic]
    has_components: bool
    read: Callable[[RowPosteriors], Rows]
    n_clusters: int | None = None

    def shape(self, mixture: AssigningMixture) -> tuple[int, ...]:
        """Shape of the quantity of one row."""
        return (self.n_clusters or mixture.mixture.n_components,) if self.has_components else ()


def _log_certainty(assignment: RowPosteriors) -> Rows:
    """Log of the largest responsibility of each row."""
    return np.log(assignment.certainty)


LABEL = RowOutput("label", np.intp, False, attrgetter("labels"))
RESPONSIBILITY = RowOutput("responsibility", np.float64, True, attrgetter("responsibilities"))
LOG_DENSITY = RowOutput("log_density", np.float64, False, attrgetter("log_density"))
LOG_CERTAINTY = RowOutput("log_certainty", np.float64, False, _log_certainty)


@contextmanager
def naming_part(place: str) -> Iterator[None]:
    """Say of errors in which part of the data the rows are counted that they name."""
    try:
        yield
    except DataError as error:
        error.args = (f"In the {place}: {error}",)
        raise


def evaluate(rows: Rows, mixture: AssigningMixture, quantity: RowOutput, first: int = 0) -> Rows:
    """A quantity for every row of a block.

    Parameters
    ----------
    rows : ndarray of shape (..., n_features)
    mixture : AssigningMixture
    quantity : RowOutput
    first : int
        Index of the first row.

    Returns
    -------
    ndarray of shape (...) or (..., n_components)

    Raises
    ------
    DataError
        Naming the first row that has a value that is not finite, or is too far away.
    """
    flat = unmask(rows, "A block", first).reshape(-1, rows.shape[-1])
    functions = None if mixture.transform is None else mixture.transform.functions
    result = np.empty((len(flat), *quantity.shape(mixture)), quantity.dtype)
    with blas.single_thread():
        # Slices, so that a quantity of one number a row never holds one for each component.
        for start in range(0, len(flat), _SLICE_ROWS):
            part = slice(start, start + _SLICE_ROWS)
            found = assign_checked(mixture.mixture, flat[part], mixture.transform, first + start)
            result[part] = quantity.read(found)
            if quantity.name == LOG_DENSITY.name and functions is not None:
                result[part] += functions.log_jacobian(flat[part].T)
    return result.reshape(rows.shape[:-1] + result.shape[1:])
