"""What a run knows before it begins: its dataset, its options, its name, its memory."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dgmm.engine import memory
from dgmm.engine.dataset import Dataset
from dgmm.engine.memory import Projection
from dgmm.engine.options import SAMPLE_ROWS, FitOptions
from dgmm.errors import ConfigurationError
from dgmm.io.layout import FORMAT_VERSION
from dgmm.io.selection import Selection
from dgmm.io.sources import Source, open_source
from dgmm.mixture.preparation import PreparationRule
from dgmm.run.configuration import Configuration, candidates, identity

_SAMPLE_BYTES = 64 << 20
_CHUNK_BYTES = 16 << 20
_CHUNK_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """A run that has not begun.

    Attributes
    ----------
    source : Source
    dataset : Dataset
    options : FitOptions
    run_id : str
        The same for the same input, model and assignments, whatever computes them.
    attempt_id : str
        The same for the same configuration, whatever has become of its input.
    chunk_rows : int
        Rows of a stored chunk of assignments.
    projection : Projection
    """

    source: Source
    dataset: Dataset
    options: FitOptions
    run_id: str
    attempt_id: str
    chunk_rows: int
    projection: Projection


def prepare(configuration: Configuration) -> Preparation:
    """Open the input's metadata and settle everything that follows from them.

    Raises
    ------
    DgmmError
        If the input cannot be opened (:func:`dgmm.io.sources.open_source`).
    """
    wanted = configuration.input
    source = open_source(
        wanted.path,
        wanted.format,
        Selection(
            variables=() if wanted.variable is None else (wanted.variable,),
            columns=wanted.columns or (),
            missing_chunks=wanted.missing_chunks,
            weights=None if wanted.weights is None else wanted.weights.selected(),
        ),
        wanted.partition_size,
        wanted.storage_options,
    )
    dataset = Dataset.from_array(
        source.blocks, source.weights, source.feature_names, wanted.missing
    )
    options = _options(configuration, dataset)
    chunk_rows = _chunk_rows(_common_rows(dataset.rows.chunks[0]), options.max_components)
    return Preparation(
        source,
        dataset,
        options,
        _run_id(configuration, source),
        _digest(identity(configuration)),
        chunk_rows,
        memory.project(dataset, options, chunk_rows),
    )


def _options(configuration: Configuration, dataset: Dataset) -> FitOptions:
    model, prepare = configuration.model, configuration.prepare
    if isinstance(prepare.pca, int) and prepare.pca > dataset.n_features:
        raise ConfigurationError(
            f"prepare.pca asks for {prepare.pca} principal components of data with "
            f"{dataset.n_features} features; expected at most as many."
        )
    affordable = max(1, _SAMPLE_BYTES // (8 * dataset.n_features))
    return FitOptions(
        models=candidates(model),
        criterion=model.criterion,
        n_init=model.n_init,
        init_params=model.init_params,
        tol=model.tol,
        max_iter=model.max_iter,
        reg_covar=model.reg_covar,
        seed=model.seed,
        sample_rows=model.sample_size or min(SAMPLE_ROWS, affordable),
        allow_degenerate=model.allow_degenerate,
        prepare=PreparationRule(prepare.scale == "standardize", prepare.pca),
    )


def _run_id(configuration: Configuration, source: Source) -> str:
    return _digest(
        {
            "configuration": identity(configuration),
            "fingerprint": source.fingerprint,
            "format_version": FORMAT_VERSION,
        }
    )


def _digest(document: dict[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _common_rows(block_rows: Sequence[int]) -> int:
    """The most rows of which every block but the last is a multiple."""
    return math.gcd(*block_rows[:-1]) or block_rows[0]


def _chunk_rows(block_rows: int, n_components: int) -> int:
    """The largest part of a block that divides it evenly and is small to hold with K columns."""
    most = min(_CHUNK_ROWS, max(1, _CHUNK_BYTES // (8 * n_components)))
    fewest = -(-block_rows // most)
    parts = next((n for n in range(fewest, 2 * fewest + 1) if block_rows % n == 0), 1)
    return block_rows // parts
