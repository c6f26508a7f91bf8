"""A map of the labels of samples on a grid."""

from typing import Any

import numpy as np
import zarr
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

from dgmm.io.results.assignment_schema import MISSING
from dgmm.io.results.result import Result
from dgmm.io.sources.image import pixel_stride
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.report.colours import PALE, component_colours
from dgmm.report.figure_style import WIDTH, Picture, create_panel, encode_figure

_LABELS_AT_A_TIME = 1 << 22
_TALLEST = 1.4  # times the width


def draw_label_map(result: Result) -> Picture | None:
    """The labels over the last two dimensions, at the first index of others; None without a grid.

    A map of many cells is thinned out.
    """
    labels = result.assignments.get("labels")
    if labels is None or labels.ndim < 2:
        return None
    *others, down, across = _dims(labels)
    components = result.labelling
    seen = component_indices(_subsample(labels), components)
    coordinates = (result.coordinates.get(name) for name in (down, across))
    pairs = zip(coordinates, labels.shape[-2:], strict=True)
    y, x = (_extent(coordinate, extent) for coordinate, extent in pairs)
    k = len(components.labels)
    figure, axes = create_panel(min(_TALLEST, 0.25 + seen.shape[0] / seen.shape[1]) * WIDTH)
    axes.imshow(
        seen,
        cmap=ListedColormap([PALE, *component_colours(components.labels)]),
        vmin=-1.5,
        vmax=k - 0.5,
        extent=(*x, y[1], y[0]),
        aspect="auto",
        interpolation="nearest",
    )
    if y[0] < y[1]:  # north is up
        axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlabel=across, ylabel=down)
    where = f", at the first {' and '.join(others)}" if others else ""
    return Picture(
        f"Labels over {down} and {across}",
        f"Each cell in the colour of its most probable component{where}; grey where a value is "
        "missing.",
        encode_figure(figure),
        f"The labels over {down} and {across}.",
    )


def component_indices(
    labels: NDArray[np.integer], components: ComponentLabels
) -> NDArray[np.integer]:
    """Labels as the places of their components; -1 stays."""
    places = np.full(components.next_label + 1, MISSING)
    places[list(components.labels)] = np.arange(len(components.labels))
    return places[labels]


def _subsample(labels: zarr.Array[Any]) -> NDArray[np.integer]:
    """A regular subset of the labels of the first slice, read a few lines at a time."""
    height, width = labels.shape[-2:]
    step = pixel_stride((height, width))
    n_lines = step * max(1, _LABELS_AT_A_TIME // (step * width))
    parts = []
    for y in range(0, height, n_lines):
        region: tuple[int | slice, ...] = (*[0] * (labels.ndim - 2), slice(y, y + n_lines))
        parts.append(np.asarray(labels[region])[::step, ::step])
    return np.concatenate(parts)


def _dims(labels: zarr.Array[Any]) -> list[str]:
    names = getattr(labels.metadata, "dimension_names", None) or (None,) * labels.ndim
    return [str(name or f"dimension {i}") for i, name in enumerate(names)]


def _extent(coordinate: zarr.Array[Any] | None, extent: int) -> tuple[float, float]:
    """The edges of the cells of a dimension, from its coordinate if that is numeric."""
    if coordinate is None or coordinate.ndim != 1 or coordinate.dtype.kind not in "iuf":
        return -0.5, extent - 0.5
    values = np.asarray(coordinate[:], np.float64)
    half = (values[-1] - values[0]) / (2 * max(1, extent - 1)) or 0.5
    return float(values[0] - half), float(values[-1] + half)
