"""Ellipses of components over sampled rows, for every pair of coordinates."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from dgmm.plots.colours import INK, NOISE, component_colours
from dgmm.plots.ellipse_plot import N_DEVIATIONS, draw_component
from dgmm.report.figure_style import WIDTH, Picture, encode_figure
from dgmm.report.projection import Projection2D

_MOST_ELLIPSES = 60
_MOST_NUMBERED = 20
_MOST_IN_ROWS = 3
_TAIL = 0.002  # of the rows on each side that may lie outside a panel


def draw_pair_plot(view: Projection2D) -> Picture:
    """A panel for every pair of coordinates, and the density along each."""
    p = len(view.names)
    figure, panels = _panels(p)
    limits = [_limits(view, i) for i in range(p)]
    for (x, y), axes in panels.items():
        axes.set_xlim(limits[x])
        if x == y:
            _density(axes, view, x)
        else:
            axes.set_ylim(limits[y])
            _pair(axes, view, x, y, n_panels=p)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(5) if x != y else NullLocator())
        is_bottom, is_left = p <= _MOST_IN_ROWS or y == p - 1, p <= _MOST_IN_ROWS or x == 0
        axes.set_xlabel(view.names[x] if is_bottom else "")
        axes.set_ylabel(view.names[y] if is_left and x != y else "")
        axes.tick_params(labelbottom=is_bottom, labelleft=is_left)
    what = "principal components" if view.is_projected else "features"
    if not view.is_projected and p < view.n_features:
        what = f"the {p} features, of {view.n_features}, that separate the components best"
    few = "; only the largest are drawn" if len(view.weights) > _MOST_ELLIPSES else ""
    n = len(view.rows)
    dots = f"{n:,} sampled rows in the colours of their components" if n else "No rows were kept"
    if p == 1:
        title, caption = "The density", "Sampled rows counted, each component, and the mixture."
    else:
        title = "Components in the plane"
        caption = (
            f"{dots}, and ellipses at two standard deviations, for pairs of {what}{few}. The other "
            "panels count rows along each, under the density of each component and of the mixture."
        )
    alternative = f"Ellipses of the components over sampled rows, for pairs of {what}."
    return Picture(title, caption, encode_figure(figure), alternative, is_wide=p > 1)


def _panels(p: int) -> tuple[Figure, dict[tuple[int, int], Axes]]:
    """Axes by the coordinates they show, across and up; equal ones show a density.

    Few coordinates have a row of densities above a row of pairs; more are a triangle, with the
    densities on its edge.
    """
    pairs = [(x, y) for y in range(p) for x in range(y)]
    if p <= _MOST_IN_ROWS:
        if p == 1:
            figure = Figure(figsize=(WIDTH, 3.0))
            return figure, {(0, 0): figure.add_subplot()}
        if p == 2:
            figure = Figure(figsize=(2 * WIDTH, 4.3))
            mosaic = figure.subplot_mosaic("ab;ac", width_ratios=(1.5, 1))
            return figure, {(0, 1): mosaic["a"], (0, 0): mosaic["b"], (1, 1): mosaic["c"]}
        figure = Figure(figsize=(2 * WIDTH, 5.6))
        grid = figure.subplots(2, p, height_ratios=(1, 2))
        densities = {(i, i): grid[0, i] for i in range(p)}
        return figure, densities | dict(zip(pairs, grid[1], strict=True))
    figure = Figure(figsize=(2 * WIDTH, 1.9 * WIDTH))
    grid = figure.add_gridspec(p, p)
    return figure, {(x, y): figure.add_subplot(grid[y, x]) for y in range(p) for x in range(y + 1)}


def _limits(view: Projection2D, i: int) -> tuple[float, float]:
    """The range of the rows, or of the ellipses if there are no rows."""
    if len(view.rows):
        low, high = np.quantile(view.rows[:, i], (_TAIL, 1 - _TAIL))
    else:
        reach = N_DEVIATIONS * np.sqrt(view.covariances[:, i, i])
        low, high = (view.means[:, i] - reach).min(), (view.means[:, i] + reach).max()
    width = float(high - low) or max(abs(float(low)), 1.0) * 1e-6
    return float(low) - 0.06 * width, float(high) + 0.06 * width


def _density(axes: Axes, view: Projection2D, i: int) -> None:
    """Histogram of the rows along a coordinate, and the density of the mixture."""
    low, high = axes.get_xlim()
    top = None  # the density of a component on a single value is unbounded
    if len(view.rows):
        heights, _, _ = axes.hist(
            view.rows[:, i],
            bins=40,
            range=(low, high),
            weights=view.row_weights * 40 / (high - low),
            color="#dfe5ea",
            histtype="stepfilled",  # one polygon is drawn sooner than many bars
        )
        top = 1.3 * float(np.max(heights))
    at = np.linspace(low, high, 300)
    variances = np.maximum(view.covariances[:, i, i], ((high - low) / 300) ** 2)
    squares = (at[:, None] - view.means[:, i]) ** 2 / variances
    parts = view.weights * np.exp(-squares / 2) / np.sqrt(2 * np.pi * variances)
    for k, colour in enumerate(component_colours(view.components[:_MOST_ELLIPSES])):
        axes.plot(at, parts[:, k], color=colour, lw=0.9)
    axes.plot(at, parts.sum(axis=1), color=INK, lw=1.4)
    axes.set_ylim(0, top)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def _pair(axes: Axes, view: Projection2D, x: int, y: int, n_panels: int) -> None:
    colours = np.array([*component_colours(view.components), NOISE])
    if len(view.rows):
        size = 5.0 if n_panels < 4 else 2.5
        axes.scatter(
            view.rows[:, x], view.rows[:, y], s=size, c=colours[view.labels], alpha=0.35, lw=0
        )
    chosen = [x, y]
    for k in range(min(len(view.weights), _MOST_ELLIPSES)):
        mean, covariance = view.means[k, chosen], view.covariances[k][np.ix_(chosen, chosen)]
        draw_component(
            axes,
            mean,
            covariance,
            view.components[k],
            colours[k],
            is_numbered=len(view.weights) <= _MOST_NUMBERED,
        )
