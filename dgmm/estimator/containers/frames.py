"""Data frames of pandas and Dask: results carry their index."""

import sys
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

from dgmm.errors import DataError
from dgmm.estimator.containers.arrays import NumpyContainer
from dgmm.estimator.containers.container import RowContainer, compute_rows, flat_weights
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate
from dgmm.mixture.parameters import Parameters


@dataclass(frozen=True, slots=True, eq=False)
class PandasContainer(NumpyContainer):
    """A data frame: results carry its index."""

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights as scikit-learn checks them; those of a series by the labels of its index."""
        if hasattr(sample_weight, "to_dask_array"):
            sample_weight = sample_weight.compute()
        if _has_index(sample_weight):
            sample_weight = _aligned(sample_weight, self.heading.index)
        return NumpyContainer.weights(self, sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Any:
        """A series, or a frame with a column for each component."""
        return _indexed(compute_rows(self.values, mixture, quantity), self.heading.index, quantity)


@dataclass(frozen=True, slots=True, eq=False)
class DaskFrameContainer(RowContainer):
    """A Dask data frame."""

    frame: Any

    @property
    def heading(self) -> Any:
        """An empty frame of the same columns."""
        return sys.modules["pandas"].DataFrame(columns=self.frame.columns)

    def rows(self) -> da.Array:
        """Its values; the lengths of its partitions are computed, once."""
        check_columns(self.frame, may_be_text=False)
        frame = self.frame if _is_plain(self.frame) else self.frame.astype(np.float64)
        return frame.to_dask_array(lengths=True)

    def weights(self, sample_weight: Any) -> da.Array:
        """Weights from a series, by the labels of its index, or an array."""
        if hasattr(sample_weight, "to_dask_array"):
            aligned = self.frame.index.to_series().map_partitions(
                _aligned_partition,
                _in_partitions_of(self.frame, sample_weight),
                meta=(None, np.float64),
                align_dataframes=False,
            )
            return aligned.to_dask_array(lengths=True)
        if _has_index(sample_weight):
            sample_weight = _aligned(sample_weight, self.frame.index.compute()).to_numpy()
        return flat_weights(sample_weight)

    def evaluate(self, mixture: Parameters, quantity: RowOutput) -> Any:
        """A lazy series or frame with the same index and partitions."""
        check_columns(self.frame, may_be_text=False)
        if quantity.has_components:
            meta: Any = dict.fromkeys(range(mixture.n_components), quantity.dtype)
        else:
            meta = (quantity.name, quantity.dtype)
        return self.frame.map_partitions(_evaluate_frame, mixture, quantity, meta=meta)


def check_columns(frame: Any, *, may_be_text: bool) -> None:
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


def _is_real(dtype: Any) -> bool:
    types = sys.modules["pandas"].api.types
    return bool(types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype))


def _may_hold_numbers(dtype: Any) -> bool:
    types = sys.modules["pandas"].api.types
    return bool(types.is_object_dtype(dtype) or types.is_string_dtype(dtype))


def _is_plain(frame: Any) -> bool:
    """Whether NumPy has one real dtype for all columns."""
    dtypes = set(frame.dtypes)
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return False
    return len(dtypes) == 1 or all(dtype.kind in "iuf" for dtype in dtypes)


def _has_index(sample_weight: Any) -> bool:
    """Whether weights are a series of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(sample_weight, pandas.Series)


def _aligned(weights: Any, index: Any) -> Any:
    """A series of weights in the order of an index of the same labels."""
    if weights.index.equals(index):
        return weights
    is_same_set = len(index) == len(weights) and index.is_unique and weights.index.is_unique
    if not (is_same_set and index.isin(weights.index).all()):
        message = (
            f"sample_weight has other index labels than X: {len(weights)} from "
            f"{_ends(weights.index)}, and {len(index)} from {_ends(index)}. Give it those of X, or "
            "give an array, sample_weight.to_numpy(), if it is in the order of the rows."
        )
        raise DataError(message)
    return weights.reindex(index)


def _ends(index: Any) -> str:
    return f"{index[0]} to {index[-1]}" if len(index) else "none"


def _aligned_partition(rows: Any, weights: Any) -> Any:
    """Weights of one partition of rows."""
    return _aligned(weights, rows.index).astype(np.float64)


def _in_partitions_of(frame: Any, weights: Any) -> Any:
    """A Dask series in the partitions of a frame, without moving what need not move."""
    if frame.known_divisions and weights.known_divisions:
        same = weights.divisions == frame.divisions
        return weights if same else weights.repartition(divisions=frame.divisions, force=True)
    if weights.npartitions != frame.npartitions:
        message = (
            f"sample_weight has {weights.npartitions} partitions and X {frame.npartitions}, of "
            "unknown divisions; expected the same partitions. Make both of one frame."
        )
        raise DataError(message)
    return weights


def _evaluate_frame(frame: Any, mixture: Parameters, quantity: RowOutput) -> Any:
    values = frame.to_numpy() if _is_plain(frame) else frame.astype(np.float64).to_numpy()
    return _indexed(evaluate(values, mixture, quantity), frame.index, quantity)


def _indexed(values: Rows, index: Any, quantity: RowOutput) -> Any:
    pandas = sys.modules["pandas"]
    if quantity.has_components:
        return pandas.DataFrame(values, index)
    return pandas.Series(values, index, name=quantity.name)
