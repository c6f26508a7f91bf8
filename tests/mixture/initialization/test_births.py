"""Components for rows that a mixture hardly expects."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.mixture.initialization.births import UnlikelyRows, add_births
from dgmm.mixture.kernels.least_likely import LeastLikelyRows
from dgmm.mixture.regularization import Regularization
from tests.mixture.kernels.test_least_likely import densities
from tests.mixture.test_spurious_components import mixture_of

KINDS = ("full", "tied", "diag", "spherical")
N_ROWS, N_RARE = 20_000, 60
PLACE = np.array([3.0, -4.0])
NO_RIDGE = Regularization.for_data(np.eye(2), np.zeros(2))


def one_of(kind):
    """A standard normal; with a component more it is a mixture of the structure."""
    found = mixture_of([0.5, 0.5], "diag" if kind == "spherical" else kind, 2)
    if kind == "spherical":
        found = type(found).from_covariances(kind, found.weights, found.means, np.ones(2))
    return replace(found, means=np.zeros((2, 2)))


def rows_of(n_rare=N_RARE, tails=None, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(N_ROWS, 2))
    if tails is not None:
        rows /= np.sqrt(rng.chisquare(tails, (N_ROWS, 1)) / tails)
    rows[:n_rare] = PLACE + 0.3 * rng.normal(size=(n_rare, 2))
    return rows


def unlikely(rows, kind="full", most=500, **rules):
    mixture = one_of(kind)
    values = densities(mixture, rows)
    order = np.argsort(values)[:most]
    tail = LeastLikelyRows(most, values[order], order, rows[order], np.ones(most))
    chosen = {"least_rows": 6.0, "least_gain": 30.0} | rules
    return UnlikelyRows(mixture, tail, N_ROWS, regularization=NO_RIDGE, **chosen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_cluster_is_found_with_its_share_and_moments(kind):
    (birth,) = unlikely(rows_of(), kind).find_births(4)
    assert birth.share * N_ROWS == pytest.approx(N_RARE, abs=10 if kind == "tied" else 3)
    np.testing.assert_allclose(birth.mean, PLACE, atol=0.2 if kind == "tied" else 0.1)
    expected = np.eye(2) if kind == "tied" else 0.09 * np.eye(2)
    np.testing.assert_allclose(birth.matrix, expected, atol=0.06)


def test_the_gain_is_a_bound_on_what_all_rows_gain():
    rows, mixture = rows_of(), one_of("full")
    (birth,) = unlikely(rows).find_births(4)
    before, after = (
        densities(each, rows).sum() for each in (mixture, add_births(mixture, [birth], NO_RIDGE))
    )
    assert 0 < birth.gain <= after - before


def test_the_rows_of_one_gaussian_hold_no_cluster():
    assert unlikely(rows_of(0)).find_births(4) == []


def test_a_few_errors_are_no_cluster():
    rows = rows_of(0)
    rows[:3] = [[1e3, 0.0], [1e3, 1.0], [-1e4, 5.0]]
    assert unlikely(rows).find_births(4) == []


def test_fewer_rows_than_a_component_needs_are_no_cluster():
    assert unlikely(rows_of(), least_rows=2.0 * N_RARE).find_births(4) == []
    assert unlikely(rows_of(), most=5).find_births(4) == []


def test_each_birth_is_fitted_to_what_the_earlier_ones_leave():
    rows = rows_of()
    rows[-100:] = -PLACE + 0.3 * np.random.default_rng(1).normal(size=(100, 2))
    found = unlikely(rows).find_births(4)
    places = np.array([birth.mean for birth in found])
    assert len(found) == 2
    np.testing.assert_allclose(places[np.argsort(places[:, 0])], [-PLACE, PLACE], atol=0.1)
    assert len(unlikely(rows).find_births(1)) == 1


def test_heavy_tails_are_one_wide_component_and_no_clusters():
    found = unlikely(rows_of(0, tails=4), most=1000).find_births(4)
    wide = [birth for birth in found if np.trace(birth.matrix) > 4]
    assert len(found) - len(wide) <= 2
