"""``.plot`` of sweeps and results: drawings that return the axes of Matplotlib they are on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import UsageError
from dgmm.mixture.fit_result import FitResult
from dgmm.mixture.types import Array
from dgmm.optional_packages import import_optional
from dgmm.plots.colours import PALE, component_colours
from dgmm.plots.criterion_plot import draw_criterion
from dgmm.plots.ellipse_plot import N_DEVIATIONS, draw_component

if TYPE_CHECKING:  # it is optional
    from matplotlib.axes import Axes

_LARGEST_MEAN = 2.5  # limit of the heat map, in standard deviations
_MOST_NUMBERED = 40


@dataclass(frozen=True, slots=True, eq=False)
class SweepPlot:
    """Drawings of a sweep and of the mixture that it chose.

    Every method takes the axes to draw on, ``ax``, new ones if None, and returns them.

    Attributes
    ----------
    results : tuple of FitResult
    criterion : str
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
        Of the chosen mixture, as the means in the units of the input.
    names : tuple of str
        Of the features.
    labels : tuple of int
        What components are called.
    """

    results: tuple[FitResult, ...]
    criterion: str
    weights: Array
    means: Array
    covariances: Array
    names: tuple[str, ...]
    labels: tuple[int, ...]

    def criteria(self, criterion: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """A criterion of every candidate against K, above the smallest.

        Raises
        ------
        UsageError
            If candidates have no such criterion.
        """
        name = self.criterion if criterion is None else criterion
        known = self.results[0].criteria
        if name not in known:
            raise UsageError(f"{name!r} is no criterion of the sweep: {', '.join(known)}.")
        axes = _axes(ax)
        draw_criterion(axes, self.results, name)
        axes.set(xlabel="number of components K", ylabel=f"{name.upper()} - best")
        axes.legend()
        return axes

    def heat_map(self, ax: "Axes | None" = None) -> "Axes":
        """Means, in standard deviations of the mixture from its mean, by component and feature."""
        axes = _axes(ax)
        mean = self.weights @ self.means
        inside = np.diagonal(self.covariances, axis1=1, axis2=2)
        variance = self.weights @ (inside + (self.means - mean) ** 2)
        standardised = (self.means - mean) / np.sqrt(np.where(variance > 0, variance, 1.0))
        axes.imshow(
            standardised,
            cmap="RdBu_r",
            aspect="auto",
            interpolation="nearest",
            vmin=-_LARGEST_MEAN,
            vmax=_LARGEST_MEAN,
        )
        axes.set_xticks(range(len(self.names)), self.names, rotation=90)
        axes.set_yticks(range(len(self.labels)), [str(label) for label in self.labels])
        axes.set_ylabel("component")
        return axes

    def ellipses(self, x: int | str = 0, y: int | str = 1, ax: "Axes | None" = None) -> "Axes":
        """Components in the plane of two features, at two standard deviations.

        Parameters
        ----------
        x, y : int or str
            Features, by place or name.
        ax : matplotlib.axes.Axes, optional

        Raises
        ------
        UsageError
            If there is no such feature.
        """
        axes, chosen = _axes(ax), [self._place(x), self._place(y)]
        is_numbered = len(self.labels) <= _MOST_NUMBERED
        means, covariances = self.means[:, chosen], self.covariances[:, chosen][:, :, chosen]
        for k, colour in enumerate(component_colours(self.labels)):
            draw_component(
                axes, means[k], covariances[k], self.labels[k], colour, is_numbered=is_numbered
            )
        reach = N_DEVIATIONS * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
        margin = 0.05 * (high - low)
        axes.set(
            xlim=(low[0] - margin[0], high[0] + margin[0]),
            ylim=(low[1] - margin[1], high[1] + margin[1]),
            xlabel=self.names[chosen[0]],
            ylabel=self.names[chosen[1]],
        )
        return axes

    def _place(self, feature: int | str) -> int:
        names: Sequence[str] = self.names
        if isinstance(feature, str) and feature in names:
            return names.index(feature)
        if isinstance(feature, int) and -len(names) <= feature < len(names):
            return feature % len(names)
        raise UsageError(f"{feature!r} is no feature: {', '.join(names)}.")


@dataclass(frozen=True, slots=True, eq=False)
class ResultPlot(SweepPlot):
    """Drawings of a result: those of its sweep, and a map.

    Attributes
    ----------
    read_labels : callable
        ``read_labels(at) -> ndarray`` of two dimensions: the places of components, -1 where a row
        has none, at a place of each further dimension of the samples.
    """

    read_labels: Callable[[tuple[int, ...]], NDArray[np.integer]]

    def map(self, at: tuple[int, ...] = (), ax: "Axes | None" = None) -> "Axes":
        """Labels over the last two dimensions of the samples.

        Parameters
        ----------
        at : tuple of int
            Places in the other dimensions; the first ones unless given.
        ax : matplotlib.axes.Axes, optional

        Raises
        ------
        UsageError
            If the samples have no grid, or labels were not stored.
        """
        labels = self.read_labels(at)
        colours = import_optional("matplotlib.colors", "plot needs Matplotlib", "dgmm[report]")
        axes = _axes(ax)
        axes.imshow(
            labels,
            cmap=colours.ListedColormap([PALE, *component_colours(self.labels)]),
            vmin=-1.5,
            vmax=len(self.labels) - 0.5,
            interpolation="nearest",
        )
        return axes


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "plot needs Matplotlib", "dgmm[report]")
    axes: Axes = pyplot.subplots()[1]
    return axes
