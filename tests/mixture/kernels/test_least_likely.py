"""The least likely rows are those of a sort by log density, however rows are cut."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.least_likely import (
    LeastLikelyCollector,
    LeastLikelyRequest,
    LeastLikelyRows,
)
from tests.mixture.one_step import KERNELS, using
from tests.mixture.test_spurious_components import mixture_of
from tests.strategies import blocks_of

CUTS = [(300,), (1, 99, 200), (150, 149, 1)]
MOST = 12


def densities(mixture, rows):
    parts = zip(mixture.weights, mixture.means, mixture.matrices, strict=True)
    return np.logaddexp.reduce(
        [np.log(w) + multivariate_normal.logpdf(rows, m, c) for w, m, c in parts]
    )


def keep(mixtures, rows, chunks, limits=None, weights=None, kernel=None):
    request = LeastLikelyRequest(MOST, np.full(len(mixtures), np.inf) if limits is None else limits)
    with using(kernel):
        packed = packed_models.pack(mixtures, np.zeros(rows.shape[1]))
    firsts = np.cumsum([0, *chunks])
    each = [None] * len(chunks) if weights is None else blocks_of(weights, chunks)
    found = [
        packed_models.accumulate(packed, block, w, None, request, int(first))
        for block, w, first in zip(blocks_of(rows, chunks), each, firsts, strict=False)
    ]
    return reduce(add, found).least_likely


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chunks", CUTS)
def test_the_rows_are_those_that_a_sort_puts_first(chunks, kernel):
    rows = np.random.default_rng(0).normal(size=(300, 3)) * 3
    mixtures = [mixture_of([0.6, 0.4], kind, 3) for kind in ("full", "tied", "diag")]
    for mixture, found in zip(mixtures, keep(mixtures, rows, chunks, kernel=kernel), strict=True):
        expected = densities(mixture, rows)
        order = np.argsort(expected)[:MOST]
        assert found.numbers.tolist() == order.tolist()
        np.testing.assert_allclose(found.log_densities, expected[order], rtol=1e-10)
        np.testing.assert_array_equal(found.rows, rows[order])


def test_of_equal_rows_the_first_are_kept():
    rows = np.tile([[5.0, 1.0]], (300, 1))
    for chunks in CUTS:
        (found,) = keep([mixture_of([0.6, 0.4], d=2)], rows, chunks)
        assert found.numbers.tolist() == list(range(MOST))


def test_rows_above_the_limit_and_rows_without_weight_are_not_kept():
    rows = np.random.default_rng(0).normal(size=(300, 3))
    mixture, weights = mixture_of([0.6, 0.4], d=3), np.ones(300)
    expected = densities(mixture, rows)
    order = np.argsort(expected)
    weights[order[0]] = 0.0
    limits = expected[order[[4]]] + 1e-9
    (found,) = keep([mixture], rows, (100, 200), limits, weights)
    assert found.numbers.tolist() == order[1:5].tolist()


def test_more_rows_than_are_kept_are_cut_by_density_in_any_order():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    values, ones = rows[:, 0], np.ones(300)

    def collect(*starts, size=100):
        collector = LeastLikelyCollector(
            LeastLikelyRequest(MOST, np.array([np.inf])), np.array([1.0, 2.0])
        )
        for start in starts:
            part = slice(start, start + size)
            collector.add(values[None, part], start, rows[part], ones[part])
        return collector.rows[0]

    whole, kept = collect(0, size=300), collect(200, 0, 100)
    np.testing.assert_array_equal(kept.rows, rows[kept.numbers] - [1.0, 2.0])
    assert kept.numbers.tolist() == whole.numbers.tolist() == np.argsort(values)[:MOST].tolist()
    assert kept.limit == np.sort(values)[MOST - 1]
    assert LeastLikelyRows.none(MOST, 2).limit == np.inf
