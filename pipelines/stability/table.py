"""A table of a study."""

from collections.abc import Iterator

import numpy as np

from pipelines.stability.values import Axes, Study, deviation_of, error_of, mean_of


def table(study: Study, axes: Axes, criterion: str) -> Iterator[str]:
    """A line for each candidate, structures with the least criterion first.

    Parameters
    ----------
    study : Study
    axes : Axes
    criterion : str
        Its name.
    """
    values = study.criterion
    mean = mean_of(values)
    if np.isnan(mean).all():
        return
    least = np.unravel_index(np.nanargmin(mean), mean.shape)
    differences = values - values[:, least[0], least[1]][:, None, None]
    several = np.array(axes.n_components) > 1  # one component agrees with any other
    columns = {
        f"{criterion.upper()} per row": (mean, 5),
        "deviation": (deviation_of(values), 5),
        "- least": (mean_of(differences), 5),
        "std. error": (error_of(differences), 5),
        "agreement": (np.where(several, mean_of(study.agreement), np.nan), 2),
    }
    rows = [("type", "K", *columns)]
    for kind in np.argsort(np.where(np.isnan(mean), np.inf, mean).min(axis=1), kind="stable"):
        for place, count in enumerate(axes.n_components):
            numbers = (_number(each[kind, place], n) for each, n in columns.values())
            rows.append((axes.covariance_types[kind], str(count), *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for structure, *others in rows:
        aligned = (f"{text:>{width}}" for text, width in zip(others, widths[1:], strict=True))
        yield "  ".join([f"{structure:{widths[0]}}", *aligned])


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
