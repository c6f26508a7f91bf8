"""Sparse matrices of AnnData by rows, made dense as they are read."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.sources.packing import to_text
from dgmm.io.storage.location import AnyPath

_BY_ROWS, _BY_COLUMNS = "csr_matrix", "csc_matrix"


def is_sparse(root: Any, name: str) -> bool:
    """Whether a member of an AnnData is a sparse matrix."""
    encoding = to_text(root[name].attrs.get("encoding-type", "")) if name in root else ""
    return encoding in (_BY_ROWS, _BY_COLUMNS)


def shape_and_dtype(path: AnyPath, root: Any, name: str) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Of a sparse matrix.

    Raises
    ------
    DataError
        If it is stored by columns, of which rows cannot be read without all others.
    """
    matrix = root[name]
    if to_text(matrix.attrs["encoding-type"]) == _BY_COLUMNS:
        raise DataError(
            f"{name} in {path} is a sparse matrix by columns (CSC), whose rows cannot be read one "
            "by one. Store it by rows, as .tocsr() gives it."
        )
    n_rows, n_columns = (int(extent) for extent in matrix.attrs["shape"])
    return (n_rows, n_columns), np.dtype(matrix["data"].dtype)


def read_rows(root: Any, name: str, rows: slice, columns: list[int] | None) -> NDArray[Any]:
    """Some rows of a sparse matrix, dense.

    Parameters
    ----------
    root : h5py.Group or zarr.Group
    name : str
    rows : slice
    columns : list of int, or None
        Which columns; None takes all.
    """
    matrix = root[name]
    bounds = np.asarray(matrix["indptr"][rows.start : rows.stop + 1], np.int64)
    here = slice(int(bounds[0]), int(bounds[-1]))
    data, indices = np.asarray(matrix["data"][here]), np.asarray(matrix["indices"][here])
    shape = (len(bounds) - 1, int(matrix.attrs["shape"][1]))
    found = scipy.sparse.csr_matrix((data, indices, bounds - bounds[0]), shape=shape)
    return np.asarray((found if columns is None else found[:, columns]).toarray())
