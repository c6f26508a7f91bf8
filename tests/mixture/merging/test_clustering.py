"""Hierarchies, their sums over rows and the number of clusters, against plain loops."""

import math
from functools import reduce
from operator import add

import numpy as np
import pytest

from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.merging.clustering import CUTOFF, Clustering, find_bend
from dgmm.mixture.merging.hierarchy import METHODS, MergeHierarchy, build_hierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics

each_method = pytest.mark.parametrize("method", METHODS)
is_weighted = pytest.mark.parametrize("is_weighted", [False, True])


def some_rows(n_rows=300, n_components=6, seed=0):
    rng = np.random.default_rng(seed)
    r = rng.dirichlet(np.full(n_components, 0.2), n_rows)
    r[:5] = np.eye(n_components)[0]  # zeros, whose logarithm is not asked for
    return r, rng.integers(0, 4, n_rows).astype(float)


def entropy_of(r, weights):
    """Of the assignments of rows to clusters, in loops."""
    return sum(
        w * sum(-t * math.log(t) for t in row if t > 0) for row, w in zip(r, weights, strict=True)
    )


def confusion_of(r, weights, a, b):
    """Share of cluster a in rows for which cluster b is at least as probable."""
    rows = list(zip(r, weights, strict=True))
    return sum(w * t[a] for t, w in rows if t[b] >= t[a]) / sum(w * t[a] for t, w in rows)


def textbook_path(r, weights, method):
    """Pairs, entropies and misclassifications of every step, the first pair of equals."""
    r, left, path = r.copy(), list(range(r.shape[1])), []
    entropies, confusions = [entropy_of(r, weights)], []
    while len(left) > 1:
        values = {}
        for i, a in enumerate(left):
            for b in left[i + 1 :]:
                if method == "entropy":
                    joined = (r[:, [a]] + r[:, [b]], weights)
                    values[a, b] = entropy_of(r[:, [a, b]], weights) - entropy_of(*joined)
                else:
                    values[a, b] = max(
                        confusion_of(r, weights, a, b), confusion_of(r, weights, b, a)
                    )
        a, b = max(values, key=values.get)
        confusions.append(max(confusion_of(r, weights, a, b), confusion_of(r, weights, b, a)))
        path.append((a, b))
        left.remove(b)
        r[:, a] += r[:, b]
        r[:, b] = 0
        entropies.append(entropy_of(r, weights))
    return tuple(path), entropies[::-1], confusions


@each_method
@is_weighted
def test_hierarchies_and_their_sums_are_those_of_plain_loops(method, is_weighted):
    r, w = some_rows()
    weights = w if is_weighted else None
    pairs, entropies, confusions = textbook_path(r, w if is_weighted else np.ones(len(r)), method)
    hierarchy = build_hierarchy(r, weights, method)
    assert hierarchy == MergeHierarchy(method, pairs)
    parts = [slice(0, 1), slice(1, 200), slice(200, 200), slice(200, None)]
    sums = reduce(
        add,
        (
            MergeStatistics.from_responsibilities(
                r[p], None if weights is None else w[p], hierarchy
            )
            for p in parts
        ),
    )
    total = w.sum() if is_weighted else len(r)
    found = Clustering.from_sums(hierarchy, sums, total)
    np.testing.assert_allclose(found.entropy * total, entropies, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.misclassification, confusions, rtol=1e-12)


def test_clusters_are_called_by_their_lowest_component_and_named_by_the_heaviest():
    hierarchy = MergeHierarchy("entropy", ((1, 3), (0, 2), (0, 1)))
    assert hierarchy.clusters(4).tolist() == [0, 1, 2, 3]
    assert hierarchy.clusters(2).tolist() == [0, 1, 0, 1]
    assert hierarchy.clusters(1).tolist() == [0, 0, 0, 0]
    found = Clustering(hierarchy, np.zeros(4), np.zeros(3), 2)
    weights = np.array([0.1, 0.2, 0.5, 0.2])
    assert found.names((7, 8, 9, 10), weights) == (9, 8, 9, 8)


def test_mergers_stop_where_clusters_are_hardly_confused():
    hierarchy = MergeHierarchy("misclassification", ((0, 1), (0, 2), (0, 3)))
    for values, expected in (
        ([0.3, CUTOFF, 0.01], 2),
        ([0.01, 0.3, 0.3], 4),
        ([0.3, 0.3, 0.3], 1),
    ):
        found = Clustering(hierarchy, np.zeros(4), np.array(values), 4)
        assert found.recommended() == expected


def test_the_bend_is_between_the_ends_and_of_few_components_all_are_kept():
    assert find_bend(np.zeros(1)) == 1
    assert find_bend(np.array([0.0, 0.4])) == 2
    assert find_bend(np.array([0.0, 0.001, 0.002, 0.003, 0.4, 0.8])) == 4


@each_method
def test_one_component_is_one_cluster(method):
    hierarchy = build_hierarchy(np.ones((4, 1)), None, method)
    found = Clustering.from_sums(
        hierarchy, MergeStatistics.from_responsibilities(np.ones((4, 1)), None, hierarchy), 4.0
    )
    assert (hierarchy.pairs, found.n_clusters, found.entropy.tolist()) == ((), 1, [0.0])


def test_rows_are_assigned_to_the_cluster_that_is_most_probable_as_a_whole():
    r = np.array([[0.4, 0.3, 0.3], [0.5, 0.2, 0.3], [np.nan] * 3])
    posteriors = RowPosteriors(np.array([-1.0, -2.0, np.nan]), r)
    merged = posteriors.merge((5, 2, 2))
    assert merged.components == (2, 5)
    np.testing.assert_allclose(merged.responsibilities[:2], [[0.6, 0.4], [0.5, 0.5]])
    assert merged.labels.tolist() == [2, 2, -1]
