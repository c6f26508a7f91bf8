"""The record of a run, from which its report is drawn: ``record/``."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.errors import OutputError
from dgmm.io.results.sweep_arrays import write_feature_names
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    read_attributes,
    read_small,
    write_small,
    zarr_store,
)
from dgmm.mixture.types import Array

_MOST_SAMPLED_ROWS = 5_000
_MOST_SAMPLED_BYTES = 4 << 20
_FORMER_STAGES = {"comparison": "compare", "fold": "update"}
"""Stages by the names that dgmm 0.1.0 gave them at first."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """Passes and seconds of a stage.

    Attributes
    ----------
    stage : str
        As in :class:`dgmm.engine.events.PassStarted`.
    n_passes : int
    n_rows : int
        Rows that a pass went over.
    n_bytes : int
        Of the input, in memory, that all its passes went over, read or kept; 0 where the driver
        held the rows.
    seconds : float
        Of its passes.
    """

    stage: str
    n_passes: int
    n_rows: int
    n_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """How a run went, and a small sample of its rows.

    Attributes
    ----------
    stages : tuple of StageRecord
        In their order; of the last attempt only where ``is_resumed``.
    seconds : float
        From the beginning of the last attempt to its last pass.
    is_resumed : bool
        Whether earlier attempts had been interrupted.
    warnings : tuple of str
        Logged warnings, without secrets.
    mean, standard_deviation : ndarray of shape (n_features,)
        Of all rows that lack nothing, weighted.
    sample : ndarray of shape (m, n_features)
        Some rows that lack nothing, drawn uniformly, as they are in the input; m is at most 5,000.
    sample_weights : ndarray of shape (m,), or None
    picture : ndarray of shape (height, width, n_bands), uint8, or None
        Every so many pixels of an input that is an image.
    picture_shape : (int, int), or None
        Height and width of the image, in pixels of its own.
    """

    stages: tuple[StageRecord, ...]
    seconds: float
    is_resumed: bool
    warnings: tuple[str, ...]
    mean: Array
    standard_deviation: Array
    sample: Array
    sample_weights: Array | None = None
    picture: NDArray[np.uint8] | None = None
    picture_shape: tuple[int, int] | None = None


_DIMENSIONS = {
    "mean": ("input_feature",),
    "standard_deviation": ("input_feature",),
    "sample": ("sampled_row", "input_feature"),
    "sample_weights": ("sampled_row",),
    "picture": ("y", "x", "band"),
}
_ATTRIBUTES = ("seconds", "is_resumed", "warnings", "picture_shape")


def subsample_stride(n_rows: int, n_features: int) -> slice:
    """The stride that takes few enough of the sampled rows for a record.

    Examples
    --------
    >>> subsample_stride(12_000, 3)
    slice(None, None, 3)
    """
    most = max(1, min(_MOST_SAMPLED_ROWS, _MOST_SAMPLED_BYTES // (8 * n_features)))
    return slice(None, None, max(1, -(-n_rows // most)))


def write_record(group: AnyPath, record: Record, feature_names: tuple[str, ...]) -> None:
    """Write a record as a group; times are attributes.

    Parameters
    ----------
    group : Path
    record : Record
    feature_names : tuple of str
        Of the input.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    write_feature_names(group, feature_names, ("input_feature",))
    for name, values in _arrays(record):
        write_small(group / name, values, _DIMENSIONS[name])
    attributes = {name: getattr(record, name) for name in _ATTRIBUTES}
    stages = [asdict(stage) for stage in record.stages]
    zarr.create_group(zarr_store(group), attributes={**attributes, "stages": stages})


def _arrays(record: Record) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in _DIMENSIONS:
        values = getattr(record, name)
        if values is not None:
            yield name, values


def read_record(group: AnyPath) -> Record | None:
    """What `write_record` wrote; None in runs without a record.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    OutputError
        If it is not what this version of dgmm writes.
    """
    if not (group / ROOT_METADATA).is_file():
        return None
    attributes = read_attributes(group)
    arrays = {
        name: read_small(group / name)
        for name in _DIMENSIONS
        if (group / name / ROOT_METADATA).is_file()
    }
    try:
        shape = attributes["picture_shape"]
        return Record(
            stages=tuple(_read_stage(stage) for stage in attributes["stages"]),
            seconds=attributes["seconds"],
            is_resumed=attributes["is_resumed"],
            warnings=tuple(attributes["warnings"]),
            picture_shape=None if shape is None else (shape[0], shape[1]),
            **arrays,
        )
    except (KeyError, TypeError, IndexError) as error:
        raise OutputError(
            f"{group} is not what this version of dgmm writes: {error!r}. "
            "Open it with the version of dgmm that wrote it."
        ) from error


def _read_stage(facts: Mapping[str, Any]) -> StageRecord:
    return StageRecord(**{**facts, "stage": _FORMER_STAGES.get(facts["stage"], facts["stage"])})
