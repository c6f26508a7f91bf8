"""Quantities of each row under a fitted mixture, block by block in bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from dgmm.engine import blas
from dgmm.engine.assignment import assign_checked
from dgmm.engine.block import Missing
from dgmm.engine.row_checks import check_finite, unmask
from dgmm.errors import DataError
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.missing_values.imputation import impute

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
    missing : {"error", "drop", "marginalize"}
        With the last, NaN in rows marks what is missing.
    """

    name: str
    dtype: type[np.generic]
    has_components: bool
    read: Callable[[RowPosteriors], Rows]
    n_clusters: int | None = None
    missing: Missing = "error"

    def shape(self, mixture: AssigningMixture) -> tuple[int, ...]:
        """Shape of the quantity of one row."""
        return (self.n_clusters or mixture.mixture.n_components,) if self.has_components else ()

    @property
    def has_features(self) -> bool:
        """Whether there is a number for each feature."""
        return False

    @property
    def has_units(self) -> bool:
        """Whether it is in the units of the rows."""
        return False

    @property
    def has_columns(self) -> bool:
        """Whether there is more than one number for each row."""
        return self.has_components or self.has_features

    def values(self, by: AssigningMixture, rows: Rows, first: int) -> Rows:
        """The quantity of rows, shape (n_rows, ...), the first of which has this index."""
        found = assign_checked(by.mixture, rows, by.transform, first, missing=self.missing)
        return self.read(found)


@dataclass(frozen=True, slots=True)
class ImputedOutput(RowOutput):
    """Rows without missing values, or the variances of what stands in their place."""

    is_variance: bool = False

    def shape(self, mixture: AssigningMixture) -> tuple[int, ...]:
        """Shape of the quantity of one row."""
        return (mixture.mixture.n_features,)

    @property
    def has_features(self) -> bool:
        """There is."""
        return True

    @property
    def has_units(self) -> bool:
        """Rows have them; variances those of squares."""
        return not self.is_variance

    def values(self, by: AssigningMixture, rows: Rows, first: int) -> Rows:
        """Imputed rows, or variances, shape (n_rows, n_features)."""
        check_finite(first, rows, missing="marginalize")
        found = impute(by.mixture, rows, by.transform)
        return found.variance if self.is_variance else found.mean


def _log_certainty(assignment: RowPosteriors) -> Rows:
    """Log of the largest responsibility of each row."""
    return np.log(assignment.certainty)


def _has_value(assignment: RowPosteriors) -> Rows:
    """One for each row that has a value."""
    return (~np.isnan(assignment.log_density)).astype(np.float64)


LABEL = RowOutput("label", np.intp, False, attrgetter("labels"))
RESPONSIBILITY = RowOutput("responsibility", np.float64, True, attrgetter("responsibilities"))
LOG_DENSITY = RowOutput("log_density", np.float64, False, attrgetter("log_density"))
LOG_CERTAINTY = RowOutput("log_certainty", np.float64, False, _log_certainty)
HAS_VALUE = RowOutput("has_value", np.float64, False, _has_value, missing="marginalize")
IMPUTED = ImputedOutput("imputed", np.float64, False, attrgetter("log_density"))
IMPUTED_VARIANCE = replace(IMPUTED, name="imputed_variance", is_variance=True)


@contextmanager
def name_part(place: str) -> Iterator[None]:
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
    ndarray of shape (...), (..., n_components) or (..., n_features)

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
            result[part] = quantity.values(mixture, flat[part], first + start)
            if quantity.name == LOG_DENSITY.name and functions is not None:
                result[part] += functions.log_jacobian(flat[part].T)
    return result.reshape(rows.shape[:-1] + result.shape[1:])
