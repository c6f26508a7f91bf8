"""Components as ellipses in a plane."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dgmm.mixture.types import Array
from dgmm.plots.colours import text_colour

if TYPE_CHECKING:  # it is optional
    from matplotlib.axes import Axes
    from matplotlib.patches import Ellipse

N_DEVIATIONS = 2.0
"""Half the axes of an ellipse, in standard deviations."""


def draw_component(
    axes: "Axes", mean: Array, covariance: Array, label: int, colour: str, *, is_numbered: bool
) -> None:
    """An ellipse, and its centre with the label of the component or a cross.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    mean : ndarray of shape (2,)
    covariance : ndarray of shape (2, 2)
    label : int
    colour : str
    is_numbered : bool
    """
    for edge, width in (("white", 2.6), (colour, 1.4)):
        axes.add_patch(_ellipse(mean, covariance, fill=False, ec=edge, lw=width))
    if not is_numbered:
        axes.plot(*mean, "+", color=colour, ms=5, mew=1.4)
        return
    box = {"boxstyle": "circle,pad=0.16", "fc": colour, "ec": "white", "lw": 0.8}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5, "clip_on": True}
    place = (float(mean[0]), float(mean[1]))
    axes.text(*place, str(label), color=text_colour(colour), bbox=box, **style)


def _ellipse(mean: Array, covariance: Array, **style: Any) -> "Ellipse":
    """Ellipse of a Gaussian at so many standard deviations; axes from eigenvectors."""
    from matplotlib.patches import Ellipse

    values, vectors = np.linalg.eigh(covariance)
    short, long = 2 * N_DEVIATIONS * np.sqrt(np.maximum(values, 0.0))
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    return Ellipse((float(mean[0]), float(mean[1])), long, short, angle=angle, **style)
