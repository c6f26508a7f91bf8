"""A criterion against the number of components."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dgmm.mixture.candidate import Status
from dgmm.mixture.fit_result import FitResult
from dgmm.plots.colours import structure_style

if TYPE_CHECKING:  # it is optional
    from matplotlib.axes import Axes


def draw_criterion(axes: "Axes", results: Sequence[FitResult], name: str) -> None:
    """One line for each structure: differences to the best candidate that did not collapse.

    Open arrows are upper bounds, of fits that were stopped; they interrupt the line. Crosses
    collapsed.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    results : sequence of FitResult
    name : str
        Of the criterion.
    """
    from matplotlib.ticker import MaxNLocator

    sound = [r for r in results if r.status is not Status.DEGENERATE] or list(results)
    values = np.array([r.criteria[name] for r in sound])
    finite = values[np.isfinite(values)]
    base = finite.min() if finite.size else 0.0
    for kind in dict.fromkeys(r.covariance_type for r in results):
        own = sorted((r for r in sound if r.covariance_type == kind), key=lambda r: r.n_components)
        _draw_line(axes, own, [r.criteria[name] - base for r in own], kind)
    collapsed = [r for r in results if r not in sound]
    top = max(float((finite - base).max()) if finite.size else 0.0, 1.0)
    heights = [np.clip(np.nan_to_num(r.criteria[name] - base), 0.0, top) for r in collapsed]
    for r, height in zip(collapsed, heights, strict=True):
        colour, _ = structure_style(r.covariance_type)
        axes.plot(r.n_components, height, "x", color=colour, ms=5, clip_on=False)
    axes.set_ylim(-0.03 * top, 1.05 * top)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: _abbreviate(value))


def _draw_line(
    axes: "Axes", results: Sequence[FitResult], heights: Sequence[float], kind: str
) -> None:
    colour, marker = structure_style(kind)
    counts, values = [r.n_components for r in results], np.array(heights, float)
    is_bound = np.array([r.is_bound for r in results], bool)
    line, bounds = (np.where(hidden, np.nan, values) for hidden in (is_bound, ~is_bound))
    axes.plot(counts, line, "-", color=colour, lw=1.4, marker=marker, ms=3.8, label=kind)
    axes.plot(counts, bounds, "v", color=colour, mfc="w", ms=5)


def _abbreviate(value: float) -> str:
    """A large number with a letter for its thousands.

    Examples
    --------
    >>> _abbreviate(2.5e6), _abbreviate(-1500.0), _abbreviate(20.0)
    ('2.5M', '-1.5k', '20')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
