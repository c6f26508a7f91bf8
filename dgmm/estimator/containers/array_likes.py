"""Arrays of other libraries as NumPy's: masked, on other devices, or no arrays at all.

They are typed as Any: they are recognised by protocols that mypy does not know.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dgmm.engine.row_checks import unmask
from dgmm.errors import DataError

_IN_MEMORY = (1, 3, 11, 13)  # DLPack's devices that the CPU reads: its own, pinned and managed
_PROTOCOLS = ("__array__", "__array_interface__", "__dlpack__", "toarray")
_INSTEAD = {
    (
        "anndata",
        "AnnData",
    ): "Give its matrix, adata.X, or an embedding such as adata.obsm['X_pca'].",
    ("xarray", "Dataset"): "Give one array: dataset.to_dataarray(), with feature_dim='variable'.",
}


def is_dask_array(values: Any) -> bool:
    """Whether values are a Dask array, of its own class or of expressions."""
    return hasattr(values, "__dask_graph__") and hasattr(values, "numblocks")


def as_array_like(values: Any, name: str) -> Any:
    """The values as scikit-learn's checks accept them: unchanged, or as a NumPy array.

    Parameters
    ----------
    values : object
        As the user gave it.
    name : str
        Of the parameter, for messages.

    Raises
    ------
    DataError
        If values are masked, lie on a device that the CPU does not read, or are in a container
        that would be read element by element.
    """
    if isinstance(values, list | tuple) and any(isinstance(v, np.ma.MaskedArray) for v in values):
        values = np.ma.stack([np.ma.asanyarray(value) for value in values])
    if isinstance(values, np.ma.MaskedArray):
        return unmask(values, name)
    if isinstance(values, np.ndarray | np.generic | Sequence) or np.isscalar(values):
        return values
    if is_dask_array(values):  # expressions have no `__array__`
        return values
    _refuse_no_array(values, name)
    if hasattr(values, "__dlpack_device__"):
        return _read_device_array(values, name)
    return values


def to_memory(values: Any, name: str) -> Any:
    """Values in memory: Dask's are computed, masks are refused.

    Raises
    ------
    DataError
        If values are masked.
    """
    return as_array_like(values.compute(), name) if hasattr(values, "__dask_graph__") else values


def _refuse_no_array(values: Any, name: str) -> None:
    kind = type(values)
    instead = _INSTEAD.get((kind.__module__.partition(".")[0], kind.__name__))
    is_array = any(hasattr(values, protocol) for protocol in _PROTOCOLS) or _is_buffer(values)
    if values is None or (is_array and instead is None):
        return
    instead = instead or "Convert it with numpy.asarray if that gives an array."
    raise DataError(
        f"{name} is a {kind.__module__}.{kind.__qualname__}; expected an array, a data frame or a "
        f"DataArray. {instead}"
    )


def _is_buffer(values: Any) -> bool:
    try:
        memoryview(values)
    except TypeError:
        return False
    return True


def _read_device_array(values: Any, name: str) -> Any:
    """An array of the array API standard as NumPy's, if the CPU can read it."""
    kind = f"{type(values).__module__}.{type(values).__qualname__}"
    device = getattr(values, "device", "another device")
    try:
        is_here = int(values.__dlpack_device__()[0]) in _IN_MEMORY
        found = np.asarray(values) if is_here else None
    except Exception as error:  # libraries raise errors of any type for arrays on other devices
        raise DataError(f"{name} is a {kind}, of which NumPy makes no array: {error}") from error
    if found is None:
        raise DataError(
            f"{name} is a {kind} on {device}; dgmm computes on CPUs. Copy it to NumPy first, such "
            "as by .cpu().numpy() of PyTorch, or .get() of CuPy."
        )
    return found
