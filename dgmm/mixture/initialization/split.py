"""What two components in place of one would gain."""

from dataclasses import dataclass, replace

import numpy as np

from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Two components in place of one.

    Attributes
    ----------
    gain : float
        Log-likelihood that the split gains at least, in nats; minus infinity if there is no split.
    shares : ndarray of shape (2,)
        Of the component's weight.
    means : ndarray of shape (2, n_features)
    matrices : ndarray of shape (2, n_features, n_features)
        Covariances.
    is_needless : bool
        Whether there is no split because the component looks Gaussian.
    """

    gain: float
    shares: Array
    means: Array
    matrices: Array
    is_needless: bool = False

    @property
    def exists(self) -> bool:
        """Whether there is a split."""
        return bool(np.isfinite(self.gain))


NO_SPLIT = Split(-np.inf, np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0)))
NEEDLESS_SPLIT = replace(NO_SPLIT, is_needless=True)
