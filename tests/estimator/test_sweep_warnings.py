"""A sweep warns of what makes its choice doubtful."""

import warnings

import numpy as np
import pytest

import dgmm

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(200, 2)), RNG.normal(size=(200, 2)) + 9])


def warnings_of(rows, counts, kinds="full", **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dgmm.sweep(rows, counts, kinds, random_state=0, **options)
    return [str(warning.message) for warning in caught if warning.category is UserWarning]


def test_a_sound_sweep_says_nothing():
    assert warnings_of(X, range(1, 4), ("full", "tied", "diag", "spherical")) == []


def test_a_choice_at_the_end_of_the_list_is_warned_of():
    (said,) = warnings_of(X, [1, 2])
    assert said.startswith("BIC is smallest at the largest number of components tried, K = 2.")
    assert said.endswith("Raise n_components.")
    (said,) = warnings_of(X, [2, 3])
    assert said.endswith("Fewer may do. Lower n_components.")


@pytest.mark.parametrize("kinds", ["full", "tied"])
def test_columns_that_depend_on_others_are_warned_of(kinds):
    one_hot = np.eye(2)[np.repeat([0, 1], 200)]
    said = warnings_of(np.column_stack([X + RNG.normal(size=(400, 1)), one_hot]), [1, 2, 3], kinds)
    assert [text for text in said if "The features x2, x3 are linearly dependent" in text]
    assert not [text for text in warnings_of(X, [1, 2, 3], kinds) if "dependent" in text]


def test_collapsed_candidates_are_warned_of():
    repeated = np.concatenate([X, np.full((60, 2), 4.5)])
    said = warnings_of(repeated, range(1, 5))
    assert [text for text in said if "candidates collapsed and were left out" in text]


def test_a_silhouette_is_no_criterion_of_which_ends_are_told():
    assert warnings_of(X, [2, 3], criterion="silhouette") == []


def test_tables_say_which_criteria_are_bounds():
    with pytest.warns(UserWarning, match="candidates did not converge within max_iter"):
        found = dgmm.sweep(X, range(1, 4), "full", random_state=0, max_iter=1, tol=1e-12)
    frame = found.to_pandas()
    assert (frame.is_bound == frame.status.isin(["max_iter", "stopped_early"])).all()
    assert found.to_xarray().is_bound.sum() == frame.is_bound.sum()
