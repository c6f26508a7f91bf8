"""Components along the dimensions of the input's variables, such as temperature against depth."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgmm.io.grid import FeatureAxis
from dgmm.io.results.variable_arrays import VariableSummary
from dgmm.mixture.types import Array
from dgmm.plots.colours import component_colours
from dgmm.report.figure_style import WIDTH, Picture, add_component_legend, encode_figure

_MOST_VARIABLES = 6
_MOST_BANDS = 8  # components, of which more hide each other's quantiles
_VERTICAL = {"depth", "lev", "level", "pressure", "pres", "z", "height", "altitude", "plev"}
_DOWN = {"depth", "pressure", "pres", "plev"}


def draw_profiles(
    variables: tuple[VariableSummary, ...], quantile: Array, labels: tuple[int, ...]
) -> Picture | None:
    """The median of each component along a dimension, in a band of its outer quantiles.

    Parameters
    ----------
    variables : tuple of VariableSummary
        Those with one dimension in numbers are drawn.
    quantile : ndarray of shape (n_quantiles,)
        That were kept; without a median, means are drawn, and standard deviations about them.
    labels : tuple of int
        What components are called.
    """
    along = [found for found in variables if _is_profile(found)]
    shown = along[:_MOST_VARIABLES]
    if not shown:
        return None
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    is_vertical = all(is_vertical_axis(found.group.axes[0]) for found in shown)
    figure = Figure(figsize=(2 * WIDTH, rows * (4.6 if is_vertical else 3.2)))
    panels = figure.subplots(rows, columns, squeeze=False)
    for found, axes in zip(shown, panels.ravel(), strict=False):
        _draw_variable(axes, found, quantile, labels)
    for unused in panels.ravel()[len(shown) :]:
        unused.set_axis_off()
    add_component_legend(figure, labels)
    names = {found.group.axes[0].name for found in shown}
    middle, band = _describe(quantile)
    bands = f", in the band {band}" if len(labels) <= _MOST_BANDS else ""
    more = f" The first {len(shown)} of {len(along)} variables." if len(along) > len(shown) else ""
    return Picture(
        f"Components along {' and '.join(sorted(names))}",
        f"The {middle} of the rows of each component{bands}.{more}",
        encode_figure(figure),
        f"Profiles of the components along {' and '.join(sorted(names))}.",
        is_wide=True,
    )


def is_vertical_axis(axis: FeatureAxis) -> bool:
    """Whether a dimension goes up or down, by its attributes or its name."""
    attributes = dict(axis.attributes)
    is_named = axis.name.lower() in _VERTICAL or str(attributes.get("standard_name")) in _VERTICAL
    return is_named or "positive" in attributes or attributes.get("axis") == "Z"


def _is_profile(found: VariableSummary) -> bool:
    axes = found.group.axes
    return len(axes) == 1 and len(axes[0].values) > 1 and not isinstance(axes[0].values[0], str)


def _draw_variable(
    axes: Axes, found: VariableSummary, quantile: Array, labels: tuple[int, ...]
) -> None:
    axis = found.group.axes[0]
    at = np.asarray(axis.values, np.float64)
    middle, low, high = _lines(found, quantile)
    is_vertical = is_vertical_axis(axis)
    for k, colour in enumerate(component_colours(labels)):
        if len(labels) <= _MOST_BANDS:
            fill = axes.fill_betweenx if is_vertical else axes.fill_between
            fill(at, low[k], high[k], color=colour, alpha=0.15, lw=0)
        pair = (middle[k], at) if is_vertical else (at, middle[k])
        axes.plot(*pair, color=colour, lw=1.6, marker="o", ms=2.5)
    value, place = (
        _label(found.group.name, found.group.attributes),
        _label(axis.name, axis.attributes),
    )
    axes.set_xlabel(value if is_vertical else place)
    axes.set_ylabel(place if is_vertical else value)
    if is_vertical and _points_down(axis):
        axes.invert_yaxis()


def _lines(found: VariableSummary, quantile: Array) -> tuple[Array, Array, Array]:
    """Middle and bounds of each component, shape (n_components, n) each."""
    if 0.5 in quantile and len(quantile) > 2:
        outer = int(quantile.argmin()), int(quantile.argmax())
        places = (int(np.flatnonzero(quantile == 0.5)[0]), *outer)
        middle, low, high = (found.quantiles[:, place] for place in places)
        return middle, low, high
    deviation = found.standard_deviation
    return found.mean, found.mean - deviation, found.mean + deviation


def _describe(quantile: Array) -> tuple[str, str]:
    if 0.5 in quantile and len(quantile) > 2:
        low, high = quantile.min(), quantile.max()
        return "median", f"between the quantiles {low:g} and {high:g}"
    return "mean", "of one standard deviation"


def _label(name: str, attributes: tuple[tuple[str, object], ...]) -> str:
    units = dict(attributes).get("units")
    return f"{name}, {units}" if units else name


def _points_down(axis: FeatureAxis) -> bool:
    """Whether larger values are deeper."""
    positive = str(dict(axis.attributes).get("positive", ""))
    return positive == "down" or (not positive and axis.name.lower() in _DOWN)
