"""Labels of a mixture and of others, over all rows or over some."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, fowlkes_mallows_score

import dgmm
from dgmm.engine import label_comparison
from dgmm.engine.label_comparison import compare_labels
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters


def spherical(means):
    k = len(means)
    return Parameters.from_covariances(
        "spherical", np.full(k, 1 / k), np.array(means)[:, None], np.ones(k)
    )


@pytest.mark.parametrize(("most", "step"), [(500, 1), (100, 5), (70, 8)])
def test_of_many_rows_evenly_spaced_ones_are_compared(monkeypatch, most, step):
    monkeypatch.setattr(label_comparison, "_MOST_COMPARED", most)
    monkeypatch.setattr(label_comparison, "_ROWS_AT_ONCE", 30)
    rows = np.random.default_rng(0).normal(0, 3, (500, 1))
    one, *others = mixtures = [spherical(m) for m in ([-2.0, 2.0], [-3.0, 0.0, 3.0], [0.0])]
    found = compare_labels(one, others, rows, None)
    labels = [assign(mixture, rows[::step]).labels for mixture in mixtures]
    for each, other in zip(found, labels[1:], strict=True):
        expected = adjusted_rand_score(labels[0], other)
        assert each.adjusted_rand == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_weights_of_any_unit_agree_as_rows_do():
    rows, weights = np.random.default_rng(0).normal(0, 3, (50, 1)), np.arange(1.0, 51.0)
    mixtures = spherical([-2.0, 2.0]), [spherical([-3.0, 0.0, 3.0])]
    (first,), (second,) = (compare_labels(*mixtures, rows, w) for w in (weights, 1e-9 * weights))
    assert first.adjusted_rand == pytest.approx(second.adjusted_rand, rel=1e-9)


def test_a_sweep_compares_the_best_with_its_neighbours():
    rows = load_iris().data
    found = dgmm.sweep(rows, range(1, 5), "full", random_state=0)
    k = found.best.n_components
    labels = found.best.predict(rows)
    assert set(found.agreements) == {f"full-{k - 1}", f"full-{k + 1}"}
    for name, each in found.agreements.items():
        others = found.model("full", int(name.split("-")[1])).predict(rows)
        expected = fowlkes_mallows_score(labels, others)
        assert each.fowlkes_mallows == pytest.approx(expected, rel=1e-9)
    assert dgmm.sweep(rows, 2, "full", random_state=0).agreements == {}
