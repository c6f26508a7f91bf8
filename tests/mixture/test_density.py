import numpy as np
import pytest

from dgmm.errors import DataError
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters

MIXTURE = Parameters.from_covariances(
    "diag", np.array([0.25, 0.75]), np.array([[0.0, 0.0], [5.0, 5.0]]), np.ones((2, 2))
)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_refused_with_its_place(value):
    rows = np.zeros((5000, 2))
    rows[4321, 1] = value
    with pytest.raises(DataError, match="Row 4321 of a block"):
        assign(MIXTURE, rows)


def test_rows_far_from_everything_still_belong_somewhere():
    assignment = assign(MIXTURE, np.array([[1e6, 1e6], [-1e6, -1e6]]))
    assert assignment.labels.tolist() == [1, 0]
    assert np.isfinite(assignment.log_density).all()
    np.testing.assert_array_equal(assignment.responsibilities, [[0.0, 1.0], [1.0, 0.0]])


def test_no_rows_have_no_assignments():
    assignment = assign(MIXTURE, np.zeros((0, 2)))
    assert assignment.log_density.shape == (0,)
    assert assignment.responsibilities.shape == (0, 2)
