"""Splits of components, kept as long as a component hardly changes."""

from dataclasses import dataclass, field

import numpy as np

from dgmm.mixture.initialization.split import Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_LIKE_WEIGHT, _LIKE_MEAN, _LIKE_COVARIANCE = 0.1, 0.01, 0.02  # of a component that hardly changed


@dataclass(eq=False)
class SplitCache:
    """Splits that were worked out, found again by a component that has hardly changed."""

    known: list[tuple[float, Array, Array, Split]] = field(default_factory=list)

    def find(self, mixture: Parameters, k: int) -> Split | None:
        """The split of a component like ``k`` that was worked out last."""
        if not self.known or not mixture.weights[k] > 0:
            return None
        factor = mixture.factor_matrices[k]
        weights = np.array([entry[0] for entry in self.known])
        shifts = (np.stack([entry[1] for entry in self.known]) - mixture.means[k]) @ factor
        near = np.abs(np.log(weights / mixture.weights[k])) < _LIKE_WEIGHT
        near &= (shifts**2).sum(axis=1) < _LIKE_MEAN
        for index in np.flatnonzero(near)[::-1]:
            relative = factor.T @ self.known[index][2] @ factor
            divergence = np.trace(relative) - len(factor) - np.linalg.slogdet(relative)[1]
            if divergence < _LIKE_COVARIANCE:
                return self.known[index][3]
        return None

    def put(self, mixture: Parameters, k: int, split: Split) -> None:
        """Remember the split of a component."""
        if mixture.weights[k] > 0:
            matrix = mixture.matrices[k]
            self.known.append((float(mixture.weights[k]), mixture.means[k], matrix, split))
