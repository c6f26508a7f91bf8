"""Rows grouped by their patterns of missing values."""

import numpy as np
import pytest

from dgmm.mixture.kernels import loops_numba, loops_numpy
from dgmm.mixture.missing_values.missing_patterns import group_by_pattern


def incomplete(n_rows, d, n_patterns, seed=0):
    """Rows that lack values by one of some patterns, and which."""
    rng = np.random.default_rng(seed)
    patterns = np.unique(rng.random((n_patterns, d)) < 0.4, axis=0)
    chosen = rng.integers(0, len(patterns), n_rows)
    return np.where(patterns[chosen], np.nan, rng.normal(size=(n_rows, d))), chosen


@pytest.mark.parametrize("loops", [loops_numpy, loops_numba])
@pytest.mark.parametrize(
    ("n_rows", "d", "n_patterns"), [(1, 3, 1), (500, 5, 9), (700, 19, 400), (2000, 70, 1500)]
)
def test_groups_have_the_rows_of_one_pattern_in_order(loops, n_rows, d, n_patterns):
    rows, chosen = incomplete(n_rows, d, n_patterns)
    groups = group_by_pattern(rows, loops)
    _, firsts = np.unique(chosen, return_index=True)
    assert [group.places[0] for group in groups] == sorted(firsts)
    for group in groups:
        np.testing.assert_array_equal(group.observed, ~np.isnan(rows[group.places[0]]))
        np.testing.assert_array_equal(
            group.places, np.flatnonzero(chosen == chosen[group.places[0]])
        )


@pytest.mark.parametrize("rows", [np.ones((4, 2)), np.ones((4, 2), np.int64)])
def test_complete_rows_are_one_group(rows):
    (group,) = group_by_pattern(rows)
    assert group.is_complete
    np.testing.assert_array_equal(group.places, np.arange(4))
    assert group_by_pattern(rows[:0]) == []
