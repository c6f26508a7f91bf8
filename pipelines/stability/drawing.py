"""A figure of a study."""

import os
from pathlib import Path

from dgmm.errors import MissingExtraError
from pipelines.stability.values import Axes, Study, deviation_of, mean_of


def draw(path: Path, study: Study, axes: Axes, criterion: str) -> None:
    """Draw mean and spread of a criterion, and the agreement of labels, over K, as a PNG.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a figure needs pip install 'dgmm[report]'") from error
    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for part, values in ((upper, study.criterion), (lower, study.agreement)):
        curves = zip(axes.covariance_types, mean_of(values), deviation_of(values), strict=True)
        for structure, mean, deviation in curves:
            part.errorbar(
                axes.n_components, mean, deviation, marker="o", ms=4, capsize=2, label=structure
            )
    upper.set_ylabel(f"{criterion.upper()} per row")
    upper.legend(title=f"mean and deviation, {len(study.criterion)} subsets")
    lower.set_ylabel("adjusted Rand index")
    lower.set_xlabel("number of components K")
    lower.set_xticks(axes.n_components)
    new = path.with_name(f".{path.name}.new")
    figure.savefig(new, format="png", dpi=120)
    os.replace(new, path)
