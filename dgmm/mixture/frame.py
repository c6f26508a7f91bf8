"""Where the origin of the arithmetic lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.preparation import Preparation

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The origin that kernels subtract from every row, and what all rows add up to about it.

    Rows are those that a preparation makes of the data, if there is one.

    Second moments about a far origin lose their digits, so the origin is the mean of the data.
    Parameters handed to kernels are relative to the origin.

    Attributes
    ----------
    origin : ndarray of shape (n_features,)
    total_weight : float
        Sum of sample weights (the number of rows, if there are none).
    scatter : ndarray of shape (n_features, n_features)
        Weighted sum of (x - origin)(x - origin)'. It never changes, so that tied covariances need
        no second moments from a pass.
    preparation : Preparation, or None
    """

    origin: Array
    total_weight: float
    scatter: Array
    preparation: Preparation | None = None
