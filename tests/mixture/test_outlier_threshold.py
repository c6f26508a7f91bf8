"""Thresholds of outliers, on a sample and over all rows."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from dgmm.mixture.outlier_threshold import (
    choose_threshold,
    count_between,
    outlier_threshold,
    propose_thresholds,
)

is_weighted = pytest.mark.parametrize("is_weighted", [False, True])


@is_weighted
def test_a_threshold_of_a_sample_leaves_its_share_below(is_weighted):
    log_density = np.random.default_rng(0).normal(size=1_000)
    w = np.where(np.arange(1_000) < 500, 3.0, 1.0) if is_weighted else None
    threshold = outlier_threshold(log_density, w, 0.01)
    weights = np.ones(1_000) if w is None else w
    assert weights[log_density < threshold].sum() / weights.sum() <= 0.01
    assert weights[log_density <= threshold].sum() / weights.sum() >= 0.01


@is_weighted
@pytest.mark.parametrize(
    ("share", "error"),
    [(0.3, 1e-4), (0.01, 1e-3), (1e-3, 5e-3), (1e-4, 0.1)],
)
def test_a_threshold_of_all_rows_is_far_better_than_that_of_a_sample(is_weighted, share, error):
    rng = np.random.default_rng(1)
    log_density = -0.5 * (rng.standard_t(4, size=(200_000, 3)) ** 2).sum(axis=1)
    w = rng.integers(0, 5, len(log_density)).astype(float) if is_weighted else None
    some = rng.choice(len(log_density), 4_000, replace=False)
    thresholds = propose_thresholds(log_density[some], None if w is None else w[some], share)
    assert (np.diff(thresholds) >= 0).all()
    parts = np.array_split(np.arange(len(log_density)), 7)
    counts = [count_between(thresholds, log_density[p], None if w is None else w[p]) for p in parts]
    found = choose_threshold(thresholds, reduce(add, counts), share)
    weights = np.ones(len(log_density)) if w is None else w
    below = weights[log_density < found].sum() / weights.sum()
    assert below == pytest.approx(share, rel=error)


def test_of_rows_that_repeat_the_threshold_is_a_density_that_one_has():
    log_density = np.repeat(np.linspace(-9.0, -1.0, 45), 100)
    thresholds = propose_thresholds(log_density[::7], None, 0.01)
    counts = count_between(thresholds, log_density, None)
    assert choose_threshold(thresholds, counts, 0.01) == -9.0


def test_rows_that_are_all_alike_have_their_own_density_as_threshold():
    log_density = np.full(10, -3.0)
    thresholds = propose_thresholds(log_density, None, 0.01)
    counts = count_between(thresholds, log_density, None)
    assert choose_threshold(thresholds, counts, 0.01) == -3.0
