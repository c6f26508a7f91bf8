"""Store of a study: each fit when it is done, and the whole at the end."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dgmm.errors import DgmmError, InputNotFoundError
from dgmm.run import Variable, read_group, write_group
from pipelines.stability.subsets import Design
from pipelines.stability.values import Axes, FitOfSubset, Study

FORMAT = "dgmm-stability"
_FORMAT_OF_A_FIT = "dgmm-stability-fit"
_AXES = ("covariance_type", "n_components")


@dataclass(frozen=True, slots=True)
class FitStore:
    """The fits of an unfinished study, each written in one step."""

    folder: Path

    def load(self, index: int) -> FitOfSubset | None:
        """The fit of a subset; None if there is none or it cannot be read."""
        try:
            arrays, _ = read_group(self._path(index))
            return FitOfSubset(arrays["criterion"], arrays["log_likelihood"], arrays["labels"])
        except InputNotFoundError:
            return None
        except (DgmmError, KeyError):  # damaged: it is found again
            shutil.rmtree(self._path(index), ignore_errors=True)
            return None

    def save(self, index: int, fit: FitOfSubset) -> None:
        """Write the fit of a subset, in one step."""
        variables = {
            "criterion": Variable(_AXES, fit.criterion),
            "log_likelihood": Variable(_AXES, fit.log_likelihood),
            "labels": Variable((*_AXES, "row"), fit.labels),
        }
        write_group(self._path(index), variables, {"format": _FORMAT_OF_A_FIT})

    def remove(self) -> None:
        """Remove all fits."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"subset-{index:04}.zarr"


def write_study(
    path: Path, study: Study, plan: Design, axes: Axes, attributes: Mapping[str, Any]
) -> None:
    """Write a finished study, in one step, as a Zarr group with named dimensions."""
    dimensions = ("subset", *_AXES)
    kinds = np.array(axes.covariance_types, np.dtypes.StringDType())
    variables = {
        "subset": Variable(("subset",), np.arange(len(plan.subsets))),
        "covariance_type": Variable(_AXES[:1], kinds),
        "n_components": Variable(_AXES[1:], np.array(axes.n_components)),
        "criterion": Variable(dimensions, study.criterion),
        "log_likelihood": Variable(dimensions, study.log_likelihood),
        "agreement": Variable(dimensions, study.agreement),
        "blocks": Variable(("subset", "block_of_subset"), np.array(plan.subsets)),
        "held_out_blocks": Variable(("held_out",), np.array(plan.held_out)),
    }
    write_group(path, variables, {"format": FORMAT, **attributes})


def read_study(path: Path) -> tuple[Study, dict[str, Any]]:
    """A finished study, and its attributes."""
    arrays, attributes = read_group(path)
    names = ("criterion", "log_likelihood", "agreement")
    return Study(*(arrays[name] for name in names)), attributes
