"""How sure weights, means and deviations of components are, by groups of consecutive rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.mixture.component_summary import ComponentStatistics
from dgmm.mixture.model_selection.dependence import FEWEST_GROUPS
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class ComponentErrors:
    """Standard errors, whatever the dependence of rows within groups.

    A jackknife that leaves out one group at a time and takes one step of EM from the fitted
    parameters (Kunsch 1989, Ann. Stat. 17). Where components overlap one step is shorter than the
    way to the new maximum: the errors are lower bounds there.

    Attributes
    ----------
    weight : ndarray of shape (n_components,)
    mean, standard_deviation : ndarray of shape (n_components, n_features)
        In the units of the data.
    """

    weight: Array
    mean: Array
    standard_deviation: Array

    @classmethod
    def from_groups(cls, groups: Sequence[ComponentStatistics]) -> Self | None:
        """The errors by sums over groups of rows; None if there are fewer than eight.

        Parameters
        ----------
        groups : sequence of ComponentStatistics
        """
        if len(groups) < FEWEST_GROUPS:
            return None
        sizes, deviations, squares, noise = (
            _leave_one_out(np.array([getattr(group, name) for group in groups]))
            for name in ("sizes", "deviations", "squares", "noise")
        )
        with np.errstate(divide="ignore", invalid="ignore"):  # a component may have no rows
            means = deviations / sizes[..., None]
            variances = squares / sizes[..., None] - means**2
            weights = sizes / (sizes.sum(axis=1) + noise[:, 1])[:, None]
        spreads = (weights, means, np.sqrt(np.maximum(variances, 0.0)))
        return cls(*(_spread(values) for values in spreads))


def _leave_one_out(sums: Array) -> Array:
    """What is left of the whole without each group, along the first axis."""
    left: Array = sums.sum(axis=0) - sums
    return left


def _spread(values: Array) -> Array:
    """The jackknife's standard error of estimates that lack one group each."""
    n_groups = len(values)
    squares = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    error: Array = np.sqrt(squares * (n_groups - 1) / n_groups)
    return error
