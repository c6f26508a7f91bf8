"""The interface of rows of any kind, and computations on rows in memory."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dgmm.engine.block import Missing
from dgmm.engine.in_memory import InMemoryRows, n_threads
from dgmm.engine.row_checks import check_all_finite
from dgmm.estimator.annotations import RowValues, WeightsLike
from dgmm.estimator.containers.array_likes import as_array_like
from dgmm.estimator.row_outputs import RowOutput, Rows, evaluate
from dgmm.mixture.assignment_statistics import AssigningMixture

if TYPE_CHECKING:  # rows in memory need no Dask
    from dgmm.engine.dataset import Dataset

_PART_BYTES = 1 << 21
_PART_ROWS = (1 << 13, 1 << 17)


class RowContainer(ABC):
    """Rows of features in the container that the user passed."""

    @property
    @abstractmethod
    def header(self) -> Any:  # an array or a frame, which is asked for columns and shape
        """An array or frame with the same features, from which scikit-learn takes their names."""

    @property
    def n_columns(self) -> int:
        """Number of features."""
        return int(self.header.shape[1])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features; x0, x1 and so on where they have none."""
        names = getattr(self.header, "columns", None)
        if names is None:
            return tuple(f"x{j}" for j in range(self.n_columns))
        return tuple(str(name) for name in names)

    def in_order(self, names: Sequence[str] | None) -> Self:
        """The same rows with features in the order of these names, where they are labelled."""
        del names
        return self

    def in_memory(self) -> Rows | None:
        """All rows, shape (n_rows, n_features), if they are here; None if Dask computes them."""
        return None

    @property
    def is_lazy(self) -> bool:
        """Whether the rows are computed when they are needed, by Dask."""
        return self.in_memory() is None

    def check_finite(self, missing: Missing = "error") -> None:
        """Refuse rows in memory that are NaN or infinite; others are checked as they are read.

        Parameters
        ----------
        missing : {"error", "drop", "marginalize"}
            With the last, NaN is no error.

        Raises
        ------
        DataError
            With their number, and the first rows and columns.
        """
        rows = self.in_memory()
        if rows is not None:
            check_all_finite(rows, self.feature_names, missing)

    def dataset(
        self, sample_weight: WeightsLike | None = None, labels: WeightsLike | None = None
    ) -> "Dataset | InMemoryRows":
        """What the engine fits.

        Raises
        ------
        DataError
            If rows, weights or labels cannot be fitted.
        """
        columns = {
            name: None if values is None else self.column(as_array_like(values, name), name)
            for name, values in (("sample_weight", sample_weight), ("labels", labels))
        }
        return self.blocks(columns["sample_weight"], columns["labels"])

    @abstractmethod
    def column(self, values: WeightsLike, name: str) -> Any:
        """Numbers of any kind, one for each row, in the order of the rows and as lazy as they.

        Parameters
        ----------
        values : object
        name : str
            Of the parameter, for messages.
        """

    @abstractmethod
    def blocks(self, weights: Any, labels: Any) -> "Dataset | InMemoryRows":
        """The rows in blocks, with columns that :meth:`column` returned, or None."""

    @abstractmethod
    def evaluate(self, mixture: AssigningMixture, quantity: RowOutput) -> RowValues:
        """A quantity of every row, in a container of the same kind."""

    @abstractmethod
    def totals(
        self, mixture: AssigningMixture, quantities: Sequence[RowOutput]
    ) -> tuple[list[float], int]:
        """The sums of quantities over all rows, and the number of rows."""


def compute_rows(values: Rows, mixture: AssigningMixture, quantity: RowOutput) -> Rows:
    """The quantity of every row in memory, by threads where there are many."""
    n_part = int(np.clip(_PART_BYTES // (values.shape[1] * values.itemsize), *_PART_ROWS))
    if len(values) <= n_part:
        return evaluate(values, mixture, quantity)
    result = np.empty((len(values), *quantity.shape(mixture)), quantity.dtype)

    def fill(start: int) -> None:
        part = slice(start, start + n_part)
        result[part] = evaluate(values[part], mixture, quantity, start)

    with ThreadPoolExecutor(n_threads()) as pool:
        for _ in pool.map(fill, range(0, len(values), n_part)):
            pass
    return result


def sum_rows(
    values: Rows, mixture: AssigningMixture, quantities: Sequence[RowOutput]
) -> tuple[list[float], int]:
    """The sums of quantities over all rows in memory that have them, and the number of rows."""
    sums = [float(np.nansum(compute_rows(values, mixture, quantity))) for quantity in quantities]
    return sums, len(values)
