"""The blocks of each subset, and those held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError

_SHARE = 4  # a subset is this part of the blocks, so that two of them have few in common


@dataclass(frozen=True, slots=True)
class Design:
    """Random subsets of blocks.

    Attributes
    ----------
    subsets : tuple of tuple of int
        Each without a block twice, in ascending order; none has a block that is held out.
    held_out : tuple of int
    """

    subsets: tuple[tuple[int, ...], ...]
    held_out: tuple[int, ...]


def design(
    n_blocks: int, n_subsets: int, subset_blocks: int | None, held_out_blocks: int, seed: int
) -> Design:
    """Draw random subsets; the same arguments give the same subsets.

    Parameters
    ----------
    n_blocks : int
        Of the input.
    n_subsets : int
    subset_blocks : int or None
        Blocks of each; None takes a quarter of those that are not held out.
    held_out_blocks : int
    seed : int

    Raises
    ------
    ConfigurationError
        If all subsets would be the same.

    Examples
    --------
    >>> design(6, 3, 2, 1, seed=0)
    Design(subsets=((4, 5), (3, 5), (0, 4)), held_out=(1,))
    """
    order = np.random.default_rng([seed, n_subsets]).permutation(n_blocks)
    held_out, others = order[:held_out_blocks], np.sort(order[held_out_blocks:])
    size = max(1, len(others) // _SHARE) if subset_blocks is None else subset_blocks
    if size >= len(others):
        raise ConfigurationError(
            f"The input has {n_blocks} block(s), of which {held_out_blocks} are held out; expected "
            f"more than {size} others for subsets of {size}. Set run.input.partition_size to "
            "less, subset_blocks or held_out_blocks."
        )
    subsets = (
        np.random.default_rng([seed, index]).choice(others, size, replace=False)
        for index in range(n_subsets)
    )
    return Design(tuple(_sorted_blocks(subset) for subset in subsets), _sorted_blocks(held_out))


def _sorted_blocks(blocks: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(block) for block in np.sort(blocks))
