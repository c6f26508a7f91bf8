"""``.plot`` of sweeps and results."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_iris

import dgmm
from dgmm.errors import UsageError
from tests.report.results import a_result
from tests.report.test_views import a_mapped_result

mpl.use("agg")


@pytest.fixture(scope="module")
def sweep():
    return dgmm.sweep(load_iris().data, range(1, 4), covariance_type="full", random_state=0)


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_criteria_are_drawn_against_the_number_of_components(sweep, ax):
    assert sweep.plot.criteria("aic", ax=ax) is ax
    line = ax.lines[0]
    values = np.array([result.criteria["aic"] for result in sweep.results])
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(line.get_ydata(), values - values.min())
    assert ax.get_ylabel() == "AIC - best"
    with pytest.raises(UsageError, match="'nothing' is no criterion of the sweep: bic, aic, icl"):
        sweep.plot.criteria("nothing", ax=ax)


def test_means_are_drawn_in_standard_deviations_of_the_mixture(sweep, ax):
    sweep.plot.heat_map(ax=ax)
    found = np.asarray(ax.images[0].get_array())
    best = sweep.best
    rows = load_iris().data
    expected = (best.means_ - rows.mean(axis=0)) / rows.std(axis=0)  # at a stationary point of EM
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_components_are_ellipses_in_the_plane_of_two_features(sweep, ax):
    sweep.plot.ellipses("x2", 0, ax=ax)
    ellipses = ax.patches[1::2]  # each lies on a white one
    centres = [ellipse.get_center() for ellipse in ellipses]
    np.testing.assert_allclose(centres, sweep.best.means_[:, [2, 0]])
    for ellipse, covariance in zip(ellipses, sweep.best.covariances_, strict=True):
        axes = np.sort([ellipse.width, ellipse.height]) / 4
        expected = np.sqrt(np.linalg.eigvalsh(covariance[np.ix_([2, 0], [2, 0])]))
        np.testing.assert_allclose(axes, expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x2", "x0")
    with pytest.raises(UsageError, match="'x9' is no feature: x0, x1, x2, x3"):
        sweep.plot.ellipses("x9", ax=ax)


def test_new_axes_are_made_where_none_are_given(sweep):
    from matplotlib import pyplot as plt

    try:
        assert isinstance(sweep.plot.criteria(), Axes)
    finally:
        plt.close("all")


def test_a_result_has_the_same_drawings(tmp_path, ax):
    plot = a_result(tmp_path).plot
    assert plot.criteria(ax=ax) is plot.heat_map(ax=ax) is plot.ellipses(ax=ax) is ax
    with pytest.raises(UsageError, match="no labels on a grid of two dimensions, so no map"):
        plot.map(ax=ax)


def test_a_result_on_a_grid_has_a_map(tmp_path, ax):
    result, labels, _ = a_mapped_result(tmp_path, ("time", "y", "x"), (2, 3, 4), {})
    result.plot.map(at=(1,), ax=ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), labels.reshape(2, 3, 4)[1])
