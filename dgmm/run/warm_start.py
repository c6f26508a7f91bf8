"""The result that a run starts from, the models that remain to fit, and the labels."""

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dgmm.errors import DataError, InputNotFoundError
from dgmm.io.results.pointer import read_pointer
from dgmm.io.storage.location import absolute_location, output_path
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.alignment import ComponentLabels, align
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.transform import WarmStart, transform_mixture
from dgmm.run.config.configuration import Configuration, Output
from dgmm.text import join_names

if TYPE_CHECKING:  # a plan fits nothing
    from dgmm.engine.fit import Fit
    from dgmm.io.results.result import Result

_logger = logging.getLogger(__name__)

Models = tuple[tuple[str, int], ...]


def earlier_result(configuration: Configuration) -> "Result | None":
    """The result that ``model.start_from`` names; None if there is none yet.

    The first run of an output that starts from its own last one has nothing to start from.

    Raises
    ------
    InputNotFoundError
        If nothing is at another place.
    OutputError, StorageError
        If it cannot be read.
    """
    path, output = configuration.model.start_from, configuration.output
    if path is None:
        return None
    from dgmm.io.results.result import open_result  # which imports all parts of a result

    try:
        return open_result(path, output.storage_options if "://" in path else None)
    except InputNotFoundError:
        if _is_new(path, output):
            _logger.info("nothing to start from yet: this is the first run of %s", output.path)
            return None
        raise


def narrow_models(models: Models, earlier: "Result | None", *, whole: bool) -> Models:
    """The models within one component of the earlier choice, of its structure.

    All of them if there is nothing to go by, or if none is left.
    """
    if earlier is None or whole:
        return models
    chosen = earlier.sweep.selected.candidate
    near = [(kind, k) for kind, k in models if abs(k - chosen.n_components) <= 1]
    return tuple(model for model in near if model[0] == chosen.covariance_type) or models


def build_warm_start(earlier: "Result | None") -> WarmStart:
    """The mixtures of the earlier result, for the engine."""
    if earlier is None:
        return WarmStart()
    found = [
        result for result in earlier.sweep.results if result.status is not Status.STOPPED_EARLY
    ]
    mixtures = tuple(result.parameters for result in found)
    n_classes = len(earlier.attributes.get("labelled_weights", ()))
    return WarmStart(mixtures, earlier.transform, n_classes)


def check_features(result: "Result", feature_names: tuple[str, ...]) -> None:
    """Refuse data with other features than those of the model.

    Raises
    ------
    DataError
    """
    if feature_names != result.feature_names:
        raise DataError(
            f"The data have the features {join_names(feature_names)}; the model of {result.path} "
            f"was fitted to {join_names(result.feature_names)}. Name the same ones in the same "
            "order, with --set input.columns=[...] or input.variables=[...]."
        )


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSweep:
    """A sweep whose selected mixture continues the labels of an earlier one.

    Attributes
    ----------
    sweep : Sweep
        The components of the best are in the order of their labels.
    labelling : ComponentLabels
        Of these.
    older : Parameters, or None
        The earlier mixture in the coordinates of the newer, in the order of its own labels; None
        without a predecessor.
    places : tuple of int
        Where each component of the best was in the fit; empty where all are in their places.
    """

    sweep: Sweep
    labelling: ComponentLabels
    older: Parameters | None = None
    places: tuple[int, ...] = ()


def relabel(fitted: "Fit", earlier: "Result | None", *, are_kept: bool = False) -> LabelledSweep:
    """The fit, with the labels of the earlier result.

    Parameters
    ----------
    fitted : Fit
    earlier : Result, or None
        Of the same features.
    are_kept : bool
        Whether the first components are those of the earlier result, in its order.
    """
    sweep = fitted.sweep
    mixture = sweep.selected.parameters
    if earlier is None:
        return LabelledSweep(sweep, ComponentLabels.first(mixture.n_components))
    profile = fitted.profile.transform(fitted.transform)
    older = transform_mixture(
        earlier.model,
        earlier.transform,
        fitted.transform,
        profile.covariance,
        Regularization.for_data(profile.covariance, profile.mean),
    )
    if are_kept:
        labelling = earlier.labelling.extend(mixture.n_components)
        return LabelledSweep(sweep, labelling, older)
    labelled = fitted.profile.labelled
    n_classes = 0 if labelled is None else len(labelled.classes)
    labelling = earlier.labelling.follow(align(older, mixture, n_kept=n_classes))
    order = np.argsort(labelling.labels)
    best = replace(sweep.selected, parameters=mixture.permute(order))
    results = tuple(best if result is sweep.selected else result for result in sweep.results)
    return LabelledSweep(
        replace(sweep, results=results, selected=best),
        labelling.sort(),
        older,
        tuple(order.tolist()),
    )


def _is_new(path: str, output: Output) -> bool:
    """Whether a path is an output without a published run."""
    if absolute_location(path).text != absolute_location(output.path).text:
        return False
    return read_pointer(output_path(output.path, output.storage_options)) is None
