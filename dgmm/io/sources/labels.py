"""Match labels along the dimensions of two datasets."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Coordinate
from dgmm.io.sources.format import DatasetMetadata, ReadCoordinate
from dgmm.io.storage.location import Location, input_path

_TEXT = "UOTS"
_MOST_LABELS = 1 << 20  # along a dimension that may lie in another order


def label_order(wanted: Any, found: Any) -> NDArray[np.intp] | None:
    """Places in ``found`` of the labels ``wanted``.

    Floats are compared in the coarser of their dtypes, since a coordinate is often kept in float32
    in one file and in float64 in another.

    Parameters
    ----------
    wanted, found : array-like of shape (n,)

    Returns
    -------
    ndarray of shape (n,), or None
        None if they are equal as they are.

    Raises
    ------
    LookupError
        If they are not the same labels, or not different from each other; it says how they differ.

    Examples
    --------
    >>> label_order([10.0, 20.0, 30.0], [30.0, 20.0, 10.0])
    array([2, 1, 0])
    >>> label_order(["a", "b"], ["b", "c"])
    Traceback (most recent call last):
    LookupError: there are 2 from a to b, and 2 from b to c
    """
    a, b = _comparable(wanted, found)
    if a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all()):  # NaN is NaN here
        return None
    if a.shape == b.shape:
        order_a, order_b = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
        if bool((a[order_a] == b[order_b]).all()) and len(set(a.tolist())) == len(a):
            order = np.empty(len(a), np.intp)
            order[order_a] = order_b
            return order
    raise LookupError(f"there are {_describe(a)}, and {_describe(b)}")


def _comparable(*labels: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    a, b = (np.asarray(each) for each in labels)
    if a.dtype.kind in _TEXT or b.dtype.kind in _TEXT:
        a, b = (np.array([_text(label) for label in each.tolist()], dtype=str) for each in (a, b))
    elif a.dtype.kind == b.dtype.kind == "f":
        coarser = min(a.dtype, b.dtype, key=lambda dtype: dtype.itemsize)
        a, b = a.astype(coarser), b.astype(coarser)
    return a, b


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def _describe(labels: NDArray[Any]) -> str:
    return f"{len(labels)} from {labels[0]} to {labels[-1]}" if len(labels) else "none"


@dataclass(frozen=True, slots=True)
class LabelledDataset:
    """A dataset and a function that reads its labels.

    Attributes
    ----------
    location : Location
    stored : DatasetMetadata
    read_coordinate : callable, optional
        See `dgmm.io.sources.format.Format`; None if it has no labels.
    """

    location: Location
    stored: DatasetMetadata
    read_coordinate: ReadCoordinate | None

    def coordinate(self, dim: str) -> Coordinate | None:
        """The labels along a dimension, if there are any."""
        if self.read_coordinate is None:
            return None
        known = (each for each in self.stored.coordinates if each.name == dim)
        return next((each for each in known if each.dims == (dim,)), None)

    def labels(self, coordinate: Coordinate, start: int, stop: int) -> NDArray[Any]:
        """Some of the labels along a dimension."""
        if self.read_coordinate is None:
            raise LookupError(coordinate.name)
        region = (slice(start, stop),)
        path, selection = input_path(self.location), self.stored.selection
        return self.read_coordinate(path, selection, coordinate, region)


def align_weights(rows: LabelledDataset, weights: LabelledDataset) -> DatasetMetadata:
    """Metadata of the weights, with the order in which to read them.

    Where both datasets have labels along a dimension, those decide; elsewhere the order does.

    Parameters
    ----------
    rows, weights : LabelledDataset
        Of the same samples' dimensions and extents.

    Returns
    -------
    DatasetMetadata
        Of the weights.

    Raises
    ------
    DataError
        If labels along a dimension are not the same, in whatever order.
    """
    orders: list[tuple[str, tuple[int, ...]]] = []
    for dim, extent in zip(rows.stored.dims, rows.stored.shape[:-1], strict=True):
        here, there = rows.coordinate(dim), weights.coordinate(dim)
        if here is None or there is None:
            continue
        try:
            order = _order(rows, weights, here, there, extent)
        except LookupError as error:
            raise DataError(
                f"The weights of {weights.location} have other labels along {dim} than the rows of "
                f"{rows.location}: {error}. Write them with the coordinates of the rows, or "
                "interpolate them."
            ) from error
        if order is not None:
            orders.append((dim, tuple(order.tolist())))
    selection = replace(weights.stored.selection, orders=tuple(orders))
    return replace(weights.stored, selection=selection)


def _order(
    rows: LabelledDataset,
    weights: LabelledDataset,
    here: Coordinate,
    there: Coordinate,
    extent: int,
) -> NDArray[np.intp] | None:
    """Places of the rows' labels among those of the weights; None if they are equal."""
    for start in range(0, extent, _MOST_LABELS):
        part = (start, min(start + _MOST_LABELS, extent))
        order = label_order(rows.labels(here, *part), weights.labels(there, *part))
        if order is not None:
            if extent > _MOST_LABELS:
                raise LookupError(f"of {extent}, those from {start} on are in another order")
            return order
    return None
