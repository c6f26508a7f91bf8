"""What a run knows before it begins: its dataset, its options, its name, its memory."""

import math
from dataclasses import dataclass

from dgmm.engine import memory
from dgmm.engine.dataset import Dataset
from dgmm.engine.fit_options import SAMPLE_ROWS, FitOptions
from dgmm.engine.memory import Projection
from dgmm.errors import ConfigurationError
from dgmm.io.grid import Grid
from dgmm.io.partition import chunk_shape
from dgmm.io.results.assignment_schema import RESERVED
from dgmm.io.results.result import Result
from dgmm.io.sources.source import Source, open_source
from dgmm.mixture.transform import FeatureTransformSpec
from dgmm.run.config.configuration import Configuration
from dgmm.run.config.model_section import candidates
from dgmm.run.identity import digest, fit_run_id, identity, request_id
from dgmm.run.warm_start import (
    check_features,
    earlier_result,
    narrow_models,
    warm_start_of,
)

_SAMPLE_BYTES = 64 << 20
_CHUNK_BYTES = 16 << 20
_CHUNK_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class RunPlan:
    """A run that has not begun.

    Attributes
    ----------
    source : Source
    dataset : Dataset
    options : FitOptions
    request : str
        The same for the same input, model and assignments, whatever computes them.
    earlier : Result, or None
        What the run starts from.
    run_id : str
        The same for the same request and the same earlier result; that of a complete run which was
        made for this request, whatever it had started from.
    attempt_id : str
        The same for the same configuration, whatever has become of its input.
    chunk_shape : tuple of int
        Extents of a stored chunk of assignments in the samples' dimensions.
    projection : Projection
    """

    source: Source
    dataset: Dataset
    options: FitOptions
    request: str
    earlier: Result | None
    run_id: str
    attempt_id: str
    chunk_shape: tuple[int, ...]
    projection: Projection


def plan_run(configuration: Configuration) -> RunPlan:
    """Open the input's metadata and settle everything that follows from them.

    Raises
    ------
    DgmmError
        If the input cannot be opened (:func:`dgmm.io.sources.source.open_source`).
    """
    wanted = configuration.input
    source = open_source(
        wanted.path,
        wanted.format,
        wanted.to_selection(),
        wanted.partition_size,
        wanted.storage_options,
    )
    _refuse_reserved(source.grid)
    dataset = Dataset.from_array(
        source.blocks, source.weights, source.feature_names, wanted.missing
    )
    earlier = earlier_result(configuration)
    if earlier is not None:
        check_features(earlier, dataset.feature_names)
    options = _options(configuration, dataset, earlier)
    request = request_id(configuration, source)
    chunks = _chunk_shape(source.grid, options.max_components)
    return RunPlan(
        source,
        dataset,
        options,
        request,
        earlier,
        fit_run_id(configuration, request, earlier),
        digest(identity(configuration)),
        chunks,
        memory.project(dataset, options, math.prod(chunks)),
    )


def _refuse_reserved(grid: Grid) -> None:
    """Results have dimensions of their own beside those of the samples."""
    if reserved := RESERVED.intersection(grid.dims):
        raise ConfigurationError(
            f"The dimension {', '.join(sorted(reserved))} of the input has a name that results use "
            "for something else. Rename it in the dataset."
        )


def _options(configuration: Configuration, dataset: Dataset, earlier: Result | None) -> FitOptions:
    model, prepare = configuration.model, configuration.prepare
    if isinstance(prepare.pca, int) and prepare.pca > dataset.n_features:
        raise ConfigurationError(
            f"prepare.pca asks for {prepare.pca} principal components of data with "
            f"{dataset.n_features} features; expected at most as many."
        )
    affordable = max(1, _SAMPLE_BYTES // (8 * dataset.n_features))
    return FitOptions(
        models=narrow_models(candidates(model), earlier, whole=model.whole_sweep),
        criterion=model.criterion,
        n_init=model.n_init,
        init_params=model.init_params,
        tol=model.tol,
        max_iter=model.max_iter,
        reg_covar=model.reg_covar,
        seed=model.seed,
        sample_rows=model.sample_size or min(SAMPLE_ROWS, affordable),
        allow_degenerate=model.allow_degenerate,
        finish_all=model.finish_all,
        prepare=FeatureTransformSpec(prepare.scale == "standardize", prepare.pca),
        earlier=warm_start_of(earlier),
    )


def _chunk_shape(grid: Grid, n_components: int) -> tuple[int, ...]:
    """Parts of blocks that are small to hold with K columns."""
    most = min(_CHUNK_ROWS, max(1, _CHUNK_BYTES // (8 * n_components)))
    return chunk_shape(grid.shape, grid.common_shape, most)
