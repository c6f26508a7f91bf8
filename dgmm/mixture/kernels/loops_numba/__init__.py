"""The loops over rows, compiled by Numba.

Importing this package imports Numba, which takes half a second: do it where rows are worked on.
Every function releases the GIL. Machine code is kept beside the files, or in the user's cache;
where neither can be written, each process compiles anew.

All arrays are feature-major: rows of the data run along the last axis, so that loops are vectors.

Numba keeps the machine code of a loop for as long as its own file is unchanged, whatever it calls.
After a change of ``row_loops``, ``exponential``, ``responsibilities`` or ``expanded_loops`` remove
``__pycache__``; the tests do.
"""

from dgmm.mixture.kernels.loops_numba.assignment_loops import assign
from dgmm.mixture.kernels.loops_numba.expanded_loops import add, add_factored
from dgmm.mixture.kernels.loops_numba.pattern_loops import add_patterns, group_rows, mask
from dgmm.mixture.kernels.loops_numba.responsibilities import softmax
from dgmm.mixture.kernels.loops_numba.summary_loops import (
    add_deviations,
    add_distances,
    add_mergers,
    add_pair_entropies,
    sum_entropies,
)

__all__ = [
    "add",
    "add_deviations",
    "add_distances",
    "add_factored",
    "add_mergers",
    "add_pair_entropies",
    "add_patterns",
    "assign",
    "group_rows",
    "mask",
    "softmax",
    "sum_entropies",
]
