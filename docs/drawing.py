"""How the figures of the classics are drawn: colours, ellipses, rows and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# P. Tol's high-contrast scheme: told apart with any colour vision, and in grey.
BLUE, YELLOW, RED, BLACK = COLOURS = ("#004488", "#DDAA33", "#BB5566", "#000000")
MARKERS = dict(zip(COLOURS, "os^D", strict=True))  # and shapes say it again
STYLES = tuple({"color": colour, "marker": marker} for colour, marker in MARKERS.items())

plt.rcParams.update(
    {
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": "medium",
        "figure.constrained_layout.use": True,
        "font.size": 11,
        "legend.frameon": False,
        "savefig.dpi": 120,
    }
)


def grid(mosaic: str, size: tuple[float, float], **style: Any) -> tuple[Figure, dict[str, Axes]]:
    """A figure of axes named by letters, so many inches wide and high."""
    return plt.subplot_mosaic(mosaic, figsize=size, **style)


def save(figure: Figure, path: Path) -> None:
    """Write a figure where it was asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def label(axes: Axes, title: str, across: str = "", up: str = "") -> None:
    """A title, and what the axes show."""
    axes.set(title=title, xlabel=across, ylabel=up)


def by_rank(values: ArrayLike) -> list[str]:
    """A colour for each component by the place of its value, the least first."""
    return [COLOURS[rank] for rank in np.argsort(np.argsort(values))]


def matrices(mixture: Any) -> Array:
    """Covariances of any of the four shapes as matrices (n_components, n_features, n_features)."""
    n_components, n_features = mixture.means_.shape
    covariances, unit = mixture.covariances_, np.eye(n_features)
    match mixture.covariance_type:
        case "full":
            return covariances
        case "tied":
            return np.array([covariances] * n_components)
        case "diag":
            return covariances[:, :, np.newaxis] * unit
        case _:
            return covariances[:, np.newaxis, np.newaxis] * unit


def ellipse(mean: Array, covariance: Array, n_deviations: float, **style: Any) -> Ellipse:
    """The points at ``n_deviations`` standard deviations from the mean, in the plane.

    The covariance [[a, b], [b, c]] has the eigenvalues (a + c)/2 +- sqrt((a - c)^2/4 + b^2), the
    variances along the axes; the long one lies at half the angle of the vector (a - c, 2b).
    """
    (a, b), (_, c) = covariance
    middle, half = (a + c) / 2, np.hypot((a - c) / 2, b)
    long, short = np.sqrt([middle + half, max(middle - half, 0.0)])
    angle = np.degrees(np.arctan2(2 * b, a - c)) / 2
    return Ellipse(mean, 2 * n_deviations * long, 2 * n_deviations * short, angle=angle, **style)


def ellipses(axes: Axes, mixture: Any, colours: Sequence[str] = COLOURS) -> None:
    """Every component: its mean, and ellipses at one and two standard deviations."""
    for mean, covariance, colour in zip(mixture.means_, matrices(mixture), colours, strict=False):
        for n_deviations, width in ((1, 2.2), (2, 1.2)):
            style = {"fill": False, "edgecolor": colour, "linewidth": width}
            axes.add_patch(ellipse(mean, covariance, n_deviations, **style))
        axes.plot(*mean, marker="+", markersize=11, markeredgewidth=2.2, color=BLACK)


def hard(
    axes: Axes, rows: Array, labels: NDArray[np.intp], colours: Sequence[str] = COLOURS
) -> None:
    """Rows in the colour and shape of their cluster."""
    for cluster in np.unique(labels):
        colour = colours[cluster]
        style = {"color": colour, "marker": MARKERS[colour], "alpha": 0.7}
        axes.scatter(*rows[labels == cluster].T, s=22, linewidths=0, **style)


def soft(
    axes: Axes,
    rows: Array,
    responsibilities: Array,
    colours: Sequence[str] = COLOURS,
    size: float = 22,
) -> None:
    """Rows in the colours of the components, mixed in proportion to the responsibilities."""
    palette = [to_rgb(colour) for colour in colours[: responsibilities.shape[1]]]
    mixed = np.clip(responsibilities @ palette, 0, 1)
    axes.scatter(*rows.T, s=size, color=mixed, alpha=0.8, linewidths=0)


def plane_and_histogram(
    density: Any, border: float, groups: Mapping[str, Array]
) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two groups of rows and where the log-density is at the border, in the plane and counted."""
    figure, panels = grid("ab", (11, 4.6))
    plane, histogram = panels["a"], panels["b"]
    least, most = -60, 0
    histogram.axvline(border, color=BLACK, label="border")
    for (name, rows), colour in zip(groups.items(), (BLUE, RED), strict=True):
        style = {"color": colour, "alpha": 0.6, "label": name}
        plane.scatter(*rows.T, s=20, marker=MARKERS[colour], linewidths=0, **style)
        # What is less than the least is counted in the first bin.
        histogram.hist(np.clip(density.score_samples(rows), least, most), range(-60, 1, 2), **style)
    ranges = [np.linspace(0, limit, 300) for limit in (plane.get_xlim()[1], plane.get_ylim()[1])]
    across, up = np.meshgrid(*ranges)
    heights = density.score_samples(np.stack([across.ravel(), up.ravel()], axis=1))
    plane.contour(across, up, heights.reshape(up.shape), [border], colors=BLACK, linestyles="-")
    plane.legend(loc="upper right")
    histogram.set_xticks(range(least, most + 1, 10), [f"≤ {least + 2}", *range(-50, 1, 10)])
    histogram.legend()
    return figure, (plane, histogram)


def picture(axes: Axes, pixels: Array, shape: tuple[int, ...], title: str) -> Any:
    """An image of colours, or of shares from 0 to 1."""
    axes.set_axis_off()
    axes.set_title(title)
    image = pixels.reshape(shape if pixels.ndim == 2 else shape[:2])
    return axes.imshow(image, cmap="cividis", vmin=0, vmax=1)
