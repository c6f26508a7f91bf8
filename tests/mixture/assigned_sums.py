"""What rows say of a mixture, for tests."""

from dgmm.mixture.assignment_statistics import (
    AssigningMixture,
    AssignmentStatistics,
    assign_and_add,
)


def sums_of(rows, mixture, weights=None):
    """The sums over some rows."""
    by = AssigningMixture(mixture)
    sums = AssignmentStatistics.zero(*by.pivots.shape)
    assign_and_add(rows, weights, by, sums, with_responsibilities=False)
    return sums
