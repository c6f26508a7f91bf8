"""Shared types."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""An array of float64, of any shape."""

Indices = NDArray[np.int64]
"""An array of int64, of any shape."""
