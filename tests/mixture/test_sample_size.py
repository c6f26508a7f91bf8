"""How many rows criteria count."""

import numpy as np
import pytest

from dgmm.mixture.sample_size import SampleSize, WeightTotals

TOTALS = WeightTotals(4, 10.0, np.sqrt(30.0))  # of 1, 2, 3 and 4


@pytest.mark.parametrize(
    ("normalize", "expected"), [(None, 10.0), ("counts", 10.0), ("rows", 4.0), ("kish", 100 / 30)]
)
def test_the_number_of_rows_is_what_was_asked_for(normalize, expected):
    size = SampleSize.of(TOTALS, normalize)
    assert size.n_effective == pytest.approx(expected)
    assert size.scale == pytest.approx(expected / 10)


@pytest.mark.parametrize(
    ("total", "normalize", "is_doubtful"),
    [
        *((26, None, False), (399, None, False), (401, None, True), (24, None, True)),
        *((1, None, True), (1, "counts", False), (1, "rows", False), (1, "kish", False)),
    ],
)
def test_a_sum_far_from_the_number_of_rows_is_doubtful_unless_it_is_meant(
    total, normalize, is_doubtful
):
    assert SampleSize.of(WeightTotals(100, total, 1.0), normalize).is_doubtful is is_doubtful


def test_totals_of_parts_add_up():
    whole = WeightTotals(1, 3.0, 3.0) + WeightTotals(2, 8.0, np.sqrt(16 + 16))
    assert (whole.n_rows, whole.total) == (3, 11.0)
    assert whole.norm == pytest.approx(np.sqrt(9 + 16 + 16))
