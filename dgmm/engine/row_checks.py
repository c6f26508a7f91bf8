"""Checks that refuse rows that cannot be fitted or assigned, by row number."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.block import Block, Missing, Rows
from dgmm.errors import DataError, Remedy
from dgmm.mixture.types import Array
from dgmm.text import join_names

_REAL_KINDS = "buif"

LARGEST = 1e140
"""Of values and weights, so that squares stay inside float64."""

_SMALLEST = 1e-140
_SMALLEST_WEIGHT = 1e-300
_LARGEST_RATIO = 1e120

PLACES = 5
"""Offending places that are named."""

_LACKING = "Remove or fill these rows."
_INFINITE = "Infinite values do not count as missing: remove these rows, or write NaN instead."


class _ArrayMetadata(Protocol):
    """An array of NumPy or Dask."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def is_real(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype are real numbers that float64 holds."""
    return dtype.kind in _REAL_KINDS and dtype.itemsize <= 8


def check_table(rows: _ArrayMetadata) -> None:
    """Raise DataError unless there are rows and features, of real numbers."""
    if 0 in rows.shape:
        message = f"The data have shape {rows.shape}; expected at least one row and one feature."
        raise DataError(message)
    if not is_real(rows.dtype):
        message = (
            f"The data have dtype {rows.dtype}; expected boolean, integer, or floating point of at "
            "most 64 bits."
        )
        raise DataError(message)


def check_features(rows: _ArrayMetadata, names: Sequence[str]) -> None:
    """Raise DataError unless there are rows of these features, of real numbers."""
    if len(rows.shape) != 2 or rows.shape[1] != len(names):
        raise DataError(
            f"The rows have shape {rows.shape}; expected (number of rows, {len(names)}), with the "
            f"features {join_names(names, 12)}."
        )
    check_table(rows)


def check_shape_of_column(column: _ArrayMetadata, rows: _ArrayMetadata, name: str) -> None:
    """Raise DataError unless there is a real number for each row."""
    if column.shape != rows.shape[:1] or not is_real(column.dtype):
        message = (
            f"{name} have shape {column.shape} and dtype {column.dtype}; expected real "
            f"numbers of shape {rows.shape[:1]}, one for each row."
        )
        raise DataError(message)


def find_bad_weights(block: Block) -> tuple[tuple[int, float], ...]:
    """Row and value of the first weights that are negative, NaN, infinite or huge."""
    if block.weights is None:
        return ()
    weights = block.weights.astype(np.float64)
    bad = np.flatnonzero(~((weights >= 0) & (weights <= LARGEST)))[:PLACES]
    return tuple((block.index(int(i)), float(weights[i])) for i in bad)


def check_weights(found: tuple[tuple[int, float], ...]) -> None:
    """Raise DataError that names these weights, if there are any."""
    if found:
        places = ", ".join(f"row {row} ({value})" for row, value in found)
        message = (
            f"Weights must be finite, not negative and at most {LARGEST:.0e}; "
            f"the first that are not: {places}."
        )
        raise DataError(message)


def check_total_weight(total: float) -> None:
    """Raise DataError unless the weights sum to enough for products to stay inside float64."""
    if not total > 0:
        message = "All weights are zero; expected at least one row of positive weight."
        raise DataError(message)
    if total < _SMALLEST_WEIGHT:
        message = (
            f"The weights sum to {total:.3g}; expected at least {_SMALLEST_WEIGHT:.0e}, so that "
            "products stay inside float64. Scale them."
        )
        raise DataError(message)


def check_all_finite(rows: Rows, feature_names: Sequence[str], missing: Missing = "error") -> None:
    """Refuse rows that have a value that is infinite, or NaN unless that is to be marginalised."""
    with np.errstate(over="ignore", invalid="ignore"):
        if rows.dtype.kind != "f" or np.isfinite(rows.sum(dtype=np.float64)):
            return  # one sum finds what is rare faster than a look at each value
    bad = np.argwhere(np.isinf(rows) if missing == "marginalize" else ~np.isfinite(rows))
    places = [(int(i), int(j), float(rows[i, j])) for i, j in bad[:PLACES]]
    check_places(len(bad), places, feature_names)


def check_places(
    n_bad: int, places: Iterable[tuple[int, int, float]], feature_names: Sequence[str]
) -> None:
    """Raise DataError that names values that are not finite, if there are any.

    Parameters
    ----------
    n_bad : int
        How many there are.
    places : iterable of (int, int, float)
        Row, column and value of the first.
    feature_names : sequence of str
    """
    if not n_bad:
        return
    found = [(value, f"row {i} column {feature_names[j]!r} ({value})") for i, j, value in places]
    first = ", ".join(text for _, text in found)
    is_infinite = all(np.isinf(value) for value, _ in found)
    message = (
        f"The data have {n_bad:,} values that are NaN or infinite; expected finite numbers. "
        f"The first: {first}. {_INFINITE if is_infinite else _LACKING}"
    )
    raise DataError(message, remedy=Remedy.DROP_MISSING)


def check_finite(
    first: int,
    rows: Rows,
    complete: NDArray[np.bool_] | None = None,
    missing: Missing = "error",
) -> None:
    """Raise DataError with the first row, and the number of rows, that cannot be assigned.

    Parameters
    ----------
    first : int
        Index of the first row.
    rows : ndarray of shape (m, n_features)
    complete : ndarray of bool, or None
        Where these rows lie, counted from ``first``; None if there are no others.
    missing : {"error", "drop", "marginalize"}
        With the last, NaN is no error.

    Raises
    ------
    DataError
    """
    if rows.dtype.kind != "f" or np.isfinite(rows).all():
        return
    may_lack = missing == "marginalize"
    is_bad = np.isinf(rows) if may_lack else ~np.isfinite(rows)
    bad = np.flatnonzero(is_bad.any(axis=1))
    if not len(bad):
        return
    places = bad if complete is None else np.flatnonzero(complete)[bad]
    is_infinite = not np.isnan(rows[bad]).any()
    what = "infinite" if may_lack else "NaN or infinite"
    message = (
        f"Row {first + int(places[0])} has a value that is {what}, as have "
        f"{len(bad) - 1:,} more of the next {len(rows):,}; expected finite numbers. "
        f"{_INFINITE if is_infinite else _LACKING}"
    )
    raise DataError(message, remedy=Remedy.DROP_MISSING)


def unmask(values: Rows, name: str, start: int = 0) -> Rows:
    """The values of a masked array without its mask, if that hides nothing; others as they are.

    Parameters
    ----------
    values : ndarray of shape (n_rows,) or (n_rows, n_features)
    name : str
        What they are, for the message.
    start : int
        Index of the first row.

    Raises
    ------
    DataError
        If values are masked, with their number and the first rows.
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    mask = np.ma.getmaskarray(values)
    if mask.any():
        rows = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1))
        first = ", ".join(str(start + int(row)) for row in rows[:PLACES])
        message = (
            f"{name} is a masked array, in which {np.count_nonzero(mask)} values are missing, in "
            f"{len(rows)} row(s), the first: {first}. Leave these rows out, or fill them: "
            "numpy.ma.filled(array, value)."
        )
        raise DataError(message)
    return np.asarray(values.data)


def check_overflow(
    first: int, log_density: Array, complete: NDArray[np.bool_] | None = None
) -> None:
    """Name the first row whose distances from the components overflow float64.

    Parameters
    ----------
    first : int
        Index of the first row.
    log_density : ndarray of shape (m,)
    complete : ndarray of bool, or None
        Where these rows lie, counted from ``first``; None if there are no others.

    Raises
    ------
    DataError
    """
    bad = np.flatnonzero(~np.isfinite(log_density))
    if len(bad) == 0:
        return
    places = bad if complete is None else np.flatnonzero(complete)[bad]
    message = (
        f"Row {first + int(places[0])} is so far from all components that the "
        "squares of its distances do not fit into float64. Is one of its values a mark of what is "
        "missing? Leave the row out, or write NaN in its place."
    )
    raise DataError(message, remedy=Remedy.DROP_MISSING)


def find_non_finite(
    block: Block, tiles: list[slice]
) -> tuple[int, tuple[tuple[int, int, float], ...]]:
    """How many values are infinite, or NaN that are not to be marginalised; the first places."""
    rows = block.rows
    if rows.dtype.kind != "f":
        return 0, ()
    n, may_lack = 0, block.missing == "marginalize"
    places: list[tuple[int, int, float]] = []
    for tile in tiles:
        is_usable = ~np.isinf(rows[tile]) if may_lack else np.isfinite(rows[tile])
        if is_usable.all():
            continue
        bad = np.argwhere(~is_usable)
        n += len(bad)
        for i, j in bad[: PLACES - len(places)]:
            row = tile.start + int(i)
            places.append((block.index(row), int(j), float(rows[row, j])))
    return n, tuple(places)


def check_range(minimum: Array, maximum: Array, feature_names: tuple[str, ...]) -> None:
    """Squares of values, and ratios of variances, must stay inside float64.

    Raises
    ------
    DataError
        If they do not.
    """
    largest = np.maximum(np.abs(minimum), np.abs(maximum))
    spread = maximum - minimum
    for name, value, width in zip(feature_names, largest, spread, strict=True):
        if value > LARGEST or 0 < width < _SMALLEST:
            message = (
                f"Feature {name!r} has values up to {value:.3g} and a spread of {width:.3g}; "
                f"expected at most {LARGEST:.0e} and at least {_SMALLEST:.0e}, so that squares "
                "stay inside float64. Use another unit."
            )
            raise DataError(message)
    varying = spread[spread > 0]
    if varying.size and varying.max() / varying.min() > _LARGEST_RATIO:
        message = (
            f"The features' spreads range from {varying.min():.3g} to {varying.max():.3g}; "
            f"expected at most a factor of {_LARGEST_RATIO:.0e} between them. Use units that are "
            "more alike."
        )
        raise DataError(message)
