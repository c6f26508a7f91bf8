"""Labels of a mixture and of another, over all rows or over some."""

import numpy as np
import pytest

from dgmm.engine.label_comparison import compare_labels, empty_tables
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import assign
from dgmm.mixture.model_selection.label_agreement import cross_tabulate
from dgmm.mixture.parameters import Parameters


def mixture(means):
    k = len(means)
    return Parameters.from_covariances(
        "spherical", np.full(k, 1 / k), np.array(means)[:, None], np.ones(k)
    )


@pytest.mark.parametrize(("n_rows", "step"), [(131_072, 1), (1_000_000, 8)])
def test_rows_are_compared_by_their_place_however_they_are_cut(n_rows, step):
    by = AssigningMixture(mixture([-2.0, 2.0]), neighbours=(mixture([-3.0, 0.0, 3.0]),))
    rows = np.random.default_rng(0).normal(0, 3, (500, 1))
    weights = np.arange(500.0)
    (table,) = tables = empty_tables(by)
    for start in range(0, 500, 70):
        some = slice(start, min(start + 70, 500))
        places = np.arange(some.start, some.stop)
        found = assign(by.mixture, rows[some])
        compare_labels(tables, found, rows[some], weights[some], by, places, n_rows, may_lack=False)
    labels = [assign(m, rows[::step]).labels for m in (by.mixture, *by.neighbours)]
    np.testing.assert_array_equal(table, cross_tabulate(*labels, (2, 3), weights[::step]))
