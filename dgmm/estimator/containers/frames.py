"""Data frames of pandas: results carry their index."""

import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from dgmm.errors import DataError
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.arrays import NumpyContainer
from dgmm.estimator.containers.container import compute_rows
from dgmm.estimator.row_outputs import RowOutput, Rows
from dgmm.mixture.assignment_statistics import AssigningMixture

if TYPE_CHECKING:
    import dask.dataframe
    import pandas as pd
    from pandas.api.extensions import ExtensionDtype

_Dtype: TypeAlias = "np.dtype[np.generic] | ExtensionDtype"


@dataclass(frozen=True, slots=True, eq=False)
class PandasContainer(NumpyContainer):
    """A data frame: results carry its index, where frames are asked for.

    Attributes
    ----------
    keeps_index : bool
        Whether they do, or are arrays, as those of scikit-learn.
    """

    keeps_index: bool = False

    def column(self, values: WeightsLike, name: str) -> Rows:
        """Numbers as scikit-learn checks them; those of a series by the labels of its index."""
        if hasattr(values, "to_dask_array"):
            values = cast("dask.dataframe.Series", values).compute()
        if has_index(values):
            values = align_to_index(values, self.header.index, name)
        return NumpyContainer.column(self, values, name)

    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> RowValues:
        """An array; a series, or a frame with a column for each component, where asked for."""
        if not self.keeps_index:
            return compute_rows(self.values, mixture, quantity)
        found = compute_rows(self.values, mixture, quantity)
        return with_index(found, self.header, quantity)


def check_columns(frame: "pd.DataFrame | dask.dataframe.DataFrame", *, may_be_text: bool) -> None:
    """Refuse columns of a pandas or Dask frame that are no real numbers, by name.

    Parameters
    ----------
    frame : pandas.DataFrame or dask.dataframe.DataFrame
    may_be_text : bool
        Whether columns of text or objects are let through, which scikit-learn converts if they
        hold numbers.

    Raises
    ------
    DataError
    """
    check_unique(tuple(frame.columns))
    wrong = [
        f"{name} ({dtype})"
        for name, dtype in frame.dtypes.items()
        if not (_is_real(dtype) or (may_be_text and _may_hold_numbers(dtype)))
    ]
    if wrong:
        message = (
            f"Columns of X are no real numbers: {', '.join(wrong)}. Convert them, such as by "
            "astype(float), or leave them out."
        )
        raise DataError(message)


def check_unique(names: Sequence[Hashable]) -> None:
    """Refuse features of one name, which nobody could tell apart.

    Raises
    ------
    DataError
    """
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise DataError(
            f"X has more than one feature named {', '.join(map(repr, twice))}; expected different "
            "names. Rename them, or give the values without names."
        )


def _is_real(dtype: _Dtype) -> bool:
    types = sys.modules["pandas"].api.types
    return bool(types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype))


def _may_hold_numbers(dtype: _Dtype) -> bool:
    types = sys.modules["pandas"].api.types
    return bool(types.is_object_dtype(dtype) or types.is_string_dtype(dtype))


def is_plain(frame: "pd.DataFrame | dask.dataframe.DataFrame") -> bool:
    """Whether NumPy has one real dtype for all columns."""
    dtypes = set(frame.dtypes)
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return False
    return len(dtypes) == 1 or all(dtype.kind in "iuf" for dtype in dtypes)


def has_index(values: WeightsLike) -> bool:
    """Whether numbers of rows are a series of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(values, pandas.Series)


def align_to_index(values: "pd.Series", index: "pd.Index", name: str) -> "pd.Series":
    """A series of numbers of rows in the order of an index of the same labels."""
    if values.index.equals(index):
        return values
    is_same_set = len(index) == len(values) and index.is_unique and values.index.is_unique
    if not (is_same_set and index.isin(values.index).all()):
        message = (
            f"{name} has other index labels than X: {len(values)} from "
            f"{index_ends(values.index)}, and {len(index)} from {index_ends(index)}. Give it "
            f"those of X, or an array, {name}.to_numpy(), if it is in the order of the rows."
        )
        raise DataError(message)
    return values.reindex(index)


def index_ends(index: "pd.Index") -> str:
    """Its first and last label."""
    return f"{index[0]} to {index[-1]}" if len(index) else "none"


def with_index(values: Rows, frame: "pd.DataFrame", quantity: RowOutput) -> RowValues:
    """Values of the rows of a frame as a series, or a frame if there is more than one a row."""
    pandas = sys.modules["pandas"]
    if quantity.has_columns:
        return pandas.DataFrame(
            values, frame.index, frame.columns if quantity.has_features else None
        )
    return pandas.Series(values, frame.index, name=quantity.name)
