"""Summaries of the rows of each component, as arrays on disk: ``components/``."""

from dgmm.io.results.label_arrays import write_labels
from dgmm.io.results.sweep_arrays import write_feature_names
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_small, write_small
from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform

_DIMENSIONS = {
    "n_labelled": ("component",),
    "size": ("component",),
    "mean": ("component", "input_feature"),
    "standard_deviation": ("component", "input_feature"),
    "quantile": ("quantile",),
    "quantiles": ("component", "quantile", "input_feature"),
}

_ERRORS = {
    "weight_error": ("weight", ("component",)),
    "mean_error": ("mean", ("component", "input_feature")),
    "standard_deviation_error": ("standard_deviation", ("component", "input_feature")),
}


def write_components(
    run: AnyPath,
    components: ComponentSummary,
    input_names: tuple[str, ...],
    mixture: Parameters,
    transform: FeatureTransform | None,
    labels: tuple[int, ...],
) -> None:
    """Write summaries of components by their rows and by the model; no group metadata.

    ``mean`` and ``standard_deviation`` are those of the rows. Where rows were prepared,
    ``model_mean`` and ``model_covariance`` are those of the mixture in the units of the input;
    after functions of single features there is no covariance in these units.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group = run / "components"
    write_feature_names(group, input_names, ("input_feature",))
    write_labels(group, labels)
    for name, dimensions in _DIMENSIONS.items():
        write_small(group / name, getattr(components, name), dimensions)
    if transform is not None:
        dimensions = ("component", "input_feature", "input_feature_2")
        write_small(group / "model_mean", transform.inverse_means(mixture), dimensions[:2])
    if transform is not None and transform.functions is None:
        covariances = transform.inverse_covariances(mixture)
        write_feature_names(group, input_names, ("input_feature_2",))
        write_small(group / "model_covariance", covariances, dimensions)


def write_errors(run: AnyPath, errors: ComponentErrors) -> None:
    """Write standard errors beside what they are of; no group metadata.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    for name, (attribute, dimensions) in _ERRORS.items():
        write_small(run / "components" / name, getattr(errors, attribute), dimensions)


def read_errors(run: AnyPath) -> ComponentErrors | None:
    """What `write_errors` wrote; None if it is not there.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    group = run / "components"
    if not (group / "weight_error").is_dir():
        return None
    return ComponentErrors(
        **{attribute: read_small(group / name) for name, (attribute, _) in _ERRORS.items()}
    )


def read_components(run: AnyPath) -> ComponentSummary | None:
    """What `write_components` wrote; None if it is missing.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    group = run / "components"
    if not (group / "size").is_dir():
        return None
    return ComponentSummary(**{name: read_small(group / name) for name in _DIMENSIONS})
