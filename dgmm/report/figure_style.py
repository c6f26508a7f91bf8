"""The style of figures, and their encoding as data URIs."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from dgmm.plots.colours import GRID, INK, NOISE, PALE, component_colours

WIDTH = 5.3  # inches; 528 pixels of a page
_DPI = 190  # sharp on screens with two pixels per CSS pixel
_COLOURS = 256
_MOST_NAMED, _MOST_IN_COLUMN = 40, 16

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": PALE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "text.parse_math": False,  # names of features are not formulas
    "xtick.color": PALE,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": PALE,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in a page.

    Attributes
    ----------
    title : str
        What it shows.
    caption : str
        How to read it.
    source : str
        A data URI.
    alternative : str
        What it says, for those who do not see it.
    is_wide : bool
        Whether it needs the width of the page.
    """

    title: str
    caption: str
    source: str
    alternative: str
    is_wide: bool = False


@contextmanager
def figure_defaults() -> Iterator[None]:
    """Set the style of figures drawn inside the ``with``."""
    with mpl.rc_context(_STYLE):
        yield


def create_panel(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure of one panel, so many inches wide and high."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def add_component_legend(
    figure: Figure, labels: tuple[int, ...], *, has_noise: bool = False
) -> None:
    """Say which colour is which component, beside the panels; of many, the first ones."""
    shown = labels[:_MOST_NAMED]
    patches = [Patch(color=colour) for colour in component_colours(shown)]
    names = [str(label) for label in shown]
    if len(labels) > len(shown):
        patches.append(Patch(color="none"))
        names.append("...")
    if has_noise:
        patches.append(Patch(color=NOISE))
        names.append("noise")
    figure.legend(
        patches,
        names,
        title="component",
        loc="outside right upper",
        ncols=1 + (len(names) > _MOST_IN_COLUMN),
        handlelength=1.0,
    )


def encode_figure(figure: Figure) -> str:
    """A figure as a PNG in a data URI."""
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)  # Matplotlib has no types for it
    canvas.draw()
    return encode_png(np.asarray(canvas.buffer_rgba())[..., :3], _COLOURS)


def encode_png(pixels: NDArray[np.uint8], n_colours: int) -> str:
    """Pixels (height, width, 3) as a PNG of few colours, in a data URI."""
    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(
        n_colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    return _encode(image, "PNG")


def encode_jpeg(pixels: NDArray[np.uint8]) -> str:
    """Pixels (height, width, 3) as a JPEG in a data URI."""
    return _encode(Image.fromarray(np.ascontiguousarray(pixels)), "JPEG", quality=82)


def _encode(image: Image.Image, kind: str, **options: Any) -> str:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
