"""Labels along a dimension: where those of one dataset are in another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TEXT = "UOTS"


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
    raise LookupError(f"there are {_described(a)}, and {_described(b)}")


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


def _described(labels: NDArray[Any]) -> str:
    return f"{len(labels)} from {labels[0]} to {labels[-1]}" if len(labels) else "none"
