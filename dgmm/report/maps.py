"""Maps of the labels and of their probability: on a grid, or at scattered places."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dgmm.io.results.assignment_schema import MISSING
from dgmm.io.results.result import Result
from dgmm.io.sources.image import pixel_stride
from dgmm.plots.colours import NOISE, PALE, component_colours
from dgmm.report.figure_style import WIDTH, Picture, add_component_legend, encode_figure
from dgmm.report.places import Place, find_places, name_place

_LABELS_AT_A_TIME = 1 << 22
_MOST_POINTS = 20_000
_MOST_PANELS = 4
_TALLEST = 1.4  # times the width
_LEAST_PROBABILITY = 1 / 3

Values = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """A map: what it is of, where, and how values are read in the places that it shows."""

    title: str
    region: tuple[int | slice, ...]


def draw_maps(result: Result) -> tuple[Picture, ...]:
    """Labels, and their probability if it was stored, over two dimensions or coordinates.

    Of further dimensions several places are shown. A map of many cells or points is thinned out;
    there is none where samples have neither a grid nor places in a plane.
    """
    labels = result.assignments.get("labels")
    if labels is None:
        return ()
    down, across = find_places(result, labels)
    if down is None or across is None:
        return ()
    where = f"over {down.name} and {across.name}"
    panels = _panels(result, labels) if labels.ndim > 1 else [_Panel("", (slice(None),))]
    pictures = [_draw_labels(result, labels, panels, (down, across), where)]
    probability = _probability_reader(result)
    if probability is not None and len(result.labelling.labels) > 1:
        pictures.append(_draw_probability(labels, probability, panels, (down, across), where))
    return tuple(pictures)


def _panels(result: Result, labels: zarr.Array[Any]) -> list[_Panel]:
    """The places along the first of further dimensions; the first place of others."""
    n_others = labels.ndim - 2
    whole = (slice(None), slice(None))
    if n_others == 0:
        return [_Panel("", whole)]
    extent, rest = labels.shape[0], (0,) * (n_others - 1)
    places = np.unique(np.linspace(0, extent - 1, min(extent, _MOST_PANELS)).astype(int))
    return [_Panel(name_place(result, labels, int(i)), (int(i), *rest, *whole)) for i in places]


def _draw_labels(
    result: Result,
    labels: zarr.Array[Any],
    panels: list[_Panel],
    places: tuple[Place, Place],
    where: str,
) -> Picture:
    components, noise = result.labelling, result.assignments.get("noise")
    k = len(components.labels)
    style = {
        "cmap": ListedColormap([PALE, *component_colours(components.labels), NOISE]),
        "vmin": -1.5,
        "vmax": k + 0.5,
    }

    def read(panel: _Panel) -> Values:
        found = components.places(_thin(labels, panel.region))
        if noise is not None:
            found[(found == MISSING) & ~np.isnan(_thin(noise, panel.region))] = k
        return found

    figure, _, _ = _draw(panels, labels, read, places, style)
    add_component_legend(figure, components.labels, has_noise=noise is not None)
    return Picture(
        f"Labels {where}",
        "In the colour of the most probable component; grey where a value is missing.",
        encode_figure(figure),
        f"The labels {where}.",
        is_wide=len(panels) > 1,
    )


def _draw_probability(
    labels: zarr.Array[Any],
    read: Callable[[tuple[int | slice, ...]], Values],
    panels: list[_Panel],
    places: tuple[Place, Place],
    where: str,
) -> Picture:
    style = {"cmap": "viridis", "vmin": _LEAST_PROBABILITY, "vmax": 1}
    figure, axes, image = _draw(panels, labels, lambda panel: read(panel.region), places, style)
    bar = figure.colorbar(image, ax=axes, extend="min", aspect=30, shrink=0.8)
    bar.outline.set_visible(False)
    return Picture(
        f"Probability of the label {where}",
        "How sure the assignment is: 1 where only one component is likely, dark where several are.",
        encode_figure(figure),
        f"The probability of the most probable component {where}.",
        is_wide=len(panels) > 1,
    )


def _draw(
    panels: list[_Panel],
    labels: zarr.Array[Any],
    read: Callable[[_Panel], Values],
    places: tuple[Place, Place],
    style: dict[str, Any],
) -> tuple[Figure, list[Axes], Any]:
    """The panels of a map, and what a colour bar is made of."""
    down, across = places
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    ratio = min(_TALLEST, max(0.3, down.extent / across.extent if _are_alike(places) else 0.7))
    figure = Figure(figsize=(columns * WIDTH, rows * (0.45 + ratio * 0.9 * WIDTH)))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    axes: list[Axes] = list(grid.ravel())
    drawn: Any = None
    for panel, panel_axes in zip(panels, axes, strict=False):
        values = read(panel)
        if labels.ndim > 1:
            drawn = panel_axes.imshow(
                values,
                extent=(*across.edges, down.edges[1], down.edges[0]),
                aspect="auto",
                interpolation="nearest",
                **style,
            )
        else:
            size = float(np.clip(4e4 / max(len(values), 1), 1, 20))
            x, y = across.values[:: _point_step(labels)], down.values[:: _point_step(labels)]
            drawn = panel_axes.scatter(x, y, c=values, s=size, lw=0, **style)
        panel_axes.grid(visible=False)
        panel_axes.set_title(panel.title)
        if _are_alike(places):
            panel_axes.set_aspect("equal")
    for unused in axes[len(panels) :]:
        unused.set_axis_off()
    if labels.ndim > 1 and down.goes_up:  # north is up; panels share their axes
        axes[0].invert_yaxis()
    for axis in grid[-1]:
        axis.set_xlabel(across.label)
    for axis in grid[:, 0]:
        axis.set_ylabel(down.label)
    return figure, axes[: len(panels)], drawn


def _are_alike(places: tuple[Place, Place]) -> bool:
    """Whether a step down is as long as one across."""
    return places[0].units == places[1].units and places[0].is_numeric == places[1].is_numeric


def _probability_reader(result: Result) -> Callable[[tuple[int | slice, ...]], Values] | None:
    """What reads the probability of the label in a region of the samples, thinned out."""
    if "uncertainty" in result.assignments:
        array = result.assignments["uncertainty"]
        return lambda region: 1 - _thin(array, region)
    if "responsibilities" in result.assignments:
        stored = result.assignments["responsibilities"]
        return lambda region: _thin(stored, region, n_across=1).max(axis=-1)
    return None


def _thin(
    array: zarr.Array[Any], region: tuple[int | slice, ...], n_across: int = 0
) -> NDArray[Any]:
    """A regular subset of a map or of points, read a few lines at a time.

    Parameters
    ----------
    array : zarr.Array
        Of samples, and of so many dimensions behind them.
    region : tuple of int or slice
        Of the samples; whole dimensions where it is a slice.
    n_across : int
    """
    n_dims = array.ndim - n_across
    width = math.prod(array.shape[n_dims:]) * (array.shape[n_dims - 1] if n_dims > 1 else 1)
    height = array.shape[n_dims - 2] if n_dims > 1 else array.shape[0]
    step = _point_step(array) if n_dims == 1 else pixel_stride((height, array.shape[n_dims - 1]))
    n_lines = step * max(1, _LABELS_AT_A_TIME // (step * width))
    parts = []
    for y in range(0, height, n_lines):
        lines = slice(y, y + n_lines)
        if n_dims == 1:
            parts.append(np.asarray(array[lines])[::step])
        else:
            parts.append(np.asarray(array[(*region[:-2], lines)])[::step, ::step])
    return np.concatenate(parts)


def _point_step(array: zarr.Array[Any]) -> int:
    return -(-array.shape[0] // _MOST_POINTS)
