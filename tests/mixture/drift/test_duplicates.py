"""Rows that repeat others: what is honest counts as before, however large the samples are."""

import numpy as np
import pytest

from dgmm.mixture.drift.duplicates import SampleCounts, compare_duplicate_rates, multiplicities


def sample_of(rows, n_sampled, seed=0):
    """So many of the rows, in their order."""
    few = np.random.default_rng(seed).choice(len(rows), n_sampled, replace=False)
    return rows[np.sort(few)]


def rounded(n_rows, seed):
    """Rows of a discrete distribution, of which some are frequent and many are rare."""
    return np.round(np.random.default_rng(seed).normal(scale=8.0, size=(n_rows, 2)))


def continuous(n_rows, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, 2))


def beside(older_rows, n_older, newer_rows, n_newer):
    """Samples of so many rows of these."""
    older = multiplicities(sample_of(older_rows, n_older))
    newer = multiplicities(sample_of(newer_rows, n_newer, seed=1))
    return compare_duplicate_rates(
        SampleCounts(len(older_rows), n_older, len(older)), len(newer_rows), newer
    )


def test_rows_are_counted_by_their_values():
    rows = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [1.0, 0.0], [1.0, -0.0]])
    assert sorted(multiplicities(rows)) == [1, 2, 2]
    assert multiplicities(rows[:0]).shape == (0,)


def test_samples_that_are_all_rows_have_the_shares_of_the_rows():
    older, newer = rounded(4_000, 0), rounded(4_000, 1)
    found = beside(older, 4_000, newer, 4_000)
    shares = [1 - len(np.unique(rows, axis=0)) / 4_000 for rows in (older, newer)]
    assert [found.older, found.newer] == pytest.approx(shares, abs=1e-12)
    assert found.newer == pytest.approx(found.older, abs=0.02)


@pytest.mark.parametrize("n_rows", [40_000, 100_000])
def test_a_larger_sample_of_rounded_rows_repeats_no_more(n_rows):
    """As of all 40,000, 95 % would repeat another one."""
    found = beside(rounded(40_000, 0), 4_000, rounded(n_rows, 1), 40_000)
    assert found.newer == pytest.approx(found.older, abs=0.02)
    assert 0.65 < found.older < 0.75


def test_a_smaller_sample_of_rounded_rows_never_seems_to_repeat_more():
    found = beside(rounded(40_000, 0), 40_000, rounded(1_000, 1), 1_000)
    assert found.newer < found.older


def test_a_denser_sample_of_rows_that_are_all_there_twice_repeats_no_more():
    """As of all rows, half would repeat another one."""
    older, newer = (np.repeat(continuous(n, n), 2, axis=0) for n in (50_000, 2_000))
    found = beside(older, 5_000, newer, 4_000)
    assert found.older == pytest.approx(0.05 / 2, abs=0.005)
    assert found.newer == pytest.approx(found.older, abs=0.005)


@pytest.mark.parametrize("n_sampled", [40_000, 4_000, 400])
def test_a_hundredth_of_the_rows_a_hundred_times_repeats_as_far_as_a_sample_can_see(n_sampled):
    damaged = np.repeat(continuous(400), 100, axis=0)
    found = beside(continuous(40_000, 1), n_sampled, damaged, n_sampled)
    seen = n_sampled / len(damaged)
    assert found.older == 0
    assert found.newer == pytest.approx(1 - (1 - (1 - seen) ** 100) / (100 * seen), abs=0.05)
