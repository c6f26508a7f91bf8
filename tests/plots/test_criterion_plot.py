"""What figures show as values, and what not."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.mixture.candidate import Status
from dgmm.plots import criterion_plot
from dgmm.report.figure_style import create_panel
from tests.report.results import fitted, mixture


@pytest.mark.parametrize("status", [Status.STOPPED_EARLY, Status.MAX_ITER])
def test_bounds_are_arrows_that_interrupt_the_line(status):
    results = [fitted(mixture(k), bic) for k, bic in ((1, 9.0), (2, 5.0), (3, 7.0), (4, 6.0))]
    results[2] = replace(results[2], status=status)
    figure, axes = create_panel(3.0)
    criterion_plot._draw_line(axes, results, [4.0, 0.0, 2.0, 1.0], "full")
    line, bounds = axes.get_lines()
    assert line.get_xdata().tolist() == bounds.get_xdata().tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(line.get_ydata(), [4, 0, np.nan, 1])
    np.testing.assert_array_equal(bounds.get_ydata(), [np.nan, np.nan, 2, np.nan])
    assert (bounds.get_marker(), bounds.get_linestyle()) == ("v", "None")
    assert figure.axes == [axes]
