"""Open the result of a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.engine.assignment import assign_checked
from dgmm.engine.block import Missing
from dgmm.engine.row_checks import check_features
from dgmm.errors import OutputError, UsageError
from dgmm.io.results.assignment_schema import ASSIGNMENTS
from dgmm.io.results.clustering_arrays import read_clustering
from dgmm.io.results.component_arrays import read_components, read_errors
from dgmm.io.results.drift_arrays import read_drift
from dgmm.io.results.goodness_arrays import read_goodness
from dgmm.io.results.label_arrays import COMPONENT, read_labelling
from dgmm.io.results.posterior_arrays import StoredPosterior, read_posterior
from dgmm.io.results.result_text import describe_result
from dgmm.io.results.selected_model import SelectedModel
from dgmm.io.results.stored_run import check_format, find_run, open_beside_samples
from dgmm.io.results.sweep_arrays import FIRST_CRITERIA, SIZE, read_sweep
from dgmm.io.results.transform_arrays import read_preparation
from dgmm.io.storage.location import AnyPath, output_path
from dgmm.io.storage.zarr_arrays import read_attributes, read_small, storage_failures
from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.component_summary import ComponentSummary
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.drift.decision import Drift
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.goodness_of_fit import GoodnessOfFit
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.model_selection.dependence import Dependence
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.plots.accessor import ResultPlot


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result(SelectedModel):
    """A complete run.

    Attributes
    ----------
    path : Path or StorePath
        The run, a Zarr v3 group; ``xarray.open_datatree(path, engine="zarr")`` opens it too.
    attributes : dict
        Configuration, versions, fingerprint of the input, time, selection.
    feature_names : tuple of str
        Of the input.
    transform : FeatureTransform, or None
        Of the input for the mixtures; None if they are in its units.
    sweep : Sweep
        Every candidate as fitted; ``sweep.selected`` is the selected one.
    labelling : ComponentLabels
        What the components of the selected candidate are called.
    components : ComponentSummary, or None
        What the rows of each component of the model are like.
    assignments : dict of str to zarr.Array
        ``labels`` (n_samples,), ``responsibilities`` (n_samples, n_components), ``log_density``
        (n_samples,): those that the run was asked for, none of them read yet. To read one that has
        been pruned since raises a StorageError.
    coordinates : dict of str to zarr.Array
        Of the samples' grid, where the input had them.
    drift : Drift, or None
        What changed since the result that the run started from; None if it started from none.
    goodness : GoodnessOfFit, or None
        How well each component of the model fits the rows of the run; None in results of earlier
        versions.
    clustering : Clustering, or None
        Which components of the model are one cluster; None in results of earlier versions.
    errors : ComponentErrors, or None
        How sure weights, means and deviations of components are; None with few blocks of rows.
    posterior : StoredPosterior, or None
        Of a Bayesian mixture, whose mean is the model; None of other mixtures and of scores.

    Examples
    --------
    >>> import dgmm
    >>> result = dgmm.open_result("results/iris")
    >>> result.model.means.round(1).tolist()
    [[6.3, 2.9, 4.9, 1.7], [5.0, 3.4, 1.5, 0.2]]
    >>> result.assignments["labels"][:5]
    array([1, 1, 1, 1, 1], dtype=int16)
    """

    path: AnyPath
    attributes: dict[str, Any]
    feature_names: tuple[str, ...]
    transform: FeatureTransform | None
    sweep: Sweep
    labelling: ComponentLabels
    components: ComponentSummary | None
    assignments: dict[str, zarr.Array[Any]]
    coordinates: dict[str, zarr.Array[Any]] = field(default_factory=dict)
    drift: Drift | None = None
    goodness: GoodnessOfFit | None = None
    clustering: Clustering | None = None
    errors: ComponentErrors | None = None
    posterior: StoredPosterior | None = None

    @property
    def outlier_threshold(self) -> float:
        """Log density below which a row is an outlier; minus infinity if none was found."""
        return float(self.attributes.get("outlier_threshold", -np.inf))

    def assign(self, rows: NDArray[np.generic]) -> RowPosteriors:
        """What the selected mixture says of rows in the units of the input, held in memory.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)

        Raises
        ------
        DataError
            If the rows have other features, or a value that is infinite, or NaN unless the run
            marginalised these, or too far away.

        Examples
        --------
        >>> import numpy as np
        >>> import dgmm
        >>> result = dgmm.open_result("results/iris")
        >>> result.assign(np.array([[5.0, 3.4, 1.5, 0.2]])).labels
        array([1])
        """
        stored = self.attributes.get("configuration", {}).get("input", {})
        rule: Missing = stored.get("missing", "error")
        values = np.asarray(rows)
        check_features(values, self.feature_names)
        assignment = assign_checked(self.model, values, self.transform, missing=rule)
        return replace(assignment, components=self.labelling.labels)

    @property
    def clusters(self) -> tuple[int, ...] | None:
        """What the cluster of each component is called: as its heaviest component is."""
        if self.clustering is None:
            return None
        return self.clustering.names(self.labelling.labels, self.model.weights)

    @property
    def model(self) -> Parameters:
        """Parameters of the selected candidate."""
        return self.sweep.selected.parameters

    @property
    def plot(self) -> ResultPlot:
        """Criteria, means, ellipses and a map, on axes of Matplotlib.

        Of a mixture of functions of features, means and ellipses are those of the functions.
        """
        mixture, names = self.model, self.feature_names
        transform = None if self.transform is None else self.transform.linear
        if self.transform is not None and self.transform.functions is not None:
            names = self.transform.functions.describe(names)
        return ResultPlot(
            results=self.sweep.results,
            criterion=self.sweep.criterion,
            weights=mixture.weights,
            means=mixture.means if transform is None else transform.inverse_means(mixture),
            covariances=mixture.matrices
            if transform is None
            else transform.inverse_covariances(mixture),
            names=names,
            labels=self.labelling.labels,
            read_labels=partial(_read_map, self),
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        """What notebooks show."""
        heading, *facts = self._lines()
        return f"<b>{escape(heading)}</b><pre>{escape(chr(10).join(facts))}</pre>"

    def _lines(self) -> list[str]:
        arrays = {**self.assignments, **self.coordinates}
        shapes = {name: array.shape for name, array in arrays.items()}
        return describe_result(
            self.sweep,
            self.labelling,
            self.path,
            self.attributes,
            len(self.feature_names),
            shapes,
            None if self.drift is None else self.drift.verdict.value,
        )


def _read_map(result: Result, at: tuple[int, ...]) -> NDArray[np.integer]:
    """The places of components over the last two dimensions of the samples."""
    labels = result.assignments.get("labels")
    if labels is None or labels.ndim < 2:
        raise UsageError(f"{result.path} has no labels on a grid of two dimensions, so no map.")
    with storage_failures(result.path):
        found = np.asarray(labels[(*at, *[0] * (labels.ndim - 2 - len(at)))])
    return result.labelling.places(found)


def open_result(
    path: str | os.PathLike[str] | AnyPath, storage_options: Mapping[str, Any] | None = None
) -> Result:
    """Open a result: the last complete run of an output directory, or one run of it.

    Parameters
    ----------
    path : str or path
        ``OUTPUT`` or ``OUTPUT/runs/RUN_ID.zarr``; a path, or the URL of an object store. Of a
        link, such as ``OUTPUT/latest.zarr``, the run that it names now.
    storage_options : mapping, optional
        How the store is reached, such as ``endpoint_url``.

    Raises
    ------
    InputNotFoundError
        If nothing is there, or no run is complete.
    OutputError
        If it is not what this version of dgmm writes.
    StorageError
        If an array is missing or damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> import dgmm
    >>> from dgmm.run import loads, run
    >>> np.save("iris.npy", load_iris().data)
    >>> done = run(
    ...     loads('''
    ...     input: {path: iris.npy}
    ...     model: {n_components: "1:3", covariance_type: full}
    ...     output: {path: results/iris, report: false}
    ...     cluster: {kind: threads}
    ... ''')
    ... )
    >>> result = dgmm.open_result("results/iris")
    >>> result.sweep.selected.candidate.name
    'full-2'
    """
    place = output_path(path, storage_options)
    with storage_failures(place):
        run = find_run(place)
    attributes = read_attributes(run)
    check_format(run, attributes)
    names = ("criterion", "n_passes", "selected")
    if not all(name in attributes for name in names):
        raise OutputError(f"{run} lacks one of the attributes {', '.join(names)}.")
    criteria = attributes.get("criteria", FIRST_CRITERIA)
    criterion, n_passes, selected = (attributes[name] for name in names)
    sweep = read_sweep(run, criterion, n_passes, selected, criteria, attributes.get(SIZE))
    if "dependence" in attributes:
        sweep = replace(sweep, dependence=Dependence(**attributes["dependence"]))
    n_components = sweep.selected.n_components
    transform, feature_names = read_preparation(run)
    arrays = open_beside_samples(run)
    return Result(
        path=run,
        attributes=attributes,
        feature_names=feature_names or _feature_names(run, attributes),
        transform=transform,
        sweep=sweep,
        labelling=read_labelling(run / "model", n_components, attributes.get("next_label")),
        components=read_components(run),
        assignments={name: array for name, array in arrays.items() if name in ASSIGNMENTS},
        coordinates={
            name: array
            for name, array in arrays.items()
            if name not in ASSIGNMENTS and name != COMPONENT
        },
        drift=read_drift(run),
        goodness=read_goodness(run),
        clustering=read_clustering(run),
        errors=read_errors(run),
        posterior=read_posterior(run),
    )


def _feature_names(run: AnyPath, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the input's features, where no transform says them."""
    named = attributes.get("input_feature_names")
    return tuple(map(str, read_small(run / "feature") if named is None else named))
