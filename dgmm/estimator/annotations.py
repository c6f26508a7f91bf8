"""What users give and get, for the signatures of the estimator.

Types of optional packages are only for readers and editors; they are not imported.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from dgmm.mixture.fit_result import FitResult, Sweep

if TYPE_CHECKING:
    import dask.array
    import dask.dataframe
    import pandas as pd
    import xarray


class _FittedSweep(Protocol):
    """What :func:`dgmm.sweep` returns."""

    @property
    def results(self) -> tuple[FitResult, ...]:
        """Every candidate."""


class _OpenedResult(Protocol):
    """What :func:`dgmm.open_result` returns."""

    @property
    def sweep(self) -> Sweep:
        """Every candidate, and the one that was selected."""


DataLike: TypeAlias = Union[
    ArrayLike, "dask.array.Array", "pd.DataFrame", "dask.dataframe.DataFrame", "xarray.DataArray"
]
"""Rows of features, (n_samples, n_features)."""

WeightsLike: TypeAlias = Union[
    ArrayLike, "dask.array.Array", "pd.Series", "dask.dataframe.Series", "xarray.DataArray"
]
"""A weight or a label for each row, or one for all."""

InitParams: TypeAlias = str | Sequence[str] | BaseEstimator | _FittedSweep | _OpenedResult | None
"""Kinds of start, or mixtures to start from."""

FeatureTransformLike: TypeAlias = str | Mapping[str, object] | None
"""A function of all features, or a mapping from their names to functions."""

RandomState: TypeAlias = np.random.RandomState | int | None

RowValues: TypeAlias = Any
"""Values of rows in the kind that X came in. Only the caller knows it: a union would have to be
narrowed after every call."""
