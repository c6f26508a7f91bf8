"""The plan of a run: its dataset, options, name and memory."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dgmm.engine import memory
from dgmm.engine.dataset import Dataset
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.memory import Projection
from dgmm.engine.profiling.option_checks import check_options
from dgmm.errors import ConfigurationError
from dgmm.io.grid import Grid
from dgmm.io.partition import chunk_shape
from dgmm.io.results.assignment_schema import RESERVED
from dgmm.io.results.output import Output
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import Source, open_source
from dgmm.io.storage.location import output_path
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.transform import FeatureTransformSpec
from dgmm.mixture.variational.prior_options import PriorOptions
from dgmm.run.clusters.capacity import Capacity
from dgmm.run.config.configuration import Configuration
from dgmm.run.config.input_section import Input
from dgmm.run.config.model_section import Model, candidates
from dgmm.run.feature_functions import functions_of_run
from dgmm.run.identity import attempt_id_of, fit_run_id, request_id, score_run_id
from dgmm.run.warm_start import (
    build_warm_start,
    check_features,
    earlier_result,
    narrow_models,
)

if TYPE_CHECKING:  # a plan that starts from no result opens none
    from dgmm.io.results.result import Result
    from dgmm.run.clusters.cluster import OpenCluster

_CHUNK_BYTES = 16 << 20
_CHUNK_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class RunPlan:
    """A run that has not started.

    Attributes
    ----------
    configuration : Configuration
    output : Output
    source : Source
    dataset : Dataset
    options : FitOptions
    model : Result, or None
        By whose selected mixture the rows are scored; None for a fit.
    earlier : Result, or None
        What a fit starts from.
    request : str
        The same for the same input, model and assignments, whatever computes them.
    run_id : str
        The same for the same request and the same earlier result or scored model; that of a
        complete run which was made for this request, whatever it had started from.
    attempt_id : str
        The same for the same configuration, whatever has become of its input.
    chunk_shape : tuple of int
        Extents of a stored chunk of assignments in the samples' dimensions.
    projection : Projection
    """

    configuration: Configuration
    output: Output
    source: Source
    dataset: Dataset
    options: FitOptions
    model: "Result | None"
    earlier: "Result | None"
    request: str
    run_id: str
    attempt_id: str
    chunk_shape: tuple[int, ...]
    projection: Projection

    @property
    def starts_from_another(self) -> bool:
        """Whether the run starts from an earlier result, so that a later run may supersede it."""
        return self.model is None and self.configuration.model.start_from is not None

    @property
    def compared_with(self) -> "Result | None":
        """The result to be compared with; where parts of it stay, rows may be of another kind."""
        return self.earlier if self.options.fixed is None else None

    @property
    def layout(self) -> tuple[Dataset, Grid, tuple[int, ...]]:
        """What assignments depend on besides the mixture: rows, grid, chunks."""
        return self.dataset, self.source.grid, self.chunk_shape

    def check_memory(self, capacity: Capacity | None) -> None:
        """Refuse a run that does not fit in its workers, as far as they are known.

        Raises
        ------
        MemoryLimitError
        """
        if capacity is not None:
            threads, limit = capacity.threads_per_worker, capacity.memory_limit
            usable, is_driver = capacity.usable_memory, capacity.is_driver
            memory.check(self.projection, threads, limit, usable, is_driver=is_driver)

    @contextmanager
    def open_cluster(self, *, keep_blocks: bool = False) -> "Iterator[OpenCluster]":
        """Open the configuration's cluster during a ``with``, if the run fits in it.

        Parameters
        ----------
        keep_blocks : bool, optional
            Whether blocks stay on workers that have room, for another pass.
        """
        from dgmm.run.clusters.cluster import open_cluster  # which imports distributed

        wanted, projection = self.configuration, self.projection if keep_blocks else None
        with open_cluster(wanted.cluster, wanted.redactor, projection) as cluster:
            self.check_memory(cluster.capacity)
            yield cluster


def plan_run(configuration: Configuration, model: "Result | None" = None) -> RunPlan:
    """Open the input's metadata and derive the plan of a run.

    Parameters
    ----------
    configuration : Configuration
    model : Result, optional
        By which the rows are to be scored; without one they are to be fitted.

    Raises
    ------
    DataError
        If the data have other features than the model, or than the result to start from.
    DgmmError
        If the input cannot be opened (:func:`dgmm.io.sources.source.open_source`).
    """
    wanted = configuration.input
    selection = wanted.to_selection()
    if model is None:
        source = _open(wanted, selection)
    else:  # whose components are fitted; labels are not needed, and are no feature
        source = _open(wanted, replace(selection, labels=None))
        beside = None if selection.labels is None else selection.labels.variable
        if beside in source.feature_names and beside not in model.feature_names:
            source = replace(_open(wanted, selection), labels=None)
    _refuse_reserved(source.grid, wanted.id_columns or ())
    dataset = Dataset.from_array(
        source.blocks, source.weights, source.feature_names, wanted.missing, source.labels
    )
    earlier = earlier_result(configuration) if model is None else None
    for known in (model, earlier):
        if known is not None:
            check_features(known, dataset.feature_names)
    output = Output(output_path(configuration.output.path, configuration.output.storage_options))
    options = _options(configuration, dataset, earlier)
    if model is None:
        check_options(dataset, options)
    request = request_id(configuration, source)
    chunks = _chunk_shape(source.grid, options.max_components)
    run_id, attempt_id = request, attempt_id_of(configuration)
    if model is None:
        run_id = fit_run_id(configuration, output, request, earlier)
    else:
        run_id, attempt_id = (score_run_id(name, model) for name in (request, attempt_id))
        kind = model.model.covariance_type, model.model.n_components
        noise = None if model.model.noise is None else model.model.noise.log_density
        # one pass of one mixture
        options = replace(options, models=(kind,), sample_rows=0, noise=noise, variational=None)
    return RunPlan(
        configuration,
        output,
        source,
        dataset,
        options,
        model,
        earlier,
        request,
        run_id,
        attempt_id,
        chunks,
        memory.project(dataset, options, math.prod(chunks)),
    )


def _open(wanted: Input, selection: Selection) -> Source:
    place, options = wanted.path, wanted.storage_options
    return open_source(place, wanted.format, selection, wanted.partition_size, options)


def _refuse_reserved(grid: Grid, id_columns: Sequence[str]) -> None:
    """Refuse dimensions and identifiers with names that results use themselves."""
    for name in id_columns:
        if name in RESERVED or "/" in name or name.startswith("."):
            raise ConfigurationError(
                f"The column {name!r} cannot be carried to the result: its name is that of "
                "something else there, or none of an array. Rename it in the table."
            )
    if reserved := RESERVED.intersection(grid.dims):
        raise ConfigurationError(
            f"The dimension {', '.join(sorted(reserved))} of the input has a name that results use "
            "for something else. Rename it in the dataset."
        )


def _options(
    configuration: Configuration, dataset: Dataset, earlier: "Result | None"
) -> FitOptions:
    model, prepare, wanted = configuration.model, configuration.prepare, configuration.input
    if wanted.missing == "marginalize":
        _refuse_whole_rows(configuration)
    if isinstance(prepare.pca, int) and prepare.pca > dataset.n_features:
        raise ConfigurationError(
            f"prepare.pca asks for {prepare.pca} principal components of data with "
            f"{dataset.n_features} features; expected at most as many."
        )
    return FitOptions(
        models=_models(model, earlier),
        criterion=model.criterion,
        n_init=model.n_init,
        init_params=model.init_params,
        tol=model.tol,
        max_iter=model.max_iter,
        reg_covar=model.reg_covar,
        seed=model.seed,
        sample_rows=model.sample_size,
        allow_degenerate=model.allow_degenerate,
        finish_all=model.finish_all,
        noise=model.noise,
        prior=model.prior,
        normalize=None if wanted.weights is None else wanted.weights.normalize,
        prepare=FeatureTransformSpec(
            prepare.scale == "standardize",
            prepare.pca,
            functions_of_run(prepare.transform, dataset.feature_names, earlier),
        ),
        earlier=build_warm_start(earlier),
        relevance=model.relevance,
        fixed=_fixed_parts(model, earlier),
        variational=_prior_options(model),
    )


def _prior_options(model: Model) -> PriorOptions | None:
    """The prior of a Bayesian mixture, if one is to be fitted."""
    if model.inference == "em":
        return None
    return PriorOptions(
        model.weight_concentration_prior_type,
        model.weight_concentration_prior,
        model.mean_precision_prior,
        degrees_of_freedom_prior=model.degrees_of_freedom_prior,
    )


def _models(model: Model, earlier: "Result | None") -> tuple[tuple[str, int], ...]:
    """What is fitted: the candidates near the earlier choice, or the one that is adapted.

    Where parts of it stay, all candidates are.
    """
    if model.relevance is not None and earlier is not None:
        chosen = earlier.sweep.selected.candidate
        return ((chosen.covariance_type, chosen.n_components),)
    whole = model.whole_sweep or model.fixed is not None
    return narrow_models(candidates(model), earlier, whole=whole)


def _fixed_parts(model: Model, earlier: "Result | None") -> FixedParts | None:
    if model.fixed is None or earlier is None:
        return None
    return FixedParts.of_mixture(earlier.model, model.fixed)


def _refuse_whole_rows(configuration: Configuration) -> None:
    """Refuse what needs rows that lack no value."""
    prepare = configuration.prepare
    for key, value, why in (
        ("prepare.pca", prepare.pca, "principal components need complete rows"),
        ("prepare.transform", prepare.transform, "functions of features need complete rows"),
        ("model.noise", configuration.model.noise, "a uniform density has no marginals"),
    ):
        if value:
            raise ConfigurationError(
                f"{key} is set, and input.missing is marginalize; {why}. Leave it out, or set "
                "input.missing to drop."
            )


def _chunk_shape(grid: Grid, n_components: int) -> tuple[int, ...]:
    """Extents of chunks that are small enough in memory with K columns."""
    most = min(_CHUNK_ROWS, max(1, _CHUNK_BYTES // (8 * n_components)))
    return chunk_shape(grid.shape, grid.common_shape, most)
