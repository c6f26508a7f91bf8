"""Figures of a sweep and of the mixture it chose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dgmm.io.results.assignment_schema import MISSING
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.types import Array
from dgmm.plots.colours import (
    ALARM,
    INK,
    NOISE,
    PALE,
    component_colours,
    structure_style,
)
from dgmm.plots.criterion_plot import draw_criterion
from dgmm.report.figure_style import WIDTH, Picture, create_panel, encode_figure
from dgmm.report.sample import Sample

_MOST_TRACES = 60
_MOST_OTHERS = 2  # criteria in one row
_MOST_COMPONENTS, _MOST_FEATURES = 40, 60
_MOST_IN_HALF = 24  # features, in half the width of the page
_MOST_NUMBERS = 150
_MOST_LONG_NUMBERS = 5  # in a row, beside each other
_WIDTH_OF_NAMES = 45  # characters
_LARGEST_MEAN = 2.5  # limit of the heat map, in standard deviations


def draw_criteria(sweep: Sweep) -> tuple[Picture, ...]:
    """All criteria against the number of components, the selecting one first."""
    name = sweep.criterion.upper()
    figure, axes = create_panel(3.3)
    draw_criterion(axes, sweep.results, sweep.criterion)
    axes.set(xlabel="number of components K", ylabel=f"{name} - best")
    best = sweep.selected
    axes.plot(best.n_components, 0, "o", ms=13, mfc="none", mec=ALARM, mew=1.6, clip_on=False)
    axes.legend(loc="upper right")
    others = [other for other in best.criteria if other != sweep.criterion][:_MOST_OTHERS]
    second = Figure(figsize=(WIDTH, 3.3))
    for column, other in enumerate(others, start=1):
        axes = second.add_subplot(1, len(others), column)
        draw_criterion(axes, sweep.results, other)
        axes.set(title=other.upper(), xlabel="K", ylabel="" if column > 1 else "above the best")
    main = Picture(
        f"{name} against K",
        f"Every candidate, smaller is better; the ring marks the choice, {best.candidate.name}. "
        "Open arrows are upper bounds, of fits that were stopped before they converged; they "
        "interrupt the line. Crosses collapsed and cannot be chosen.",
        encode_figure(figure),
        f"{name} above the best of each candidate by number of components and structure.",
    )
    rest = Picture(
        " and ".join(other.upper() for other in others),
        "The same candidates by other criteria, smaller is better.",
        encode_figure(second),
        "The other criteria of each candidate by number of components and structure.",
    )
    return main, rest


def draw_components(
    labels: tuple[int, ...],
    weights: Array,
    means: Array,
    names: tuple[str, ...],
    mean: Array,
    deviations: Array,
) -> Picture:
    """Weights as bars, and means as a heat map in standard deviations of the data.

    Parameters
    ----------
    labels : tuple of int
        What the components are called.
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    names : tuple of str
    mean, deviations : ndarray of shape (n_features,)
        Of the data.
    """
    n_components, d = means.shape
    k = min(n_components, _MOST_COMPONENTS)
    standardised = (means - mean) / np.where(deviations > 0, deviations, 1.0)
    differences = weights @ standardised**2
    shown = np.sort(np.argsort(-differences, kind="stable")[:_MOST_FEATURES])
    is_wide = len(shown) > _MOST_IN_HALF
    figure = Figure(figsize=(WIDTH * (1 + is_wide), 1.25 + 0.24 * max(k, 4)))
    bars, heat = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2.2 + 3 * is_wide))
    bars.barh(range(k), weights[:k], color=component_colours(labels[:k]))
    bars.set(title="weights", ylabel="component")
    shown_labels = range(k) if k <= 25 else range(0, k, 5)
    bars.set_yticks(shown_labels, [str(labels[i]) for i in shown_labels])
    bars.xaxis.set_major_locator(MaxNLocator(3))
    bars.grid(visible=False, axis="y")
    mesh = heat.imshow(
        standardised[:k, shown],
        cmap="RdBu_r",
        vmin=-_LARGEST_MEAN,
        vmax=_LARGEST_MEAN,
        aspect="auto",
        interpolation="nearest",
    )
    heat.set_title("means")
    heat.set_xticks(range(len(shown)), [_truncate(names[j]) for j in shown])
    if sum(len(_truncate(names[j])) + 2 for j in shown) > _WIDTH_OF_NAMES:
        heat.tick_params("x", rotation=60 if len(shown) < 12 else 90)
    heat.grid(visible=False)
    heat.spines[:].set_visible(False)
    has_numbers = k * len(shown) <= _MOST_NUMBERS and len(shown) <= 8
    if has_numbers:
        _write_numbers(heat, means[:k, shown], standardised[:k, shown])
    bars.set_ylim(k - 0.5, -0.5)
    colours = figure.colorbar(mesh, ax=heat, pad=0.02, extend="both", aspect=30)
    colours.set_label("standard deviations", size=8)
    colours.outline.set_visible(False)
    left_out = []
    if n_components > k:
        left_out.append(f"the first {k} of {n_components} components")
    if d > len(shown):
        left_out.append(f"the {len(shown)} features, of {d}, that differ most")
    only = f" Shown: {', '.join(left_out)}." if left_out else ""
    return Picture(
        "Components",
        "Called as in the labels. Colours tell how far a component's mean is from that of all "
        "rows, in standard deviations of all rows"
        f"{'; numbers are the means themselves' if has_numbers else ''}.{only}",
        encode_figure(figure),
        "Weights of the components, and their means by feature.",
        is_wide=is_wide,
    )


def _write_numbers(axes: Axes, values: Array, standardised: Array) -> None:
    for (i, j), value in np.ndenumerate(values):
        is_dark = abs(standardised[i, j]) > 0.65 * _LARGEST_MEAN
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5}
        text = _shorten(value) if values.shape[1] > _MOST_LONG_NUMBERS else f"{value:.4g}"
        axes.text(j, i, text, color="white" if is_dark else INK, **style)


def _shorten(value: float) -> str:
    """A number in at most seven characters."""
    return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.2g}"


def draw_lower_bounds(bounds: Sequence[float]) -> Picture | None:
    """What each pass over all rows added to the lower bound; None if there was only one."""
    gains = np.diff(bounds)
    if not gains.size:
        return None
    figure, axes = create_panel(3.0)
    axes.semilogy(np.arange(2, len(bounds) + 1), np.where(gains > 0, gains, np.nan), marker="o")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="pass over all rows", ylabel="gain of the lower bound, nats")
    return Picture(
        "Convergence",
        "By how much each pass over all rows raised the lower bound of the log evidence. "
        "Inference on the sample went before.",
        encode_figure(figure),
        "Gain of the lower bound by pass.",
    )


def draw_traces(sweep: Sweep, tol: float | None) -> Picture | None:
    """Remaining gain at each pass over all rows; None if there was only one pass."""
    ranked = [r for r in sweep.rank()[:_MOST_TRACES] if len(r.trace) > 1]
    if not ranked:
        return None
    figure, axes = create_panel(3.0)
    least = 0.0 if tol is None else tol / 100
    for result in reversed(ranked):
        gains = result.trace[-1] - np.asarray(result.trace[:-1])
        gains = np.where(gains > 0, np.maximum(gains, least), np.nan)
        is_best = result is sweep.selected
        axes.semilogy(
            np.arange(1, len(result.trace)),
            gains,
            color=structure_style(result.covariance_type)[0],
            lw=2.4 if is_best else 0.8,
            alpha=1.0 if is_best else 0.45,
            marker="o" if is_best or len(result.trace) < 4 else None,
            ms=4 if is_best else 2,
            zorder=3 if is_best else 2,
        )
    if tol is not None:
        axes.axhline(tol, color=PALE, lw=1, ls=(0, (4, 3)))
        axes.annotate(
            "tol", (1, tol), (-2, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", color=PALE, fontsize=8.5,
        )  # fmt: skip
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="pass over all rows", ylabel="log-likelihood still to gain,\nnats a row")
    more = len(sweep.results) - len(ranked)
    rest = f" Not drawn are {more} of one pass, or far behind." if more else ""
    return Picture(
        "Convergence",
        "How much log-likelihood each candidate gained after each pass over all rows; the choice "
        f"is the thick line. EM on the sample went before. Gains below tol / 100 are drawn "
        f"there.{rest}",
        encode_figure(figure),
        "Log-likelihood still to gain by pass, for each candidate.",
    )


def draw_certainty(sample: Sample, labels: tuple[int, ...]) -> Picture:
    """Largest responsibilities of the sampled rows, and labels of components."""
    figure, axes = create_panel(3.0)
    k = sample.responsibilities.shape[1]
    first = int(40 * sample.certainty.min())
    bins = [i / 40 for i in range(min(first, 32), 41)]
    chosen = [sample.labels_and_noise == i for i in (*range(k), MISSING)]
    axes.hist(
        [sample.certainty[own] for own in chosen],
        bins=bins,
        weights=[sample.weights[own] for own in chosen],
        stacked=True,
        histtype="stepfilled",
        color=[*component_colours(labels), NOISE],
    )
    axes.set(xlabel="probability of the most probable component", ylabel="share of rows")
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(visible=False, axis="x")
    mean = float(sample.weights @ sample.certainty)
    sure = float(sample.weights[sample.certainty >= 0.95].sum())
    return Picture(
        "Certainty of the assignments",
        f"On {len(sample.rows):,} sampled rows: {mean:.1%} on average; {sure:.0%} of the rows are "
        "assigned with at least 95 %. Colours are those of the components"
        f"{'; noise is black' if sample.is_noise.any() else ''}.",
        encode_figure(figure),
        "Histogram of the probability of the most probable component.",
    )


def draw_densities(sample: Sample) -> Picture:
    """Log densities of the sampled rows, outliers in another colour."""
    figure, axes = create_panel(3.0)
    low, inner, high = (float(q) for q in np.quantile(sample.log_density, (0.0, 0.01, 1.0)))
    low = max(low, inner - 2 * (high - inner))
    width = (high - low) or max(1.0, abs(high)) * 1e-6
    n = int(sample.is_outlier.sum())
    parts = [~sample.is_outlier, sample.is_outlier] if n else [~sample.is_outlier]
    axes.hist(
        [np.clip(sample.log_density[part], low, None) for part in parts],
        bins=[low + width * i / 50 for i in range(50)] + [low + width * (1 + 1e-9)],
        weights=[sample.weights[part] for part in parts],
        stacked=True,
        histtype="stepfilled",
        color=["#b8c2cc", ALARM][: len(parts)],
        label=["rows", "outliers"][: len(parts)],
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    axes.set(xlabel="log density, nats", ylabel="share of rows")
    if n:
        axes.legend(loc="upper left")
    share = f"{n / len(sample.rows):.2%}"
    rule = "farther from their component than one of its rows in 10,000 would be"
    found = f"{n:,} of {len(sample.rows):,} sampled rows ({share}) are" if n else "None are"
    return Picture(
        "Outliers" if n else "Log density",
        f"How much the mixture expects the sampled rows. {found} {rule}. "
        "What is off the scale is counted at its left end.",
        encode_figure(figure),
        "Histogram of log densities, with outliers marked.",
    )


def _truncate(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
