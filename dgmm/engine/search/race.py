"""Starts of which fewer and fewer go on."""

from collections.abc import Sequence

from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.parameters import Parameters

SCHEDULE = ((3, 6), (6, 2), (20, 1))
"""Steps of EM, and how many mixtures then go on."""


def race(
    rows: SearchRows,
    mixtures: Sequence[Parameters],
    rules: EMOptions,
    schedule: Sequence[tuple[int, int]],
) -> Parameters:
    """The mixture that is most likely after steps of EM, of which the last ones are its alone.

    Sound mixtures come before those with a collapsed component.
    """
    for n_steps, n_kept in schedule:
        mixtures, values = rows.climb_each(mixtures, n_steps)
        ranks = [
            (iteration.is_degenerate(mixture, rules), -value)
            for mixture, value in zip(mixtures, values, strict=True)
        ]
        order = sorted(range(len(mixtures)), key=lambda index: ranks[index])
        mixtures = [mixtures[index] for index in order[:n_kept]]
    return mixtures[0]
