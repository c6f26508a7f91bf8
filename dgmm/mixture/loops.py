"""Which loops work on a block: compiled ones, or, where there is little to do, NumPy's."""

from types import ModuleType

from dgmm.mixture import plain

COMPILED_FROM = 1 << 15
"""Responsibilities in a block from which compiled loops are used. Loading them takes a second, once
a process; a fit of a few hundred rows takes a tenth of that."""


def loops_for(n_rows: int, n_components: int) -> ModuleType:
    """The module with ``add`` and ``softmax`` for a block.

    It depends on the shape of the work alone, so that results do not depend on the machine.
    """
    if n_rows * n_components < COMPILED_FROM:
        return plain
    from dgmm.mixture import compiled

    return compiled
