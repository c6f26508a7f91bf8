"""What a profile is of."""

from dataclasses import dataclass

import numpy as np

from dgmm.engine.block import Rows
from dgmm.mixture.column_functions.columnwise import ColumnFunctions


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """What a profile is of: which rows the sample takes, and what is done to features first.

    Attributes
    ----------
    seed : int
        Of the sample.
    probability : float
        The share of the rows that the sample takes.
    functions : ColumnFunctions, or None
        Of single features; mean and scatter are those of their values.
    n_classes : int
        Most classes that rows may be labelled with.
    """

    seed: int
    probability: float
    functions: ColumnFunctions | None = None
    n_classes: int = 0

    def values(self, rows: Rows) -> Rows:
        """Rows after the functions."""
        if self.functions is None:
            return rows
        return self.functions.apply(rows.T.astype(np.float64)).T
